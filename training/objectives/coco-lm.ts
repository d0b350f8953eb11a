import type { Expr } from '../../core'
import { contrastHead, mainHeads } from '../../models'
import { contrastLoss, cropVectors, textVectors } from './contrast'
import { readMasked } from './masked-text'
import { defineObjective, type PretrainInputs } from './objective'
import { readReplaced, replacedShare, replacementsOf } from './replaced-text'
import { detectionWeight } from './t-nlrv5'
import { batchKey, copyLoss, correctiveLoss, detectionLoss, maskedCrossEntropy, weightedSum } from './terms'

/** Weight of sequence contrast: the paper adds it as it is (Meng et al. 2021, arXiv:2102.08473, §3.3). */
export const contrastWeight = 1

/** A corrective language loss: logits f32[B*K, V] and detection's logits f32[B, T], no gradient to the latter -> f32[]. */
type Corrective = (logits: Expr, original: Expr, isOriginal: Expr, batch: PretrainInputs) => Expr

/**
 * COCO-LM (Meng et al. 2021, arXiv:2102.08473, §3): the auxiliary's masked LM + corrective LM + 50 x detection + sequence contrast between
 * the corrupted text and a crop of the original. The auxiliary has no dropout, as T-NLRv5's.
 */
const cocoLmBy = (clm: Corrective) =>
  defineObjective({ heads: [contrastHead], contrastsRows: true }, (config) => (params, batch, key) => {
    const auxiliary = readMasked(config, params, batch)
    const k = batchKey(key, batch)
    const sampled = replacementsOf(auxiliary, batch, k, config)
    const { corrupted, hidden } = readReplaced(config, params, batch, sampled, k)
    const { isOriginal } = corrupted
    const { original, logits } = mainHeads(params, hidden, batch.positions)
    const views = [textVectors(config, params, hidden), cropVectors(config, params, batch, k)] as const
    return weightedSum(
      {
        mlm: { weight: 1, of: () => maskedCrossEntropy(auxiliary, batch) },
        clm: { weight: 1, of: () => clm(logits, original, isOriginal, batch) },
        rtd: { weight: detectionWeight, of: () => detectionLoss(original, isOriginal, batch) },
        scl: { weight: contrastWeight, of: () => contrastLoss(...views, batch) },
      },
      { replaced: replacedShare(corrupted, batch) },
    )
  })

/** Corrective LM weighted by the detached probability of "replaced", as its authors' criterion has it. */
export const cocoLm = cocoLmBy((logits, original, _isOriginal, batch) => correctiveLoss(logits, original, batch))

/** Corrective LM as the paper writes it: the mixture of a copy mechanism and a language model. */
export const cocoLmCopy = cocoLmBy(copyLoss)
