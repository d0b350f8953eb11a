import {
  binaryCrossEntropy,
  cast,
  crossEntropy,
  div,
  mul,
  reshape,
  sum,
  withStream,
  type Expr,
  type Key,
} from '../../core'
import type { PretrainInputs } from './objective'

/** The terms that pretraining losses are made of. Sums over global counts: never means of means. */

/** Σ weight · -ln p(target) / Σ weight over the masked places, in nats a masked token. logits f32[B*K, V] -> f32[]. */
export const maskedCrossEntropy = (logits: Expr, batch: PretrainInputs): Expr => {
  const n = logits.aval.shape[0]!
  const nll = crossEntropy(logits, reshape(batch.targets, [n]))
  return div(sum(mul(nll, reshape(batch.weights, [n]))), batch.maskCount)
}

/** Mean binary cross-entropy of "this token is the original" over all tokens, in nats a token (recipe 2.3). */
export const detectionLoss = (original: Expr, isOriginal: Expr, batch: PretrainInputs): Expr =>
  div(sum(binaryCrossEntropy(original, cast(isOriginal, 'f32'))), batch.tokenCount)

/** The key of a batch: draws numbered by the global number of each example. */
export const batchKey = (key: Key, batch: PretrainInputs): Key =>
  withStream(key, { lo: batch.exampleLo, hi: batch.exampleHi })
