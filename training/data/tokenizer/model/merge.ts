import { roomFor } from '../id-list'
import type { PairTable } from './pair-table'

/** The merges of a vocabulary, ready to apply: rank of a pair (its place in the list, or one that it shares), and the id each rank makes. */
export interface MergeTable {
  readonly ranks: PairTable
  readonly results: Int32Array
}

/**
 * Applies merges to `symbols[0..length)` in place and returns the new length: always the pair of least rank, the
 * leftmost if there are several, until none is left.
 */
export const applyMerges = (table: MergeTable, symbols: Int32Array, length: number): number =>
  length <= 96 ? mergeShort(table, symbols, length) : mergeLong(table, symbols, length)

const none = 0x7fffffff
const ranksOfPair = ({ ranks }: MergeTable, a: number, b: number): number => {
  const rank = ranks.get(a, b)
  return rank < 0 ? none : rank
}

const shortRanks = new Int32Array(96)

/** O(n²) with a tiny constant: right for words. */
const mergeShort = (table: MergeTable, symbols: Int32Array, given: number): number => {
  const ranks = shortRanks // ranks[i] is that of (symbols[i], symbols[i + 1])
  let length = given
  for (let i = 0; i + 1 < length; i += 1) ranks[i] = ranksOfPair(table, symbols[i]!, symbols[i + 1]!)
  for (;;) {
    let best = none
    let at = -1
    for (let i = 0; i + 1 < length; i += 1)
      if (ranks[i]! < best) {
        best = ranks[i]!
        at = i
      }
    if (at < 0) return length
    symbols[at] = table.results[best]!
    symbols.copyWithin(at + 1, at + 2, length)
    ranks.copyWithin(at + 1, at + 2, length - 1)
    length -= 1
    if (at > 0) ranks[at - 1] = ranksOfPair(table, symbols[at - 1]!, symbols[at]!)
    if (at + 1 < length) ranks[at] = ranksOfPair(table, symbols[at]!, symbols[at + 1]!)
  }
}

/** O(n log n): a linked list and a heap of (rank, position), for "words" like a page without a space. */
const mergeLong = (table: MergeTable, symbols: Int32Array, length: number): number => {
  const next = Int32Array.from({ length }, (_, i) => (i + 1 < length ? i + 1 : -1))
  const previous = Int32Array.from({ length }, (_, i) => i - 1)
  const ranks = new Int32Array(length).fill(none) // of the pair that starts here; none once merged away
  const heap = new KeyHeap(length)
  const rate = (i: number): void => {
    const j = next[i]!
    ranks[i] = j < 0 ? none : ranksOfPair(table, symbols[i]!, symbols[j]!)
    if (ranks[i] !== none) heap.push(ranks[i] * 2 ** 31 + i) // exact: ranks are below 2^21
  }
  for (let i = 0; i + 1 < length; i += 1) rate(i)
  for (let key = heap.pop(); key >= 0; key = heap.pop()) {
    const i = key % 2 ** 31
    if (ranks[i] !== (key - i) / 2 ** 31) continue // the pair has changed since
    const j = next[i]!
    symbols[i] = table.results[ranks[i]]!
    ranks[j] = none
    next[i] = next[j]!
    if (next[i] >= 0) previous[next[i]] = i
    rate(i)
    if (previous[i]! >= 0) rate(previous[i]!)
  }
  let kept = 0
  for (let i = 0; i >= 0; i = next[i]!) symbols[kept++] = symbols[i]!
  return kept
}

/** A binary heap of non-negative numbers, least first; `pop` answers -1 when empty. */
class KeyHeap {
  private keys: Float64Array
  private size = 0

  constructor(capacity: number) {
    this.keys = new Float64Array(capacity)
  }

  push(key: number): void {
    this.keys = roomFor(this.keys, this.size + 1)
    let at = this.size
    this.size += 1
    for (; at > 0 && this.keys[(at - 1) >> 1]! > key; at = (at - 1) >> 1) this.keys[at] = this.keys[(at - 1) >> 1]!
    this.keys[at] = key
  }

  pop(): number {
    if (this.size === 0) return -1
    const top = this.keys[0]!
    this.size -= 1
    const key = this.keys[this.size]!
    let at = 0
    for (let child = 1; child < this.size; child = 2 * at + 1) {
      if (child + 1 < this.size && this.keys[child + 1]! < this.keys[child]!) child += 1
      if (this.keys[child]! >= key) break
      this.keys[at] = this.keys[child]!
      at = child
    }
    this.keys[at] = key
    return top
  }
}
