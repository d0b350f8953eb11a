import type { Contraction } from '../../emit/contraction'
import { emitGroup } from '../../emit/wgsl/group'
import type { ShaderGroup } from '../../emit/wgsl/parts'
import type { WgslLimits, WgslProgram } from '../../emit/wgsl/program'
import { emitProduct, type ProductTile } from '../../emit/wgsl/tiles'
import { housing, type Home } from '../../housing'
import type { BufferId, Plan, PlanBuffer } from '../../plan'
import { sizeOf } from '../../../core'
import { groupsOf } from './groups'
import { allocatedBytes } from './memory'
import { partsOf, type Part } from './parts'

/** One dispatch: a shader, and the buffers that its bindings hold. */
export interface Dispatch {
  /** Equal keys are equal shaders. */
  readonly key: string
  readonly emit: () => WgslProgram
  /** By number of a binding. */
  readonly buffers: readonly BufferId[]
  /** What the binding 'output' holds, where there is one. */
  readonly output?: BufferId
  /** The steps whose work it does. */
  readonly steps: readonly number[]
  readonly flops: number
}

export interface GpuProgram {
  readonly dispatches: readonly Dispatch[]
  readonly buffers: readonly PlanBuffer[]
  readonly homes: readonly (Home | undefined)[]
  readonly arenaBytes: number
}

/** What a program depends on beside its plan. */
export interface ProgramOptions {
  readonly limits: WgslLimits
  /** Buffers that one shader may bind. */
  readonly mostBuffers: number
  /** Bytes of one block of the arena. */
  readonly block: number
  readonly tileOf: (product: Contraction) => ProductTile
}

export const buildProgram = (plan: Plan, options: ProgramOptions): GpuProgram => {
  const { limits, mostBuffers, block, tileOf } = options
  const { parts, buffers } = partsOf(plan)
  const { groups, inside } = groupsOf(parts, buffers, mostBuffers, new Set(plan.outputs.map((o) => o.buffer)))
  const phases = groups.map((g) => g.parts) // dispatches follow one another
  const isHoused = (b: BufferId): boolean => !inside.has(b)
  const { homes, arenaBytes } = housing(plan, buffers, phases, { allocatedBytes, block, isHoused })
  /** The donated input whose memory an output takes. */
  const overOf = (output: BufferId): BufferId | undefined => {
    const home = homes[output]
    return home?.kind === 'output' && home.over !== undefined ? plan.inputs[home.over]!.buffer : undefined
  }

  const productDispatch = ({ kernel, inputs, output, step }: Part, product: Contraction): Dispatch => {
    // A buffer that is read as several shapes is bound once.
    const same = inputs.map((b) => inputs.indexOf(b))
    const over = overOf(output)
    const inPlace = over === undefined ? -1 : inputs.indexOf(over)
    const sharing = { same, ...(inPlace < 0 ? {} : { inPlace }) }
    const tile = tileOf(product)
    return {
      key: [kernel.key, JSON.stringify(tile), same.join(), inPlace].join('|'),
      emit: () => emitProduct(kernel, product, limits, sharing, tile),
      buffers: inputs,
      output,
      steps: [step],
      flops: kernel.flops,
    }
  }

  const groupDispatch = (rows: number, members: readonly Part[]): Dispatch => {
    const bound: BufferId[] = []
    const memoryOf = (b: BufferId): number => {
      const at = overOf(b) ?? b
      return bound.includes(at) ? bound.indexOf(at) : bound.push(at) - 1
    }
    const group: ShaderGroup = {
      rows,
      parts: members.map(({ kernel, inputs, output }) => ({
        kernel,
        reads: inputs.map(memoryOf),
        writes: memoryOf(output),
      })),
      memories: bound.map((b) => ({
        dtype: buffers[b]!.aval.dtype,
        size: sizeOf(buffers[b]!.aval.shape),
        isBound: isHoused(b),
      })),
    }
    const text = group.parts.map((p) => `${p.kernel.key}:${p.reads.join()}:${p.writes}`)
    return {
      key: [rows, ...text, group.memories.map((m) => Number(m.isBound)).join('')].join('|'),
      emit: () => emitGroup(group, limits),
      buffers: bound,
      steps: [...new Set(members.map((p) => p.step))],
      flops: members.reduce((sum, p) => sum + p.kernel.flops, 0),
    }
  }

  const dispatches = groups.map(({ rows, parts: members }) => {
    const product = members[0]!.product
    return product === undefined ? groupDispatch(rows, members) : productDispatch(members[0]!, product)
  })
  return { dispatches, buffers, homes, arenaBytes }
}
