import { threefry2x32 } from '../../core/threefry'
import type { BlockPart, BlockShape } from './blocks'
import { permuted, stream } from './draw'

/** What decides which block an example is. */
export type BlockCounts = Pick<BlockShape, 'count' | 'parts'>

/**
 * Block of global example g, a pure function in O(1). One corpus: its place in the shuffle of its epoch. Several: every period of
 * P = Σ share examples is shuffled and holds exactly `share` of each corpus, so the i-th corpus's example number is known without
 * counting those before; that number has an epoch and a shuffle of its own.
 */
export const blockOf = (blocks: BlockCounts, seed: number, example: number): number => {
  const { count, parts } = blocks
  if (parts === undefined) return permuted(seed, Math.floor(example / count), count, example % count)
  const { part, index, own } = partOf(parts, seed, example)
  const [partSeed] = threefry2x32(seed, stream.mix, 0xffffffff, index) // no period is numbered so
  return part.from + permuted(partSeed, Math.floor(own / part.count), part.count, own % part.count)
}

/** The corpus that global example g is of, by place, and which of that corpus's examples it is. */
export const partOf = (
  parts: readonly BlockPart[],
  seed: number,
  example: number,
): { readonly part: BlockPart; readonly index: number; readonly own: number } => {
  const period = parts.reduce((sum, { share }) => sum + share, 0)
  const turn = Math.floor(example / period)
  let slot = permuted(seed, turn, period, example % period, 'mix')
  let index = 0
  for (; slot >= parts[index]!.share; index += 1) slot -= parts[index]!.share
  const part = parts[index]!
  return { part, index, own: turn * part.share + slot }
}

/** Numbers of the blocks that a step reads, row by row. */
export const blocksOfStep = (
  blocks: BlockCounts,
  { batch, seed, step }: { readonly batch: number; readonly seed: number; readonly step: number },
): readonly number[] => Array.from({ length: batch }, (_, b) => blockOf(blocks, seed, step * batch + b))

/** The longest period of a mixture. */
const mostShares = 4096

/**
 * Weights as whole shares: exactly in proportion where they are whole, or have up to three decimals, with a sum of at most 4096 once
 * divided by what divides all; else each rounded to a 4096th of the sum, and at least one.
 */
export const sharesOf = (weights: readonly number[]): readonly number[] => {
  for (const scale of [1, 10, 100, 1000]) {
    const whole = weights.map((w) => Math.round(w * scale))
    if (whole.some((w, i) => w === 0 || Math.abs(w - weights[i]! * scale) > 1e-9 * w)) continue
    const divisor = whole.reduce(commonDivisor)
    const shares = whole.map((w) => w / divisor)
    if (shares.reduce((a, b) => a + b) <= mostShares) return shares
  }
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((w) => Math.max(1, Math.round((w / sum) * mostShares)))
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b))
