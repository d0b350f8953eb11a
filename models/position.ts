import {
  add,
  layerNorm,
  linear,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  scope,
  sliceAxis,
  take,
  transpose,
  iota,
  type Expr,
} from '../core'
import { cocoBuckets, t5Buckets, type Buckets } from './buckets'
import type { PairConfig } from './config'
import type { LinearParams } from './encoder'
import { relativeBias, untieFirst } from './relative-position'

export type TupeParams = {
  /** f32[T + 1, D]: row 0 for [CLS] as it looks at others, row 1 for others as they look at it, then places from 1 on. */
  readonly table?: Expr
  readonly norm: LinearParams
  readonly query: LinearParams
  readonly key: LinearParams
}
export type PositionParams = {
  readonly embedding: { readonly position?: Expr }
  readonly relativeBias?: Expr
  readonly tupe?: TupeParams
}

/** What an encoder adds: computed once, and the same in all its layers. */
export interface PositionTerms {
  /** f32[T, D], to embedded tokens. */
  readonly input?: Expr
  /** f32[H, T, T], to the logits of attention. */
  readonly bias?: Expr
  /** By which products of queries and keys are multiplied. */
  readonly scale: number
}

type Sizes = Pick<PairConfig, 'positions' | 'hidden' | 'heads' | 'buckets' | 'maxDistance' | 'normEps'>

/** Rows of the table of relative positions; undefined where a scheme has none. TUPE-R has one more, for others as they look at [CLS]. */
export const bucketsOf = ({ positions, buckets, maxDistance }: Sizes): Buckets | undefined => {
  if (positions === 'relative') return cocoBuckets(buckets, maxDistance)
  if (positions === 'relative-t5') return t5Buckets(buckets, maxDistance)
  return positions === 'tupe-r' ? { ...t5Buckets(buckets, maxDistance), rows: buckets + 1 } : undefined
}

export const isTupe = ({ positions }: Pick<Sizes, 'positions'>): boolean => positions.startsWith('tupe')

/** The terms of a text of `length` tokens, the first of which is [CLS]. */
export const positionTerms = (config: Sizes, p: PositionParams, length: number): PositionTerms => {
  const { hidden, heads, normEps } = config
  const buckets = bucketsOf(config)
  const byDistance = buckets && relativeBias(required(p.relativeBias, 'relativeBias'), length, buckets)
  if (isTupe(config)) {
    const scale = ((2 * hidden) / heads) ** -0.5 // contents and places share the variance of one product
    const places = scope('tupe', () => tupeLogits(required(p.tupe, 'tupe'), length, heads, scale, normEps))
    if (byDistance === undefined) return { bias: places, scale }
    const table = required(p.relativeBias, 'relativeBias')
    const row = (id: number): Expr => reshape(sliceAxis(table, 0, id, 1), [heads])
    // [CLS] to others: the id that no distance has; others to [CLS]: the row after all.
    return { bias: add(places, untieFirst(byDistance, row(config.buckets / 2), row(config.buckets))), scale }
  }
  return {
    input: take(required(p.embedding.position, 'embedding/position'), iota([length])), // [T, D]
    ...(byDistance === undefined ? {} : { bias: byDistance }),
    scale: (hidden / heads) ** -0.5,
  }
}

/** (p_i U_q)(p_j U_k)ᵀ / √(2 d), [CLS] untied: f32[H, T, T]. */
const tupeLogits = (p: TupeParams, length: number, heads: number, scale: number, normEps?: number): Expr => {
  const places = layerNorm(p.norm, normEps)(take(required(p.table, 'tupe/table'), iota([length + 1]))) // [T+1, D]
  const D = places.aval.shape[1]!
  const byHead = (x: Expr): Expr => transpose(reshape(x, [length + 1, heads, D / heads]), [1, 0, 2]) // [H, T+1, d]
  const scores = mul(matmul(byHead(linear(p.query)(places)), matrixTranspose(byHead(linear(p.key)(places)))), scale)
  const own = (i: number): Expr => reshape(sliceAxis(sliceAxis(scores, 1, i, 1), 2, i, 1), [heads])
  return untieFirst(sliceAxis(sliceAxis(scores, 1, 1, length), 2, 1, length), own(0), own(1))
}

const required = <T>(x: T | undefined, name: string): T => {
  if (x === undefined) throw new Error(`internal: parameters without ${name}`)
  return x
}
