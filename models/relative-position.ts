import {
  and,
  broadcastTo,
  concat,
  eq,
  gt,
  iota,
  reshape,
  scope,
  sliceAxis,
  take,
  tensor,
  transpose,
  where,
  type Expr,
} from '../core'
import type { Buckets } from './buckets'

/**
 * Attention bias by relative position: table f32[rows, H] -> f32[H, T, T], computed once and shared by all layers. The bucket of
 * each of the 2T - 1 distances is written into the program. No rows are gathered for the T² places: a row of 2T numbers, written T times
 * and cut into rows of 2T - 1, moves on by one place from row to row; the derivative is a sum, without sorting T² places.
 */
export const relativeBias = (table: Expr, length: number, buckets: Buckets): Expr =>
  scope('relativeBias', () => {
    const heads = table.aval.shape[1]!
    const ids = Array.from({ length: 2 * length - 1 }, (_, i) => buckets.of(i - (length - 1)))
    const byDistance = transpose(take(table, tensor(ids, 'i32')), [1, 0]) // [H, 2T-1]
    // Distance d at place d mod 2T, one place left over.
    const ahead = sliceAxis(byDistance, 1, length - 1, length)
    const behind = sliceAxis(byDistance, 1, 0, length - 1)
    const turned = concat([ahead, tensor(Array.from({ length: heads }, () => [0])), behind], 1) // [H, 2T]
    const rows = reshape(broadcastTo(reshape(turned, [heads, 1, 2 * length]), [heads, length, 2 * length]), [
      heads,
      2 * length * length,
    ])
    const cut = reshape(sliceAxis(rows, 1, 0, length * (2 * length - 1)), [heads, length, 2 * length - 1])
    return sliceAxis(cut, 2, 0, length) // row i, column j: distance j - i
  })

/**
 * Scores f32[H, T, T] with what concerns [CLS], at place 0, in places of its own: `fromFirst` f32[H] where it is the query, else `toFirst`
 * f32[H] where it is the key (Ke et al. 2021, arXiv:2006.15595, §3.2, the untied [CLS]).
 */
export const untieFirst = (scores: Expr, fromFirst: Expr, toFirst: Expr): Expr => {
  const { shape } = scores.aval
  const everywhere = (x: Expr): Expr => broadcastTo(reshape(x, [shape[0]!, 1, 1]), shape)
  const [row, column] = [iota(shape, 1), iota(shape, 2)]
  const isTo = and(gt(row, 0), eq(column, 0))
  return where(eq(row, 0), everywhere(fromFirst), where(isTo, everywhere(toFirst), scores))
}
