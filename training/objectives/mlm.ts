import { auxiliaryLogits, type PairParams } from '../../models'
import type { Objective } from './objective'
import { maskedCrossEntropy } from './terms'

/** Masked LM with the auxiliary model alone (Devlin et al. 2019, arXiv:1810.04805): the smallest objective there is. */
export const mlm: Objective<PairParams> = (config) => (params, batch) => {
  const logits = auxiliaryLogits(config, params, batch.masked, batch.positions, batch.tokenOrder)
  const loss = maskedCrossEntropy(logits, batch)
  return { loss, metrics: { mlm: loss } }
}
