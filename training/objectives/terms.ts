import {
  add,
  binaryCrossEntropy,
  broadcastTo,
  cast,
  crossEntropy,
  div,
  expandDims,
  gt,
  logSigmoid,
  mul,
  neg,
  not,
  reshape,
  scalar,
  scope,
  sigmoid,
  softplus,
  stopGradient,
  sub,
  sum,
  where,
  withStream,
  type Expr,
  type Key,
} from '../../core'
import { rowsAt } from '../../models'
import type { LossParts, PretrainInputs } from './objective'

/** The terms that pretraining losses are made of. Sums over global counts: never means of means. */

/** Σ weight · -ln p(target) / Σ weight over the masked places, in nats a masked token. logits f32[B*K, V] -> f32[]. */
export const maskedCrossEntropy = (logits: Expr, batch: PretrainInputs): Expr => {
  const n = logits.aval.shape[0]!
  return perMask(crossEntropy(logits, reshape(batch.targets, [n])), batch)
}

/** Mean binary cross-entropy of "this token is the original" over all tokens, in nats a token (recipe 2.3). */
export const detectionLoss = (original: Expr, isOriginal: Expr, batch: PretrainInputs): Expr =>
  perToken(binaryCrossEntropy(original, cast(isOriginal, 'f32')), batch)

/**
 * The same of "this token was replaced": ELECTRA's polarity (Clark et al. 2020, arXiv:2003.10555, §2). replaced f32[B, T], logits. Equal to
 * `detectionLoss` of their negatives, since -ln(1 - σ(x)) = -ln σ(-x).
 */
export const replacementLoss = (replaced: Expr, isOriginal: Expr, batch: PretrainInputs): Expr =>
  perToken(binaryCrossEntropy(replaced, cast(not(isOriginal), 'f32')), batch)

/**
 * Corrective LM as COCO-LM's authors posted it (their criterion, microsoft/COCO-LM issue 2):
 * Σ_M sg(1 - σ(s)) · -ln p(x) / |M|. What detection takes for replaced counts; no gradient goes to it, or the model could lower the loss by
 * calling all original. logits f32[B*K, V], original f32[B, T], the logits s -> f32[].
 */
export const correctiveLoss = (logits: Expr, original: Expr, batch: PretrainInputs): Expr => {
  const n = logits.aval.shape[0]!
  const weight = sigmoid(neg(stopGradient(maskedOf(original, batch)))) // [B*K]
  return perMask(mul(weight, crossEntropy(logits, reshape(batch.targets, [n]))), batch)
}

/**
 * Corrective LM with a copy mechanism (Meng et al. 2021, arXiv:2102.08473, §3.1): the model gives out the token that stands there with
 * probability p = σ(s), and one of its language model with 1 - p. Σ_M -ln(1(x_R = x) sg(p) + sg(1 - p) p_LM(x)) / |M|, computed from
 * logarithms. logits f32[B*K, V], original f32[B, T], the logits s, isOriginal bool[B, T] -> f32[].
 */
export const copyLoss = (logits: Expr, original: Expr, isOriginal: Expr, batch: PretrainInputs): Expr => {
  const n = logits.aval.shape[0]!
  const isCopy = gt(maskedOf(cast(isOriginal, 'f32'), batch), 0.5)
  const nats = crossEntropy(logits, reshape(batch.targets, [n]))
  return perMask(copyOrMake(stopGradient(maskedOf(original, batch)), nats, isCopy), batch)
}

/**
 * All-tokens MLM with a copy mechanism (Clark et al. 2020, arXiv:2003.10555, §3.4): `copyLoss` at every token instead of the masked ones, in
 * nats a token, and the gate s learns from it: Σ -ln(1(x_R = x) σ(s) + (1 - σ(s)) p_LM(x)) / tokens. logits f32[B*T, V], gate f32[B, T] -> f32[].
 */
export const allTokensLoss = (logits: Expr, gate: Expr, isOriginal: Expr, batch: PretrainInputs): Expr => {
  const nats = crossEntropy(logits, reshape(batch.tokens, [logits.aval.shape[0]!]))
  return perToken(copyOrMake(gate, reshape(nats, gate.aval.shape), isOriginal), batch)
}

/** -ln(1(isCopy) σ(s) + (1 - σ(s)) e^-nats), element by element, from logarithms. */
const copyOrMake = (s: Expr, nats: Expr, isCopy: Expr): Expr => {
  const [copied, made] = [logSigmoid(s), sub(logSigmoid(neg(s)), nats)]
  const either = add(copied, softplus(sub(made, copied))) // ln(e^copied + e^made)
  return neg(where(isCopy, either, made))
}

/** Scores f32[B, T] at the masked places: f32[B*K]. */
const maskedOf = (scores: Expr, batch: PretrainInputs): Expr => {
  const rows = rowsAt(expandDims(scores, 2), batch.positions) // [B*K, 1]
  return reshape(rows, [rows.aval.shape[0]!])
}

/** Σ weight · x / Σ weight over all masked places of the global batch. x f32[B*K] -> f32[]. */
const perMask = (x: Expr, batch: PretrainInputs): Expr =>
  div(sum(mul(x, reshape(batch.weights, [x.aval.shape[0]!]))), batch.maskCount)

/** Σ x / tokens over all tokens of the global batch; what x is at padding does not count. x f32[B, T] -> f32[]. */
export const perToken = (x: Expr, batch: PretrainInputs): Expr =>
  div(sum(batch.isToken === undefined ? x : where(batch.isToken, x, 0)), batch.tokenCount)

/** Rows of the global batch: f32[]. */
export const rowsOf = (batch: PretrainInputs): Expr =>
  batch.rowCount ?? div(batch.tokenCount, batch.tokens.aval.shape[1]!)

/** Tokens of each row, [CLS] first and padding not counted: i32[B]. */
export const rowLengths = (batch: PretrainInputs): Expr => {
  const [B, T] = batch.tokens.aval.shape as readonly [number, number]
  return batch.isToken === undefined
    ? broadcastTo(scalar(T, 'i32'), [B])
    : cast(sum(cast(batch.isToken, 'f32'), 1), 'i32')
}

/** The key of a batch: draws numbered by the global number of each example. */
export const batchKey = (key: Key, batch: Pick<PretrainInputs, 'exampleLo' | 'exampleHi'>): Key =>
  withStream(key, { lo: batch.exampleLo, hi: batch.exampleHi })

/** A term by name: what it counts in the loss, and itself, built in a scope of its name. */
export interface Term {
  readonly weight: number
  readonly of: () => Expr
}

/** Σ weight · term in the order given; each term is logged by its name beside `metrics`. */
export const weightedSum = (
  terms: { readonly [name: string]: Term },
  metrics: LossParts['metrics'] = {},
): LossParts => {
  const built = Object.entries(terms).map(([name, { weight, of }]) => ({ name, weight, value: scope(name, of) }))
  const loss = built
    .map(({ weight, value }) => (weight === 1 ? value : mul(value, weight)))
    .reduce((total, term) => add(total, term))
  return { loss, metrics: { ...Object.fromEntries(built.map(({ name, value }) => [name, value])), ...metrics } }
}
