import { sizeOf } from '../core'
import { placeOf, readsOf } from './emit/places'
import type { Kernel } from './kernel'
import type { BufferId, Plan } from './plan'

/** Something that a device does with a plan's buffers. */
export interface Work {
  /** The whole kernel: what is read, and where. */
  readonly kernel: Kernel
  readonly inputs: readonly BufferId[]
  readonly output: BufferId
  /** Whether each element is written once, by who has read before what lies at its place, and nobody else reads that. */
  readonly mayOverwrite: boolean
}

/**
 * Outputs that may be written over a donated input: by work that reads the input only where it writes, when nothing else reads
 * it in that phase or later. Parameters and moments stay where they are this way.
 */
export const donations = (plan: Plan, phases: readonly (readonly Work[])[]): ReadonlyMap<BufferId, number> => {
  const inputOf = new Map<BufferId, number>()
  plan.inputs.forEach(({ buffer, donated }, i) => {
    if (donated) inputOf.set(buffer, i)
  })
  const lastRead = new Map<BufferId, { phase: number; readers: Work[] }>()
  phases.forEach((phase, at) => {
    for (const part of phase)
      for (const b of new Set(part.inputs)) {
        if (!inputOf.has(b)) continue
        const seen = lastRead.get(b)
        if (seen?.phase === at) seen.readers.push(part)
        else lastRead.set(b, { phase: at, readers: [part] })
      }
  })
  const outputs = new Set(plan.outputs.map((o) => o.buffer))
  // A product that is not in the output's order leaves its sums there for another part: before the input is read.
  const writers = new Map<BufferId, number>()
  for (const { output } of phases.flat()) writers.set(output, (writers.get(output) ?? 0) + 1)
  const taken = new Map<BufferId, number>()
  for (const [input, { readers }] of lastRead) {
    const [part] = readers
    // An input that is itself returned must not change.
    if (readers.length !== 1 || outputs.has(input) || !outputs.has(part!.output) || taken.has(part!.output)) continue
    if (writers.get(part!.output) !== 1) continue
    if (!part!.mayOverwrite) continue
    if (formatOf(plan, input) !== formatOf(plan, part!.output) || !readsInPlace(part!, input)) continue
    taken.set(part!.output, inputOf.get(input)!)
  }
  return taken
}

/** What two buffers must share to be one; a shader knows memory by one dtype. */
const formatOf = (plan: Plan, b: BufferId): string => {
  const { shape, dtype } = plan.buffers[b]!.aval
  return `${sizeOf(shape)} ${dtype}`
}

const readsInPlace = (part: Work, input: BufferId): boolean => {
  const here = placeOf(part.kernel).key
  return readsOf(part.kernel).every(({ slot, index }) => part.inputs[slot] !== input || index.key === here)
}
