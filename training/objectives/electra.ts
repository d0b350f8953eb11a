import { electraHead, electraLogits } from '../../models'
import { readMasked } from './masked-text'
import { defineObjective } from './objective'
import { electraReading } from './reading'
import { readReplaced, replacedShare, replacementsOf } from './replaced-text'
import { detectionWeight } from './t-nlrv5'
import { batchKey, maskedCrossEntropy, replacementLoss, weightedSum } from './terms'

/**
 * ELECTRA (Clark et al. 2020, arXiv:2003.10555, §2): the generator's masked LM + 50 x detection with a head of dense, gelu and linear, whose
 * target 1 is "replaced". The generator is the pair's auxiliary, of the main model's width; the paper's has a quarter to a half of it. Its code
 * leaves 15 % of the chosen tokens as they are: --mask-keep 0.15.
 */
export const electra = defineObjective(
  { heads: [electraHead], reading: electraReading },
  (config) => (params, batch, key) => {
    const generator = readMasked(config, params, batch)
    const k = batchKey(key, batch)
    const sampled = replacementsOf(generator, batch, k, config)
    const { corrupted, hidden } = readReplaced(config, params, batch, sampled, k)
    const replaced = electraLogits(electraHead.of(params), hidden) // [B, T]
    return weightedSum(
      {
        mlm: { weight: 1, of: () => maskedCrossEntropy(generator, batch) },
        rtd: { weight: detectionWeight, of: () => replacementLoss(replaced, corrupted.isOriginal, batch) },
      },
      { replaced: replacedShare(corrupted, batch) },
    )
  },
)
