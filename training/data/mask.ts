import { uniform, type Stream } from './draw'

/** Slots for masked positions in a row of T tokens, K = floor(rate·(T-1)) + 1: the most a row (after its [CLS]) can need. */
export const maskSlots = (seqLength: number, rate: number): number => Math.floor(rate * (seqLength - 1)) + 1

/**
 * Chosen positions of one row, ascending: k = floor(rate·n + u) of its n tokens that are not special, u ~ U(0,1), without
 * replacement (recipe 2.2). Depends on seed, use, example and the row's specials only: not on batch, rank or step.
 */
export const selectPositions = (
  row: Int32Array, // i32[T]
  isSpecial: (id: number) => boolean,
  rate: number,
  seed: number,
  use: Stream,
  example: number, // global index, a uint32
): Int32Array => {
  const eligible = eligiblePositions(row, isSpecial)
  const count = selectionCount(eligible.length, rate, seed, use, example)
  for (let i = 0; i < count; i += 1) {
    const j = i + Math.floor(uniform(seed, use, example, i + 1) * (eligible.length - i)) // Fisher-Yates, its first k steps
    const held = eligible[i]!
    eligible[i] = eligible[j]!
    eligible[j] = held
  }
  return eligible.slice(0, count).sort()
}

/** floor(rate·n + u), at most n; draw 0 of the example. */
export const selectionCount = (n: number, rate: number, seed: number, use: Stream, example: number): number =>
  Math.min(n, Math.floor(rate * n + uniform(seed, use, example, 0)))

const eligiblePositions = (row: Int32Array, isSpecial: (id: number) => boolean): Int32Array => {
  const eligible = new Int32Array(row.length)
  let n = 0
  for (let t = 0; t < row.length; t += 1) if (!isSpecial(row[t]!)) eligible[n++] = t
  return eligible.subarray(0, n)
}

/** One row masked, its parts laid into slices of the batch's arrays. */
export interface MaskedRow {
  readonly masked: Int32Array // i32[T], every chosen token replaced by [MASK]
  readonly positions: Int32Array // i32[K], ascending; unused slots hold 0
  readonly targets: Int32Array // i32[K], the tokens that were there; unused slots hold token 0 of the row
  readonly weights: Float32Array // f32[K], 1 for a chosen position, 0 for an unused slot
}

/** Fills `into` from a row and its chosen positions. All chosen become [MASK]: no random, none kept (COCO-LM, recipe 2.2). */
export const maskRow = (row: Int32Array, chosen: Int32Array, maskId: number, into: MaskedRow): void => {
  into.masked.set(row)
  into.positions.fill(0)
  into.targets.fill(row[0]!)
  into.weights.fill(0)
  chosen.forEach((position, k) => {
    into.masked[position] = maskId
    into.positions[k] = position
    into.targets[k] = row[position]!
    into.weights[k] = 1
  })
}
