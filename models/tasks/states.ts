import {
  dropout,
  foldIn,
  matmul,
  reshape,
  shapeError,
  sliceAxis,
  softmax,
  where,
  type Expr,
  type Key,
} from '../../core'

/** Dropout of a head: its rate, and the key that all its draws come from. null: none at all. A pass's dropout is one. */
export type HeadDropout = { readonly rate: number; readonly key: Key } | null

/** Dropout at a place of a head that is named. */
export const dropAt = (d: HeadDropout, site: string): ((x: Expr) => Expr) =>
  d === null ? (x) => x : dropout(d.rate, foldIn(d.key, site))

/** States of the first tokens, [CLS]: f32[B, T, D] -> f32[B, D]. */
export const firstStates = (hidden: Expr): Expr => {
  const [B, , D] = hidden.aval.shape as readonly [number, number, number]
  return reshape(sliceAxis(hidden, 1, 0, 1), [B, D])
}

/**
 * Σ_t softmax_t(scores)_t h_t over the places where `mask` holds. scores f32[B, T], mask bool[B, T], h f32[B, T, D] -> f32[B, D]. A row
 * without any such place takes all alike.
 */
export const pooled = (scores: Expr, mask: Expr, h: Expr): Expr => {
  const [B, T, D] = h.aval.shape as readonly [number, number, number]
  const shares = softmax(where(mask, scores, -1e9)) // [B, T]
  return reshape(matmul(reshape(shares, [B, 1, T]), h), [B, D])
}

/** throws  ShapeError unless `mask` is of this dtype and has one element a token of `hidden`: it would be repeated */
export const requireOfTokens = (head: string, name: string, mask: Expr, dtype: 'i32' | 'bool', hidden: Expr): void => {
  const [B, T] = hidden.aval.shape
  const { shape } = mask.aval
  if (mask.aval.dtype !== dtype || shape.length !== 2 || shape[0] !== B || shape[1] !== T)
    shapeError(head, `${name} ${dtype}[${B},${T}], one a token`, [mask.aval, hidden.aval])
}
