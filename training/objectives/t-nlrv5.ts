import { mainHeads, type PairParams } from '../../models'
import { readMasked } from './masked-text'
import type { Objective } from './objective'
import { readReplaced, replacedShare, replacementsOf } from './replaced-text'
import { batchKey, detectionLoss, maskedCrossEntropy, weightedSum } from './terms'

/** Weight of detection against the two language losses (recipe 2.3). */
export const detectionWeight = 50

/**
 * T-NLRv5's objective: the auxiliary's masked LM + the main model's corrective LM at the masked places + 50 x replaced-token
 * detection at all tokens. One auxiliary pass without dropout gives both its loss and the distribution that replacements are
 * drawn from; no gradient passes the draw. The corrective term is METRO's plain cross-entropy (recipe 2.5).
 * `replaced`, if the batch has it (i32[B, K]), stands for the draw.
 */
export const tNlrV5: Objective<PairParams> = (config) => (params, batch, key) => {
  const auxiliary = readMasked(config, params, batch) // [B*K, V]
  const k = batchKey(key, batch)
  const sampled = replacementsOf(auxiliary, batch, k, config)
  const { corrupted, hidden } = readReplaced(config, params, batch, sampled, k)
  const { original, logits } = mainHeads(params, hidden, batch.positions)
  return weightedSum(
    {
      mlm: { weight: 1, of: () => maskedCrossEntropy(auxiliary, batch) },
      clm: { weight: 1, of: () => maskedCrossEntropy(logits, batch) },
      rtd: { weight: detectionWeight, of: () => detectionLoss(original, corrupted.isOriginal, batch) },
    },
    { replaced: replacedShare(corrupted, batch) },
  )
}
