import type { Aval } from '../core'
import type { Arena } from './arena'
import type { Kernel } from './kernel'
import type { Program } from './program'

/** Identifies a buffer of a plan: an index into `buffers`. */
export type BufferId = number

export interface PlanBuffer {
  readonly aval: Aval
  /** Where its contents come from. */
  readonly source: 'input' | 'constant' | 'step'
}

export interface KernelStep {
  /** Index into `kernels`. */
  readonly kernel: number
  readonly inputs: readonly BufferId[]
  readonly output: BufferId
  /** Buffers that nothing reads after this step: their memory is free for the next. */
  readonly frees: readonly BufferId[]
  /** Scope path of the node that was the root of the kernel. */
  readonly path: readonly string[]
}

export interface PlanInput {
  readonly name: string
  readonly buffer: BufferId
  /** The caller gives the buffer up: it may be freed at its last use. */
  readonly donated: boolean
}

/** A compiled program: steps in order, over buffers. Plain data; it prints, and estimates its own cost. */
export interface Plan {
  /** What the plan was made from: the reference device evaluates this. */
  readonly program: Program
  readonly inputs: readonly PlanInput[]
  readonly constants: readonly { readonly buffer: BufferId; readonly data: readonly number[] }[]
  readonly kernels: readonly Kernel[]
  readonly steps: readonly KernelStep[]
  readonly buffers: readonly PlanBuffer[]
  /** Several outputs may name one buffer, and an output may be an input. */
  readonly outputs: readonly { readonly name: string; readonly buffer: BufferId }[]
  /** Memory that steps write into, reused by liveness. gpu.js allocates its own results and takes only the last uses. */
  readonly arena: Arena
  readonly cost: PlanCost
}

export interface PlanCost {
  readonly flops: number
  /** Bytes read and written by all steps. */
  readonly bytes: number
  /** Inputs, outputs and intermediates that are alive at once, at most. */
  readonly peakBytes: number
  /** Intermediates that are alive at once, at most: what steps write and later ones free. */
  readonly workBytes: number
  /** What the intermediates and outputs take where they are laid out by `arena`: no less than are alive at once. */
  readonly arenaBytes: number
}
