import { sizeOf, type Axis } from '../../core'
import type { Kernel } from '../kernel'
import { printBody } from './body-text'
import { helperFunctions, type HelperFunction } from './gpujs-functions'
import { cutReduction, shapeLoops, toThreads, type LoopShape } from './loop-shape'

/** The backends of gpu.js that kernels are printed for; their arithmetic differs (see index-text.ts). */
export type GpujsMode = 'cpu' | 'webasm' | 'webgl2'

/** A kernel as gpu.js takes it. Text only: nothing is closed over, so it runs under every loader and minifier. */
export interface GpujsProgram {
  /** `function (a0, a2) {...}`: argument a2 is slot 2 of the kernel, flat. */
  readonly source: string
  readonly functions: readonly HelperFunction[]
  /** Output sizes, fastest first; the elements lie in row-major order. */
  readonly output: readonly number[]
  /** The slots that are arguments, in their order. Slots that nothing reads are left out. */
  readonly slots: readonly number[]
  /** Elements of each argument. */
  readonly sizes: readonly number[]
}

/**
 * Rows shorter than this are merged with the axis outside them, at the price of a division for each element: as measured,
 * gpu.js spends 10 to 100 ns on a row in cpu and webasm. Where a reduction follows, vectors along the row are worth more than
 * the row costs. In webgl2 all axes are one: a texture of two axes may be too long in one of them.
 */
const narrowest: Record<GpujsMode, { readonly map: number; readonly reduce: number }> = {
  cpu: { map: 128, reduce: 128 },
  webasm: { map: 32, reduce: 4 },
  webgl2: { map: Infinity, reduce: Infinity },
}

/** Steps of a reduction in one turn of its loop, as measured. */
const unroll: Record<GpujsMode, number> = { cpu: 4, webasm: 4, webgl2: 4 }

/**
 * Prints a kernel. Every index is exact, also above 2^24 where a float holds none; every read is proved to lie inside its
 * input, or this throws (`internal:` - the kernel is wrong, not its data).
 */
export const emitGpujs = (kernel: Kernel, mode: GpujsMode): GpujsProgram => {
  const points = kernel.axes.reduce((n, a) => n * a.size, 1)
  if (points !== sizeOf(kernel.output.shape) || points === 0)
    throw new Error(
      `internal: ${kernel.name}: expected axes of ${sizeOf(kernel.output.shape)} > 0 points, got ${points}`,
    )
  if (kernel.reduce?.fn === 'argmax' && kernel.reduce.axes.length !== 1)
    throw new Error(`internal: ${kernel.name}: argmax expects one axis, got ${kernel.reduce.axes.length}`)
  const narrow = narrowest[mode][kernel.reduce === undefined ? 'map' : 'reduce']
  const shape: LoopShape = toThreads(shapeLoops(kernel), narrow)
  const whole = kernel.reduce?.fn === 'argmax' || kernel.reduce?.count !== undefined
  if (whole && shape.reduceAxes.some((a) => a.size > 2 ** 24))
    throw new Error(`internal: ${kernel.name}: a loop of more than 2^24 steps that cannot be cut`)
  const text = printBody(kernel, mode, shape, cutReduction(shape, whole, unroll[mode]))
  const slots = [...text.slots].sort((a, b) => a - b)
  const names = slots.map((s) => `a${s}`)
  return {
    source: `function (${names.join(', ')}) {\n${text.lines.map((line) => `  ${line}`).join('\n')}\n}`,
    functions: helperFunctions(text.functions),
    output: shape.axes.length === 0 ? [1] : shape.axes.map((a: Axis) => a.size).reverse(),
    slots,
    sizes: slots.map((slot) => kernel.inputs[slot]!.size),
  }
}
