import {
  abs,
  add,
  div,
  expandDims,
  gt,
  maximum,
  minimum,
  mul,
  normal,
  reduceMax,
  reshape,
  shapeError,
  sqrt,
  square,
  sum,
  where,
  type Expr,
  type Key,
} from '../../core'

export const noiseNorms = ['l2', 'l1', 'linf'] as const
/** How noise is measured: √Σx², Σ|x| or max|x|. */
export type NoiseNorm = (typeof noiseNorms)[number]

export const noiseUnits = ['tok', 'seq', 'tok+seq'] as const
/** What has noise of one length: each token, each sequence, or both at once. */
export type NoiseUnit = (typeof noiseUnits)[number]

/** The axes of f32[B, T, D] that a length is taken over. */
const axesOf = (unit: 'tok' | 'seq'): readonly number[] => (unit === 'tok' ? [2] : [1, 2])

/** Below the smallest normal f32 a device may take a number for 0. */
const least = 2 ** -126

/** `v` and, for each token or sequence, its largest magnitude, out of whose units a square neither overflows nor vanishes. */
const inUnits = (v: Expr, axes: readonly number[]) => {
  const peak = reduceMax(abs(v), axes, true)
  const isThere = gt(peak, least)
  return { isThere, peak, scaled: div(v, where(isThere, peak, 1)) }
}

const lengthOf = (norm: NoiseNorm, v: Expr, axes: readonly number[]): Expr => {
  switch (norm) {
    case 'l2':
      return sqrt(sum(square(v), axes, true))
    case 'l1':
      return sum(abs(v), axes, true)
    case 'linf':
      return reduceMax(abs(v), axes, true)
  }
}

/**
 * v / ‖v‖, by token or by sequence; 0 where v is. f32[B, T, D] -> f32[B, T, D]. PDR's code adds 1e-6 to ‖v‖, which makes noise smaller than
 * it says where gradients are about as small; ours is of length 1 at any scale.
 */
export const ofLengthOne = (norm: NoiseNorm, unit: 'tok' | 'seq', v: Expr): Expr => {
  const axes = axesOf(unit)
  const { isThere, scaled } = inUnits(v, axes)
  const length = lengthOf(norm, where(isThere, scaled, 1), axes)
  return where(isThere, div(scaled, length), 0)
}

/**
 * Noise along v of length eps a token (`tok`) or a sequence (`seq`); `tok+seq`: √eps a sequence and eps a token, added up (PDR's code,
 * `get_embeddings` of mnli_utils/loss_helper.py in hao-cheng/f-divergence). f32[B, T, D] -> f32[B, T, D].
 */
export const ofLength = (norm: NoiseNorm, unit: NoiseUnit, eps: number, v: Expr): Expr =>
  unit === 'tok+seq'
    ? add(mul(ofLengthOne(norm, 'seq', v), Math.sqrt(eps)), mul(ofLengthOne(norm, 'tok', v), eps))
    : mul(ofLengthOne(norm, unit, v), eps)

/**
 * v where ‖v‖ ≤ radius, else of that length, by token: each element cut off for linf; along v for l2, and for l1 as well (ours: the nearest
 * point of an l1 ball would take sorting). f32[B, T, D] -> f32[B, T, D].
 */
export const withinBall = (norm: NoiseNorm, radius: number, v: Expr): Expr => {
  if (norm === 'linf') return maximum(minimum(v, radius), -radius)
  const { isThere, peak, scaled } = inUnits(v, axesOf('tok'))
  const length = mul(lengthOf(norm, where(isThere, scaled, 1), axesOf('tok')), peak)
  return where(gt(length, radius), mul(v, div(radius, maximum(length, radius))), v)
}

/** Noise only at tokens: isToken bool[B, T], false at padding. */
export const atTokens = (isToken: Expr, noise: Expr): Expr => where(expandDims(isToken, 2), noise, 0)

/**
 * Standard normals in the shape of embedded tokens f32[B, T, D], numbered by the key's N examples, or B readings: B is a multiple of N,
 * the readings of an example one after another.
 */
export const normalLike = (key: Key, e: Expr): Expr => {
  const [rows, ...rest] = e.aval.shape as readonly [number, number, number]
  const lead = key.stream.lo.aval.shape
  const examples = lead[0] ?? 1
  if (rows % examples !== 0) shapeError('noise', `rows a multiple of the ${examples} examples of the batch`, [e.aval])
  return reshape(normal(key, [...lead, rows / examples, ...rest]), e.aval.shape)
}
