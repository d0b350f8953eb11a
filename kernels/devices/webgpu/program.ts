import { byteSize, placed, type Life } from '../../arena'
import { donations, type Work } from '../../donations'
import { contractionOf, type Contraction } from '../../emit/contraction'
import { epilogueOf } from '../../emit/places'
import { splitReduction } from '../../emit/split-reduction'
import { emitWgsl } from '../../emit/wgsl/kernel'
import { emitMatmul, type TileShape } from '../../emit/wgsl/matmul'
import { canStore } from '../../emit/wgsl/product'
import { formats } from '../../emit/wgsl/memory'
import type { WgslLimits, WgslProgram } from '../../emit/wgsl/program'
import type { Kernel } from '../../kernel'
import type { BufferId, Plan, PlanBuffer } from '../../plan'
import { sizeOf } from '../../../core'
import { allocatedBytes } from './memory'

/** Where a buffer lies: with the values of a run, in the arena, or with the program. */
export type Home =
  | { readonly kind: 'input'; readonly input: number }
  /** `over`: the donated input whose memory it takes. */
  | { readonly kind: 'output'; readonly over: number | undefined }
  | { readonly kind: 'arena'; readonly offset: number }
  | { readonly kind: 'constant'; readonly data: readonly number[] }

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
  /** Whether `kernel` is computed by tiles. */
  readonly isProduct: boolean
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
  const { homes, arenaBytes } = housing(plan, buffers, parts, block)
  const dispatches = parts.map((part): Dispatch => {
    const { kernel, inputs, output, isProduct, step } = part
    const home = homes[output]
    const over = home?.kind === 'output' && home.over !== undefined ? plan.inputs[home.over]!.buffer : undefined
    // A buffer that is read as several shapes is bound once.
    const same = inputs.map((b) => inputs.indexOf(b))
    const inPlace = over === undefined ? -1 : inputs.indexOf(over)
    const options = { same, ...(inPlace < 0 ? {} : { inPlace }) }
    const product = isProduct ? contractionOf(kernel)! : undefined
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
  const forms = plan.kernels.map(formsOf)
  const parts = plan.steps.flatMap(({ kernel, inputs, output }, step): readonly Part[] => {
    const form = forms[kernel]!
    if (form.kind === 'empty') return []
    if (form.kind === 'whole')
      return [
        {
          step,
          kernel: form.kernel,
          inputs,
          output,
          isProduct: form.isProduct,
          mayOverwrite: true,
        },
      ]
    const sums = temporary(form.first.output)
    const { first, then } = form
    return [
      { step, kernel: first, inputs, output: sums, isProduct: form.isProduct, mayOverwrite: false },
      { step, kernel: then, inputs: [...inputs, sums], output, isProduct: false, mayOverwrite: true },
    ]
  })
  return { parts, buffers }
}

/** How a kernel is computed: by one shader, or by one that leaves sums and another that reads them from its last input. */
type Form =
  | { readonly kind: 'empty' }
  | { readonly kind: 'whole'; readonly kernel: Kernel; readonly isProduct: boolean }
  | { readonly kind: 'two'; readonly first: Kernel; readonly then: Kernel; readonly isProduct: boolean }

const formsOf = (kernel: Kernel): Form => {
  if (sizeOf(kernel.output.shape) === 0) return { kind: 'empty' }
  const product = contractionOf(kernel)
  if (product !== undefined) {
    if (canStore(product, formats[kernel.output.dtype].perWord)) return { kind: 'whole', kernel, isProduct: true }
    const output = { ...kernel.output, dtype: 'f32' as const }
    const first: Kernel = {
      ...kernel,
      key: `${kernel.key}:sums`,
      output,
      body: { tag: 'acc', type: 'real', key: 'acc:real' },
    }
    return { kind: 'two', first, then: epilogueOf(kernel), isProduct: true }
  }
  const split = splitReduction(kernel)
  return split === undefined ? { kind: 'whole', kernel, isProduct: false } : { kind: 'two', ...split, isProduct: false }
}

const housing = (
  plan: Plan,
  buffers: readonly PlanBuffer[],
  parts: readonly Part[],
  block: number,
): { readonly homes: readonly (Home | undefined)[]; readonly arenaBytes: number } => {
  const homes = new Array<Home | undefined>(buffers.length).fill(undefined)
  plan.inputs.forEach(({ buffer }, input) => (homes[buffer] = { kind: 'input', input }))
  for (const { buffer, data } of plan.constants) homes[buffer] = { kind: 'constant', data }
  const lives = new Map<BufferId, Life>()
  parts.forEach(({ inputs, output }, at) => {
    if (!lives.has(output)) lives.set(output, { from: at, to: at })
    for (const b of [output, ...inputs]) {
      const life = lives.get(b)
      if (life !== undefined) lives.set(b, { from: life.from, to: at })
    }
  })
  const inPlace = donations(
    plan,
    parts.map((part) => [part]),
  )
  for (const { buffer } of plan.outputs) {
    lives.delete(buffer)
    homes[buffer] ??= { kind: 'output', over: inPlace.get(buffer) }
  }
  const arena = placed(
    lives,
    buffers.map((b) => allocatedBytes(byteSize(b))),
    block,
  )
  // One that no part writes has no elements.
  arena.offsetOf.forEach((offset, b) => (homes[b] ??= { kind: 'arena', offset: offset ?? 0 }))
  return { homes, arenaBytes: arena.bytes }
}
