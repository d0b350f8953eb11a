import type { Aval } from '../core'
import type { HostArray } from '../kernels'

/**
 * Rows of ids of any length up to T as a program takes them: `ids` i32[B, T], filled up with zeros, and `lengths` i32[B]. A row that is not
 * there has one token: an all-masked softmax has no meaning.
 */
export const idRows = (
  rows: readonly ArrayLike<number>[],
  B: number,
  T: number,
): readonly (readonly [string, HostArray, Aval])[] => {
  const ids = new Int32Array(B * T)
  const lengths = new Int32Array(B).fill(1)
  rows.forEach((row, b) => {
    ids.set(row, b * T)
    lengths[b] = row.length
  })
  return [
    ['ids', ids, { dtype: 'i32', shape: [B, T] }],
    ['lengths', lengths, { dtype: 'i32', shape: [B] }],
  ]
}
