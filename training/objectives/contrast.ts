import {
  add,
  concat,
  crossEntropy,
  div,
  eq,
  foldIn,
  iota,
  matmul,
  matrixTranspose,
  mul,
  ops,
  randomBelow,
  reshape,
  sliceAxis,
  sum,
  where,
  type Expr,
  type Key,
} from '../../core'
import { contrastHead, contrastVectors, mainHidden, mainTable, type PairModel, type PairParams } from '../../models'
import type { PretrainInputs } from './objective'
import { passDropout } from './replaced-text'

/** Sequence contrast: a text and its crop are told from other texts (Meng et al. 2021, arXiv:2102.08473, §3.2). */

/** Share of a row, its [CLS] aside, that a crop keeps. */
export const cropShare = 0.9

/**
 * A contiguous span of each row behind its [CLS]: round(0.9 (T - 1)) tokens, at least one, from a place that is drawn for each example, all
 * alike likely. tokens i32[B, T] -> i32[B, 1 + span].
 */
export const cropped = (batch: PretrainInputs, key: Key): Expr => {
  const [B, T] = batch.tokens.aval.shape as readonly [number, number]
  const span = Math.max(1, Math.round(cropShare * (T - 1)))
  const start = randomBelow(foldIn(key, 'crop'), T - span, [B]) // of T - span places
  const place = add(iota([B, 1 + span]), where(eq(iota([B, 1 + span]), 0), 0, reshape(start, [B, 1])))
  const flat = add(place, mul(iota([B, 1 + span], 0), T))
  return reshape(ops.gather(reshape(batch.tokens, [B * T]), reshape(flat, [B * (1 + span)])), [B, 1 + span])
}

/** The main model's vectors of texts by their first token: hidden f32[B, T, D] -> f32[B, D], each of length 1. */
export const textVectors = (params: PairParams, hidden: Expr): Expr => {
  const [B, , D] = hidden.aval.shape as readonly [number, number, number]
  return contrastVectors(contrastHead.of(params), reshape(sliceAxis(hidden, 1, 0, 1), [B, D]))
}

/** The vectors of the crops, by a pass of their own. f32[B, D]. */
export const cropVectors = (config: PairModel, params: PairParams, batch: PretrainInputs, key: Key): Expr => {
  const embedded = ops.gather(mainTable(params), cropped(batch, key))
  return textVectors(params, mainHidden(config, params, embedded, passDropout(config, foldIn(key, 'cropped'))))
}

/**
 * Sequence contrast of two views a, b f32[B, D], vectors of length 1: each of the 2B must find its other view among the 2B - 1 that are not
 * itself, -ln(exp(cos / τ) / Σ exp(cos / τ)), τ = 1; half the sum over views by the rows of the whole batch, in nats a row. The others are of
 * the rows that are computed at once, as in COCO-LM those of one GPU: it is not the same loss in micro-batches of other sizes.
 */
export const contrastLoss = (a: Expr, b: Expr, batch: PretrainInputs, temperature = 1): Expr => {
  const [B, T] = [a.aval.shape[0]!, batch.tokens.aval.shape[1]!]
  const z = concat([a, b], 0) // [2B, D]
  const cosines = div(matmul(z, matrixTranspose(z)), temperature)
  const [i, j] = [iota([2 * B, 2 * B], 0), iota([2 * B, 2 * B], 1)]
  const others = where(eq(i, j), -1e9, cosines)
  const other = Array.from({ length: 2 * B }, (_, view) => (view + B) % (2 * B))
  const nll = crossEntropy(others, ops.constantArray({ data: other, shape: [2 * B], dtype: 'i32' }))
  return div(mul(sum(nll), 0.5), div(batch.tokenCount, T))
}
