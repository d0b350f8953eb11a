import {
  and,
  cast,
  concat,
  div,
  iota,
  le,
  lt,
  matmul,
  maximum,
  reshape,
  scope,
  shapeError,
  sliceAxis,
  sum,
  type Expr,
} from '../../core'
import type { PairConfig } from '../config'
import { linearSpecs } from '../parameters'
import { twoLayers, type TwoLayers } from './pooled-head'
import { firstStates, type HeadDropout } from './states'

/** A head that looks at [CLS] and at two spans. */
export const spanPairSpecs = (c: PairConfig, outputs: number) => ({
  dense: linearSpecs(c, 3 * c.hidden, c.hidden),
  out: linearSpecs(c, c.hidden, outputs),
})

/**
 * Means of the states in the i-th of the spans of each row: hidden f32[B, T, D], spans i32[B, 2 S] of places from, to, from, to, the ends not
 * included -> f32[B, D]. A span without a token gives zeros.
 */
export const spanMeans = (hidden: Expr, spans: Expr, i: number): Expr => {
  const [B, T, D] = hidden.aval.shape as readonly [number, number, number]
  const [from, to] = [sliceAxis(spans, 1, 2 * i, 1), sliceAxis(spans, 1, 2 * i + 1, 1)] // [B, 1]
  const place = iota([B, T])
  const isIn = cast(and(le(from, place), lt(place, to)), 'f32') // [B, T]
  const shares = div(isIn, maximum(sum(isIn, 1, true), 1))
  return reshape(matmul(reshape(shares, [B, 1, T]), hidden), [B, D])
}

/**
 * Classification of two marked spans: [CLS] beside both, as in the baseline of SuperGLUE (Wang et al. 2019, arXiv:1905.00537, §4.1); dropout,
 * dense, tanh, dropout, linear. ours: the mean over a span's tokens, where jiant pools by self-attention, and the dense layer.
 * hidden f32[B, T, D], spans i32[B, 4]: from, to, from, to in tokens, ends not included -> f32[B, C].
 */
export const spanPairLogits = (p: TwoLayers, hidden: Expr, spans: Expr, d: HeadDropout): Expr =>
  scope('spanPair', () => {
    const { dtype, shape } = spans.aval
    if (dtype !== 'i32' || shape.length !== 2 || shape[0] !== hidden.aval.shape[0] || shape[1] !== 4)
      shapeError('spanPairLogits', `spans i32[${hidden.aval.shape[0]},4]: from, to, from, to`, [
        spans.aval,
        hidden.aval,
      ])
    return twoLayers(p, concat([firstStates(hidden), spanMeans(hidden, spans, 0), spanMeans(hidden, spans, 1)], 1), d)
  })
