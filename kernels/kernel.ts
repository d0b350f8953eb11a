import type { Aval, Axis, DType, ReduceFn, Scalar } from '../core'

/**
 * One fused loop nest, as plain data: what a device prints, compiles and runs. For every point of `axes` (row-major, the
 * last fastest) it stores `body` at the flat position of the point. With `reduce`, `acc` in `body` is the reduction of
 * `reduce.body` over `reduce.axes` at that point.
 */
export interface Kernel {
  /** The fused ops, for people: `matmul+add+gelu`. */
  readonly name: string
  /** Equal keys are the same kernel; a device compiles it once. */
  readonly key: string
  /** What each load slot reads: flat, row-major. */
  readonly inputs: readonly KernelInput[]
  readonly output: Aval
  readonly axes: readonly Axis[]
  readonly reduce?: {
    readonly fn: ReduceFn
    readonly axes: readonly Axis[]
    readonly body: Scalar
    /** With a single axis: only its first `count` values take part. */
    readonly count?: Scalar
  }
  readonly body: Scalar
  readonly flops: number
}
export interface KernelInput {
  readonly dtype: DType
  /** Number of elements. */
  readonly size: number
}
