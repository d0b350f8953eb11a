import { broadcastTo, concat, reshape, scope, sliceAxis, take, tensor, transpose, type Expr } from '../core'

/**
 * Bucket of a signed distance d = key - query, shifted so that ids start at 0 (COCO-LM's form, recipe 1.7): exact up to
 * m = buckets / 4, then logarithmic up to maxDistance. Ids lie in [0, buckets - 1).
 */
export const relativeBucket = (d: number, buckets: number, maxDistance: number): number => {
  const half = buckets / 2
  const m = Math.floor(half / 2)
  const n = Math.abs(d)
  const far = m + Math.ceil((Math.log(n / m) / Math.log((maxDistance - 1) / m)) * (half - 1 - m))
  const b = n < m ? n : Math.min(far, half - 1)
  return Math.sign(d) * b + half - 1
}

/**
 * Where the relative bias starts, f32[buckets, H]: head by head it favours the token at -1, 1, -2, 2, ... and falls off from there by
 * `locality` a bucket, eight times at most. 0 is the recipe's even start. ours, after ALiBi's slopes (Press et al. 2022,
 * arXiv:2108.12409, §3), which here are only where training begins.
 */
export const localBias = (buckets: number, heads: number, locality: number): Float32Array => {
  const zero = buckets / 2 - 1 // the bucket of distance 0
  const exact = buckets / 4
  const favoured = (h: number): number => (1 + (Math.floor(h / 2) % exact)) * (h % 2 === 0 ? -1 : 1)
  return Float32Array.from({ length: buckets * heads }, (_, i) => {
    const away = Math.abs(Math.floor(i / heads) - zero - favoured(i % heads))
    return -locality * Math.min(away, 8)
  })
}

/**
 * Attention bias by relative position: table f32[buckets, H] -> f32[H, T, T], computed once and shared by all layers. The bucket of
 * each of the 2T - 1 distances is written into the program. No rows are gathered for the T² places: a row of 2T numbers, written T times
 * and cut into rows of 2T - 1, moves on by one place from row to row; the derivative is a sum, without sorting T² places.
 */
export const relativeBias = (table: Expr, length: number, maxDistance: number): Expr =>
  scope('relativeBias', () => {
    const [buckets, heads] = table.aval.shape as readonly [number, number]
    const ids = Array.from({ length: 2 * length - 1 }, (_, i) => relativeBucket(i - (length - 1), buckets, maxDistance))
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
