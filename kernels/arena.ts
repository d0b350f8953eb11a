import { bytesOf, sizeOf } from '../core'
import type { KernelStep, PlanBuffer } from './plan'

/** Where the buffers that steps write lie: a slot of the arena each, shared with others that are alive at other times. */
export interface Arena {
  /** By buffer; undefined for inputs and constants, which are not the plan's. */
  readonly slotOf: readonly (number | undefined)[]
  /** Bytes of each slot: those of the largest buffer that it ever holds. */
  readonly slotBytes: readonly number[]
}

/** From the step that writes a buffer to the last that reads it, both included: no kernel may read its own output. */
export interface Life {
  readonly from: number
  readonly to: number
}

/**
 * Slots by liveness: buffers from the largest down, each into the smallest slot that is free for its whole life, else into a
 * new one. What no step frees lives to the end.
 * source  "greedy by size for shared objects", Pisarchyk and Lee 2020, arXiv:2001.03288, §4.2
 */
export const assignSlots = (steps: readonly KernelStep[], buffers: readonly PlanBuffer[]): Arena =>
  slotsFor(
    livesOf(steps),
    buffers.map((b) => byteSize(b)),
  )

/** Slots for buffers with the given lives, by buffer; `sizes` in bytes. */
export const slotsFor = (lives: ReadonlyMap<number, Life>, sizes: readonly number[]): Arena => {
  const slotOf = new Array<number | undefined>(sizes.length).fill(undefined)
  const slotBytes: number[] = []
  const taken: Life[][] = [] // by slot, in order of time
  const order = [...lives.keys()].sort((a, b) => sizes[b]! - sizes[a]! || a - b)
  for (const b of order) {
    const life = lives.get(b)!
    let slot = slotBytes.length - 1 // slots are made from the largest down: the last that fits is the smallest
    while (slot >= 0 && !isFree(taken[slot]!, life)) slot -= 1
    if (slot < 0) {
      slot = slotBytes.push(sizes[b]!) - 1
      taken.push([])
    }
    taken[slot]!.splice(firstAfter(taken[slot]!, life), 0, life)
    slotOf[b] = slot
  }
  return { slotOf, slotBytes }
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

/** Place of the first life that begins after another does. */
const firstAfter = (lives: readonly Life[], { from }: Life): number => {
  let [low, high] = [0, lives.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (lives[middle]!.from > from) high = middle
    else low = middle + 1
  }
  return low
}

const isFree = (lives: readonly Life[], life: Life): boolean => {
  const at = firstAfter(lives, life)
  return (lives[at - 1]?.to ?? -1) < life.from && (lives[at]?.from ?? Infinity) > life.to
}

export const byteSize = (b: PlanBuffer): number => sizeOf(b.aval.shape) * bytesOf(b.aval.dtype)
