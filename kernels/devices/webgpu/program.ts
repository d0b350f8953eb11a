import type { Work } from '../../donations'
import { contractionOf, type Contraction } from '../../emit/contraction'
import { epilogueOf, sumsOf } from '../../emit/places'
import { splitReduction } from '../../emit/split-reduction'
import { emitWgsl } from '../../emit/wgsl/kernel'
import { emitMatmul, type TileShape } from '../../emit/wgsl/matmul'
import { canStore } from '../../emit/wgsl/product'
import { formats } from '../../emit/wgsl/memory'
import type { WgslLimits, WgslProgram } from '../../emit/wgsl/program'
import { housing, type Home } from '../../housing'
import type { Kernel } from '../../kernel'
import type { BufferId, Plan, PlanBuffer } from '../../plan'
import { sizeOf } from '../../../core'
import { allocatedBytes } from './memory'

/** One dispatch: a shader, and the buffers that its bindings hold. */
export interface Dispatch {
  /** Equal keys are equal shaders. */
  readonly key: string
  readonly emit: () => WgslProgram
  /** By slot of its kernel. */
  readonly inputs: readonly BufferId[]
  readonly output: BufferId
  readonly step: number
  readonly flops: number
}

export interface GpuProgram {
  readonly dispatches: readonly Dispatch[]
  readonly buffers: readonly PlanBuffer[]
  readonly homes: readonly (Home | undefined)[]
  readonly arenaBytes: number
}

/** Part of a step: all of its kernel, or the sums and what follows them. */
interface Part extends Work {
  readonly step: number
  /** `kernel`, where it is a product by tiles. */
  readonly product: Contraction | undefined
}

/** What a program depends on beside its plan. */
export interface ProgramOptions {
  readonly limits: WgslLimits
  /** Bytes of one block of the arena. */
  readonly block: number
  readonly tileOf: (product: Contraction) => TileShape
}

export const buildProgram = (plan: Plan, { limits, block, tileOf }: ProgramOptions): GpuProgram => {
  const { parts, buffers } = partsOf(plan)
  const phases = parts.map((part) => [part]) // dispatches follow one another
  const { homes, arenaBytes } = housing(plan, buffers, phases, { allocatedBytes, block })
  const dispatches = parts.map((part): Dispatch => {
    const { kernel, inputs, output, product, step } = part
    const home = homes[output]
    const over = home?.kind === 'output' && home.over !== undefined ? plan.inputs[home.over]!.buffer : undefined
    // A buffer that is read as several shapes is bound once.
    const same = inputs.map((b) => inputs.indexOf(b))
    const inPlace = over === undefined ? -1 : inputs.indexOf(over)
    const options = { same, ...(inPlace < 0 ? {} : { inPlace }) }
    const tile = product === undefined ? undefined : tileOf(product)
    return {
      key: [kernel.key, JSON.stringify(tile), same.join(), inPlace].join('|'),
      emit: () =>
        product === undefined ? emitWgsl(kernel, limits, options) : emitMatmul(kernel, product, limits, options, tile),
      inputs,
      output,
      step,
      flops: kernel.flops,
    }
  })
  return { dispatches, buffers, homes, arenaBytes }
}

const partsOf = (plan: Plan): { readonly parts: readonly Part[]; readonly buffers: readonly PlanBuffer[] } => {
  const buffers = [...plan.buffers]
  const temporary = (aval: PlanBuffer['aval']): BufferId => buffers.push({ aval, source: 'step' }) - 1
  const forms = plan.kernels.map(formOf)
  const parts = plan.steps.flatMap(({ kernel, inputs, output }, step): readonly Part[] => {
    const form = forms[kernel]
    if (form === undefined) return []
    const { first, product, then } = form
    if (then === undefined) return [{ step, kernel: first, product, inputs, output, mayOverwrite: true }]
    const sums = temporary(first.output)
    return [
      { step, kernel: first, product, inputs, output: sums, mayOverwrite: false },
      { step, kernel: then, product: undefined, inputs: [...inputs, sums], output, mayOverwrite: true },
    ]
  })
  return { parts, buffers }
}

/** How a kernel is computed: by one shader, or by one that leaves sums and another that reads them from its last input. */
interface Form {
  readonly first: Kernel
  /** `first`, where it is a product by tiles. */
  readonly product: Contraction | undefined
  readonly then: Kernel | undefined
}

/** undefined for a kernel without elements. */
const formOf = (kernel: Kernel): Form | undefined => {
  if (sizeOf(kernel.output.shape) === 0) return undefined
  const product = contractionOf(kernel)
  if (product === undefined) return { product, ...(splitReduction(kernel) ?? { first: kernel, then: undefined }) }
  if (canStore(product, formats[kernel.output.dtype].perWord)) return { first: kernel, product, then: undefined }
  return { first: sumsOf(kernel), product: { ...product, epilogue: undefined }, then: epilogueOf(kernel) }
}
