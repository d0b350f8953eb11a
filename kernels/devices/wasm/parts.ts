import { sizeOf } from '../../../core'
import type { Kernel } from '../../kernel'
import type { BufferId, Plan, PlanBuffer } from '../../plan'
import { contractionOf, type Contraction } from '../../emit/contraction'
import { epilogueOf } from '../../emit/places'
import { workOf } from './work'

/** What one step does, as the threads see it: a kernel on ranges of its output, or a matrix product on tiles of it. */
export interface Part {
  /** Index of the plan's step. */
  readonly step: number
  /** The whole kernel: what is read, and where. */
  readonly kernel: Kernel
  readonly inputs: readonly BufferId[]
  readonly output: BufferId
  readonly run: RangeRun | GemmRun
  /** In additions, roughly. */
  readonly work: number
}
/** `kernel` on [begin, end) of its output. */
export interface RangeRun {
  readonly kind: 'range'
  readonly kernel: Kernel
}
export interface GemmRun {
  readonly kind: 'gemm'
  readonly contraction: Contraction
  /** What follows on each tile: its last input is the output itself. */
  readonly epilogue?: Kernel
}

/** Parts of a plan in order, and its buffers with those that only parts know. */
export interface Parts {
  readonly parts: readonly Part[]
  readonly buffers: readonly PlanBuffer[]
}

export const partsOfPlan = (plan: Plan): Parts => {
  const buffers = [...plan.buffers]
  const made = plan.kernels.map((kernel) => ({ kernel, contraction: contractionOf(kernel) }))
  const parts = plan.steps.flatMap((step, i): Part[] => {
    const { kernel, contraction } = made[step.kernel]!
    if (sizeOf(kernel.output.shape) === 0) return []
    const common = { step: i, inputs: step.inputs, output: step.output, kernel, work: workOf(kernel) }
    if (contraction === undefined) return [{ ...common, run: { kind: 'range', kernel } }]
    if (contraction.epilogue === undefined && kernel.output.dtype === 'f32')
      return [{ ...common, run: { kind: 'gemm', contraction } }]
    const epilogue = epilogueOf(kernel)
    if (kernel.output.dtype === 'f32' && isPlain(contraction))
      return [{ ...common, run: { kind: 'gemm', contraction, epilogue } }]
    // Sums in f32 of their own, then the rest of the kernel on all of them.
    let sums = step.output
    if (kernel.output.dtype !== 'f32')
      sums = buffers.push({ aval: { ...kernel.output, dtype: 'f32' }, source: 'step' }) - 1
    return [
      { ...common, output: sums, run: { kind: 'gemm', contraction } },
      {
        ...common,
        kernel: epilogue,
        inputs: [...step.inputs, sums],
        work: workOf(epilogue),
        run: { kind: 'range', kernel: epilogue },
      },
    ]
  })
  return { parts, buffers }
}

/** C lies in memory row by row: its tiles are ranges with a stride. */
export const isPlain = ({ c, m, n }: Contraction): boolean =>
  c.n.every((at, j) => at === j) && c.m.every((at, i) => at === i * n) && c.batch.every((at, b) => at === b * m * n)
