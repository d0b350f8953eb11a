import { bytesOf, sizeOf } from '../core'
import type { KernelStep, PlanBuffer } from './plan'

/** Where the buffers that steps write lie in one block of memory, sharing bytes with others that are alive at other times. */
export interface Arena {
  /** Byte offset, by buffer; undefined for inputs and constants, which are not the plan's. */
  readonly offsetOf: readonly (number | undefined)[]
  readonly bytes: number
}

/** From the step that writes a buffer to the last that reads it, both included: no kernel may read its own output. */
export interface Life {
  readonly from: number
  readonly to: number
}

/** An arena for the buffers of a plan, by liveness. What no step frees lives to the end. */
export const arenaOf = (steps: readonly KernelStep[], buffers: readonly PlanBuffer[]): Arena =>
  placed(
    livesOf(steps),
    buffers.map((b) => byteSize(b)),
  )

/**
 * Buffers with the given lives, from the largest down, each into the smallest gap between those that are alive with it, else
 * after them all. `sizes` in bytes, by buffer. No buffer crosses a multiple of `block`: memory may come in pieces of that size.
 * source  "greedy by size for offset calculation", Pisarchyk and Lee 2020, arXiv:2001.03288, §5
 */
export const placed = (lives: ReadonlyMap<number, Life>, sizes: readonly number[], block = Infinity): Arena => {
  const offsetOf = new Array<number | undefined>(sizes.length).fill(undefined)
  /** What has a place, by offset. */
  const taken: Place[] = []
  let bytes = 0
  for (const b of [...lives.keys()].sort((a, c) => sizes[c]! - sizes[a]! || a - c)) {
    const size = sizes[b]!
    const { from, to } = lives.get(b)!
    const at = bestGap(taken, from, to, size, block)
    offsetOf[b] = at
    bytes = Math.max(bytes, at + size)
    if (size > 0) taken.splice(firstAfter(taken, at), 0, { at, end: at + size, from, to })
  }
  return { offsetOf, bytes }
}

interface Place extends Life {
  readonly at: number
  readonly end: number
}

const bestGap = (taken: readonly Place[], from: number, to: number, size: number, block: number): number => {
  /** The first place from there on that lies in one block. */
  const within = (at: number): number =>
    block === Infinity || (at % block) + size <= block ? at : Math.ceil(at / block) * block

  let end = 0 // of what is alive with it, seen so far
  let best: number | undefined
  let waste = Infinity
  for (const p of taken) {
    if (p.from > to || p.to < from) continue
    const at = within(end)
    const left = p.at - at - size
    if (left >= 0 && left < waste) {
      best = at
      waste = left
    }
    end = Math.max(end, p.end)
  }
  return best ?? within(end)
}

/** Place of the first that begins after an offset. */
const firstAfter = (taken: readonly Place[], at: number): number => {
  let [low, high] = [0, taken.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (taken[middle]!.at > at) high = middle
    else low = middle + 1
  }
  return low
}

const livesOf = (steps: readonly KernelStep[]): ReadonlyMap<number, Life> => {
  const lives = new Map<number, Life>()
  steps.forEach(({ output }, i) => lives.set(output, { from: i, to: steps.length }))
  steps.forEach(({ frees }, i) => {
    for (const b of frees) {
      const life = lives.get(b)
      if (life !== undefined) lives.set(b, { from: life.from, to: i })
    }
  })
  return lives
}

export const byteSize = (b: PlanBuffer): number => sizeOf(b.aval.shape) * bytesOf(b.aval.dtype)
