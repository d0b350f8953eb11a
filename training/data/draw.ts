import { threefry2x32 } from '../../core/threefry'

/** What a draw is for: the second word of its key, so that two uses of one seed share no bits. */
export const stream = {
  mask: 0x6d61736b,
  shuffle: 0x73687566,
  corrupt: 0x636f7272,
  stand: 0x7374616e,
  mix: 0x6d697865,
  perturb: 0x70657274,
} as const
export type Stream = keyof typeof stream

/** Draw number `index` of an example, in [0, 1) with 53 bits. A pure function of its arguments, each a uint32. */
export const uniform = (seed: number, use: Stream, example: number, index: number): number => {
  const [high, low] = threefry2x32(seed, stream[use], index, example)
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53
}

/**
 * Place `index` of a random permutation of 0 … size-1, one permutation for each (seed, epoch), in O(1) memory: a
 * Feistel network over the next power of four, walked until it lands inside (Black & Rogaway 2002, CT-RSA, §3).
 */
export const permuted = (
  seed: number,
  epoch: number,
  size: number,
  index: number,
  use: 'shuffle' | 'mix' = 'shuffle',
): number => {
  if (size <= 1) return 0
  const half = Math.ceil(Math.log2(size) / 2)
  const side = 2 ** half
  let place = index
  do {
    let left = Math.floor(place / side)
    let right = place % side
    for (let round = 0; round < 6; round += 1) {
      // the epoch may exceed no uint32; the round sits above the half, which has at most 16 bits for any size below 2^32
      const [bits] = threefry2x32(seed, stream[use], epoch, round * 0x10000 + right)
      ;[left, right] = [right, (left ^ bits) & (side - 1)]
    }
    place = left * side + right
  } while (place >= size)
  return place
}
