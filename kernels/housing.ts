import { byteSize, placed, type Life } from './arena'
import { donations, type Work } from './donations'
import type { BufferId, Plan, PlanBuffer } from './plan'

/** Where a buffer lies: in memory that comes with each run, in the device's arena, or with the program. */
export type Home =
  | { readonly kind: 'input'; readonly input: number }
  /** `over`: the donated input whose memory it may take, if nothing else holds that. */
  | { readonly kind: 'output'; readonly over: number | undefined }
  | { readonly kind: 'arena'; readonly offset: number }
  | { readonly kind: 'constant'; readonly data: readonly number[] }

export interface Housing {
  /** By buffer; undefined for one that nothing uses. */
  readonly homes: readonly (Home | undefined)[]
  readonly arenaBytes: number
}

/** How a device cuts its memory. */
export interface Measures {
  /** Bytes that are taken for so many. */
  readonly allocatedBytes: (bytes: number) => number
  /** No buffer crosses a multiple of it. Default: none. */
  readonly block?: number
  /** Whether a buffer that work writes and reads needs memory at all. Default: each does. */
  readonly isHoused?: (b: BufferId) => boolean
}

/**
 * Places for the buffers of a plan and those that `buffers` adds to them. `phases`: what a device does, in order; work of one phase may be
 * done at once, so that what it reads and writes is alive all through it.
 */
export const housing = (
  plan: Plan,
  buffers: readonly PlanBuffer[],
  phases: readonly (readonly Work[])[],
  { allocatedBytes, block = Infinity, isHoused = () => true }: Measures,
): Housing => {
  const homes = new Array<Home | undefined>(buffers.length).fill(undefined)
  plan.inputs.forEach(({ buffer }, input) => (homes[buffer] = { kind: 'input', input }))
  for (const { buffer, data } of plan.constants) homes[buffer] = { kind: 'constant', data }
  const lives = livesOf(phases)
  const inPlace = donations(plan, phases)
  for (const { buffer } of plan.outputs) {
    lives.delete(buffer)
    homes[buffer] ??= { kind: 'output', over: inPlace.get(buffer) }
  }
  for (const b of [...lives.keys()]) if (!isHoused(b)) lives.delete(b)
  const arena = placed(
    lives,
    buffers.map((b) => allocatedBytes(byteSize(b))),
    block,
  )
  // One that no work writes has no elements.
  arena.offsetOf.forEach((offset, b) => {
    if (isHoused(b)) homes[b] ??= { kind: 'arena', offset: offset ?? 0 }
  })
  return { homes, arenaBytes: arena.bytes }
}

const livesOf = (phases: readonly (readonly Work[])[]): Map<BufferId, Life> => {
  const lives = new Map<BufferId, Life>()
  phases.forEach((phase, at) => {
    for (const { output, inputs } of phase) {
      if (!lives.has(output)) lives.set(output, { from: at, to: at })
      for (const b of [output, ...inputs]) {
        const life = lives.get(b)
        if (life !== undefined) lives.set(b, { from: life.from, to: at })
      }
    }
  })
  return lives
}
