import {
  add,
  concat,
  crossEntropy,
  div,
  eq,
  expandDims,
  foldIn,
  iota,
  le,
  matmul,
  matrixTranspose,
  mul,
  ops,
  randomBelow,
  reshape,
  sliceAxis,
  sub,
  sum,
  take,
  tensor,
  where,
  type Expr,
  type Key,
} from '../../core'
import { contrastHead, contrastVectors, mainHidden, mainTable, type PairModel, type PairParams } from '../../models'
import type { PretrainInputs } from './objective'
import { passDropout } from './replaced-text'
import { rowLengths, rowsOf } from './terms'

/** Sequence contrast: a text and its crop are told from other texts (Meng et al. 2021, arXiv:2102.08473, §3.2). */

/** Share of a row, its [CLS] aside, that a crop keeps. */
export const cropShare = 0.9

/** Crops of B rows, each with its [CLS]. */
export interface Crops {
  readonly ids: Expr // i32[B, 1 + span], span that of a row without padding
  readonly isToken?: Expr // bool, as ids; where the rows can have padding: their crops have it too
}

/** Tokens of the crop of a row of n, [CLS] aside. */
const spanOf = (n: number): number => (n < 2 ? 0 : Math.max(1, Math.round(cropShare * (n - 1))))

/**
 * A contiguous span of each row behind its [CLS]: of n tokens round(0.9 (n - 1)), at least one, from a place that is drawn for each example,
 * all alike likely.
 */
export const cropped = (batch: PretrainInputs, key: Key): Crops => {
  const [B, T] = batch.tokens.aval.shape as readonly [number, number]
  const k = foldIn(key, 'crop')
  const widest = spanOf(T)
  const at = iota([B, 1 + widest])
  const from = (start: Expr): Expr => add(at, where(eq(at, 0), 0, reshape(start, [B, 1])))
  const idsAt = (place: Expr): Expr => {
    const flat = add(place, mul(iota([B, 1 + widest], 0), T))
    return reshape(ops.gather(reshape(batch.tokens, [B * T]), reshape(flat, [B * (1 + widest)])), [B, 1 + widest])
  }
  if (batch.isToken === undefined) return { ids: idsAt(from(randomBelow(k, T - widest, [B]))) } // of T - span places
  const n = rowLengths(batch)
  const spans = Array.from({ length: T + 1 }, (_, length) => spanOf(length))
  const span = take(tensor(spans, 'i32'), n) // i32[B]
  const isToken = le(at, expandDims(span, 1))
  return { ids: idsAt(where(isToken, from(randomBelow(k, sub(n, span), [B])), 0)), isToken }
}

/** The main model's vectors of texts by their first token: hidden f32[B, T, D] -> f32[B, D], each of length 1. */
export const textVectors = (config: PairModel, params: PairParams, hidden: Expr): Expr => {
  const [B, , D] = hidden.aval.shape as readonly [number, number, number]
  return contrastVectors(contrastHead.of(params), reshape(sliceAxis(hidden, 1, 0, 1), [B, D]), config.normEps)
}

/** The vectors of the crops, by a pass of their own. f32[B, D]. */
export const cropVectors = (config: PairModel, params: PairParams, batch: PretrainInputs, key: Key): Expr => {
  const { ids, isToken } = cropped(batch, key)
  const dropout = passDropout(config, foldIn(key, 'cropped'))
  return textVectors(config, params, mainHidden(config, params, ops.gather(mainTable(params), ids), dropout, isToken))
}

/**
 * Sequence contrast of two views a, b f32[B, D], vectors of length 1: each of the 2B must find its other view among the 2B - 1 that are not
 * itself, -ln(exp(cos / τ) / Σ exp(cos / τ)), τ = 1; half the sum over views by the rows of the whole batch, in nats a row. The others are of
 * the rows that are computed at once, as in COCO-LM those of one GPU: it is not the same loss in micro-batches of other sizes.
 */
export const contrastLoss = (a: Expr, b: Expr, batch: PretrainInputs, temperature = 1): Expr => {
  const B = a.aval.shape[0]!
  const z = concat([a, b], 0) // [2B, D]
  const cosines = div(matmul(z, matrixTranspose(z)), temperature)
  const [i, j] = [iota([2 * B, 2 * B], 0), iota([2 * B, 2 * B], 1)]
  const others = where(eq(i, j), -1e9, cosines)
  const other = Array.from({ length: 2 * B }, (_, view) => (view + B) % (2 * B))
  const nll = crossEntropy(others, ops.constantArray({ data: other, shape: [2 * B], dtype: 'i32' }))
  return div(mul(sum(nll), 0.5), rowsOf(batch))
}
