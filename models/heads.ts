import {
  add,
  gelu,
  iota,
  layerNorm,
  linear,
  matmul,
  matrixTranspose,
  mul,
  ops,
  reshape,
  scope,
  type Expr,
} from '../core'
import type { LinearParams } from './encoder'

export type HeadParams = {
  readonly mlm: { readonly dense: LinearParams; readonly norm: LinearParams; readonly bias: Expr }
  readonly clm: { readonly bias: Expr }
  readonly rtd: LinearParams
}

/** Rows of h at given places: h f32[B, T, D], positions i32[B, K] -> f32[B*K, D]. */
export const rowsAt = (h: Expr, positions: Expr): Expr => {
  const [B, T, D] = h.aval.shape as readonly [number, number, number]
  const K = positions.aval.shape[1]!
  const flat = add(positions, mul(iota([B, K], 0), T)) // i32[B, K], places in [0, B*T)
  return ops.gather(reshape(h, [B * T, D]), reshape(flat, [B * K]))
}

/** The auxiliary's head: dense, gelu, norm, then the tied projection (recipe 1.9). h f32[N, D], table f32[V, D] -> f32[N, V]. */
export const mlmLogits = (p: HeadParams['mlm'], table: Expr, h: Expr, normEps?: number): Expr =>
  scope('mlm', () => add(matmul(layerNorm(p.norm, normEps)(gelu(linear(p.dense)(h))), matrixTranspose(table)), p.bias))

/** The main model's language head: the tied projection directly (recipe 1.9). h f32[N, D] -> f32[N, V]. */
export const clmLogits = (p: HeadParams['clm'], table: Expr, h: Expr): Expr =>
  scope('clm', () => add(matmul(h, matrixTranspose(table)), p.bias))

/** Detection: the logit of "this token is the original" (target 1 = original, recipe 2.3). h f32[B, T, D] -> f32[B, T]. */
export const rtdLogits = (p: HeadParams['rtd'], h: Expr): Expr =>
  scope('rtd', () => reshape(linear(p)(h), h.aval.shape.slice(0, -1)))
