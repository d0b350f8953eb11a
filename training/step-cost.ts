import { bytesOf, sizeOf, type Aval } from '../core'
import type { Layout, Plan } from '../kernels'
import type { StepProgram } from './step'

/** A program of a step, planned. */
export interface PlannedProgram extends Omit<StepProgram, 'program'> {
  readonly plan: Plan
}

/** What the kernels of a whole step do: all its micro-batches and the update. */
export interface StepRuns {
  readonly flops: number
  /** Bytes read and written by all kernels. */
  readonly traffic: number
  /** Kernels that run. */
  readonly steps: number
}

/** What a whole step takes. */
export interface StepCost extends StepRuns {
  /** Bytes that are alive at once, at most: parameters, optimizer state, gradients, batch and activations. */
  readonly peakBytes: number
  /** Of these, activations and gradients: what a step makes and does not keep. */
  readonly workBytes: number
  /** Bytes of the arena that intermediates and outputs share: of the program with the largest. */
  readonly arenaBytes: number
  /** Buffers of all plans. */
  readonly buffers: number
  /** Kernels that differ. */
  readonly kernels: number
}

const bytes = ({ dtype, shape }: Aval): number => bytesOf(dtype) * sizeOf(shape)
const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0)

/** A step's programs, each as often as its `times` say. */
export const runsOf = (programs: readonly PlannedProgram[]): StepRuns => {
  const inAll = (of: (plan: Plan) => number): number => sum(programs.map(({ plan, times }) => times * of(plan)))
  return {
    flops: inAll((plan) => plan.cost.flops),
    traffic: inAll((plan) => plan.cost.bytes),
    steps: inAll((plan) => plan.steps.length),
  }
}

/**
 * The cost of a step's programs, run one after another as their `times` say. A plan counts what it reads and makes; what lies on the
 * device beside it (the optimizer's state while gradients are made) is counted here.
 * `state`: what the step is given and keeps, by name. `fresh`: what comes with each micro-batch. `layout`: of the device, where it is known;
 * else a value takes what its elements do, and a plan what is alive in it.
 */
export const stepCost = (
  programs: readonly PlannedProgram[],
  state: ReadonlyMap<string, Aval>,
  fresh: ReadonlyMap<string, Aval>,
  layout?: Layout,
): StepCost => {
  const taken = (aval: Aval): number => layout?.valueBytes(bytes(aval)) ?? bytes(aval)
  const alive = new Map([...state].map(([name, aval]) => [name, taken(aval)]))
  const own = programs.map(({ plan }) => layout?.programBytes(plan))
  const shared = Math.max(0, ...own.map((o) => o?.work ?? 0)) + sum(own.map((o) => o?.kept ?? 0))
  let [peakBytes, workBytes] = [0, 0]
  for (const [i, { plan, takesBatch }] of programs.entries()) {
    if (takesBatch) for (const [name, aval] of fresh) alive.set(name, taken(aval))
    const read = new Set(plan.inputs.map((i) => i.name))
    const beside = sum([...alive].map(([name, n]) => (read.has(name) ? 0 : n)))
    const made = sum([...alive].map(([name, n]) => (state.has(name) || fresh.has(name) ? 0 : n)))
    const results = own[i]?.results
    const here = results === undefined ? beside + plan.cost.peakBytes : sum(alive.values()) + results + shared
    peakBytes = Math.max(peakBytes, here)
    workBytes = Math.max(workBytes, made + plan.cost.workBytes)
    for (const name of plan.program.donated ?? []) alive.delete(name)
    for (const { name, buffer } of plan.outputs) alive.set(name, taken(plan.buffers[buffer]!.aval))
  }
  return {
    ...runsOf(programs),
    peakBytes,
    workBytes,
    arenaBytes: Math.max(...programs.map(({ plan }, i) => own[i]?.work ?? plan.cost.arenaBytes)),
    buffers: sum(programs.map(({ plan }) => plan.buffers.length)),
    kernels: new Set(programs.flatMap(({ plan }) => plan.kernels.map((k) => k.key))).size,
  }
}
