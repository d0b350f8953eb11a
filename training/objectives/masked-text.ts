import type { Expr } from '../../core'
import { auxiliaryLogits, type PairModel, type PairParams, type PassDropout } from '../../models'
import type { PretrainInputs } from './objective'

/** The auxiliary's pass over the masked text: its logits at the masked places, f32[B*K, V]. No dropout unless it is given. */
export const readMasked = (config: PairModel, params: PairParams, batch: PretrainInputs, d: PassDropout = null): Expr =>
  auxiliaryLogits(config, params, batch.masked, batch.positions, batch.tokenOrder, batch.isToken, d)
