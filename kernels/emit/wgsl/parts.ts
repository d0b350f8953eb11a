import type { DType } from '../../../core'
import type { Kernel } from '../../kernel'
import { flatten, type Flat } from './flat'
import { lanesFor } from './loops'

/** Kernels of one shader, each on the same rows; one alone is a group too. */
export interface ShaderGroup {
  /** Every output is cut in so many equal ranges, and nothing is read across them that the shader itself writes. */
  readonly rows: number
  readonly parts: readonly GroupPart[]
  readonly memories: readonly GroupMemory[]
}
export interface GroupPart {
  readonly kernel: Kernel
  /** By slot of the kernel: the memory that it reads. */
  readonly reads: readonly number[]
  /** The memory that it writes. It may be one that the part reads where it writes. */
  readonly writes: number
}
export interface GroupMemory {
  readonly dtype: DType
  /** Elements. */
  readonly size: number
  /** A buffer of the GPU. Else what lies there is read inside the group alone, and has no buffer. */
  readonly isBound: boolean
}

/** How a kernel is computed, seen by itself. */
export interface Shape {
  readonly flat: Flat
  /** Threads that share one of its reductions; 1: none do. */
  readonly lanes: number
}
export const shapeOf = (kernel: Kernel): Shape => {
  const flat = flatten(kernel)
  return { flat, lanes: lanesFor(kernel, flat) }
}

/** A part with what every printer asks of it. */
export interface OpenPart extends GroupPart, Shape {
  /** Elements of its row. */
  readonly width: number
}

/** Whether each thread takes elements of its own through all parts. */
export const areThreads = (parts: readonly Pick<OpenPart, 'width' | 'lanes'>[]): boolean =>
  parts.every((p) => p.width === 1 && p.lanes === 1)
