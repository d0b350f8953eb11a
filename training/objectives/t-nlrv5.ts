import {
  add,
  cast,
  div,
  foldIn,
  gumbel,
  mul,
  not,
  reshape,
  sample,
  scope,
  stopGradient,
  sum,
  type Expr,
} from '../../core'
import {
  auxiliaryLogits,
  mainHeads,
  mainHidden,
  mainTable,
  type PairConfig,
  type PairParams,
  type PassDropout,
} from '../../models'
import { corrupt, embedCorrupted } from './corrupt'
import type { LossFn, Objective, PretrainInputs } from './objective'
import { batchKey, detectionLoss, maskedCrossEntropy } from './terms'

/** Weight of detection against the two language losses (recipe 2.3). */
export const detectionWeight = 50

/**
 * T-NLRv5's objective: the auxiliary's masked LM + the main model's corrective LM at the masked places + 50 x replaced-token
 * detection at all tokens. One auxiliary pass without dropout gives both its loss and the distribution that replacements are
 * drawn from; no gradient passes the draw. The corrective term is METRO's plain cross-entropy (recipe 2.5).
 * `replaced`, if the batch has it (i32[B, K]), stands for the draw.
 */
export const tNlrV5: Objective<PairParams> = (config) => (params, batch, key) => {
  const auxiliary = auxiliaryLogits(config, params, batch.masked, batch.positions, batch.tokenOrder) // [B*K, V]
  const k = batchKey(key, batch)
  const sampled = givenReplacements(batch) ?? drawReplacements(auxiliary, batch, k, config)
  const corrupted = corrupt(batch, sampled)
  const embedded = embedCorrupted(mainTable(params), batch, sampled, corrupted)
  const hidden = mainHidden(config, params, embedded, mainDropout(config, k))
  const { original, logits } = mainHeads(params, hidden, batch.positions)
  const mlm = scope('mlm', () => maskedCrossEntropy(auxiliary, batch))
  const clm = scope('clm', () => maskedCrossEntropy(logits, batch))
  const rtd = scope('rtd', () => detectionLoss(original, corrupted.isOriginal, batch))
  const replaced = div(sum(cast(not(corrupted.isOriginal), 'f32')), batch.tokenCount)
  return { loss: add(add(mlm, clm), mul(rtd, detectionWeight)), metrics: { mlm, clm, rtd, replaced } }
}

/** One draw from softmax(logits) at each masked place: i32[B, K]. */
export const drawReplacements = (
  logits: Expr,
  batch: PretrainInputs,
  key: Parameters<LossFn>[2],
  config: PairConfig,
): Expr => {
  const [B, K] = batch.positions.aval.shape as readonly [number, number]
  const shaped = reshape(stopGradient(logits), [B, K, config.vocab])
  return sample(shaped, gumbel(foldIn(key, 'sample'), [B, K, config.vocab]))
}

const givenReplacements = (batch: PretrainInputs & { readonly replaced?: Expr }): Expr | undefined => batch.replaced

/** Dropout of the main model's pass; none where both rates are 0. */
export const mainDropout = (config: PairConfig, key: Parameters<LossFn>[2]): PassDropout =>
  config.dropout === 0 && config.attentionDropout === 0
    ? null
    : { rate: config.dropout, attentionRate: config.attentionDropout, key: foldIn(key, 'main') }
