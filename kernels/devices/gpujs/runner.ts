import { faultOf } from '../../device'
import { sizeOf, type Aval } from '../../../core'
import { emitGpujs, type GpujsMode, type GpujsProgram } from '../../emit/gpujs'
import type { Resident } from '../../device'
import type { Kernel } from '../../kernel'
import type { BufferId, Plan } from '../../plan'
import { Faulted, type Built, type Engine } from './engine'

/** A value with the number of residents and buffers that hold it. Null has no elements. */
export interface Cell<V> {
  readonly value: V | null
  holders: number
}

/** A resident of this device; `cell` is null once it was freed. */
export class Held<V> implements Resident {
  constructor(
    readonly aval: Aval,
    readonly device: string,
    public cell: Cell<V> | null,
  ) {}
}

/** Compiled kernels by key: equal kernels are compiled once, across the plans that use them. */
export class KernelCache<V> {
  private readonly built = new Map<
    string,
    { readonly built: Built<V>; readonly program: GpujsProgram; users: number }
  >()

  constructor(
    private readonly engine: Engine<V>,
    private readonly device: string,
    private readonly mode: GpujsMode,
  ) {}

  take(kernel: Kernel): { readonly built: Built<V>; readonly program: GpujsProgram } {
    const known = this.built.get(kernel.key)
    if (known !== undefined) {
      known.users += 1
      return known
    }
    const program = emitGpujs(kernel, this.mode)
    const { maxInputs } = this.engine
    if (program.slots.length > maxInputs)
      throw new Faulted(
        faultOf(
          this.device,
          `compile kernel ${kernel.name}`,
          `at most ${maxInputs} inputs`,
          `${program.slots.length}`,
          'fuse less: the device says how many inputs a kernel may have in maxInputs',
        ),
      )
    const made = { built: this.engine.build(program), program, users: 1 }
    this.built.set(kernel.key, made)
    return made
  }

  give(kernel: Kernel): void {
    const known = this.built.get(kernel.key)
    if (known === undefined) return
    known.users -= 1
    if (known.users > 0) return
    known.built.destroy()
    this.built.delete(kernel.key)
  }
}

export const release = <V>(engine: Engine<V>, cell: Cell<V>): void => {
  cell.holders -= 1
  if (cell.holders === 0 && cell.value !== null) engine.free(cell.value)
}

/** Constants of a plan, uploaded once. */
export const uploadConstants = <V>(engine: Engine<V>, plan: Plan): ReadonlyMap<BufferId, Cell<V>> =>
  new Map(
    plan.constants.map(({ buffer, data }) => [
      buffer,
      { value: data.length === 0 ? null : engine.upload(Float32Array.from(data)), holders: 1 },
    ]),
  )

/** Runs the steps in order. Every returned resident holds its cell once, so each can be freed on its own. */
export const runSteps = async <V>(
  engine: Engine<V>,
  device: string,
  plan: Plan,
  kernels: readonly ({ readonly built: Built<V>; readonly program: GpujsProgram } | null)[],
  constants: ReadonlyMap<BufferId, Cell<V>>,
  inputs: readonly Held<V>[],
): Promise<readonly Held<V>[]> => {
  const cells = new Map(constants)
  /** Buffers whose one holder is this run. */
  const own = new Set<BufferId>()
  plan.inputs.forEach(({ buffer, donated }, i) => {
    const held = inputs[i]!
    cells.set(buffer, held.cell!)
    if (!donated) return
    own.add(buffer)
    held.cell = null
  })
  const drop = (buffer: BufferId): void => {
    if (own.delete(buffer)) release(engine, cells.get(buffer)!)
  }
  const kept = new Set(plan.outputs.map((o) => o.buffer))
  try {
    for (const step of plan.steps) {
      const kernel = kernels[step.kernel]
      const args = kernel?.program.slots.map((slot) => cells.get(step.inputs[slot]!)!.value!) ?? []
      const made = kernel == null ? null : kernel.built.run(args)
      const value = made instanceof Promise ? await made : made
      cells.set(step.output, { value, holders: 1 })
      own.add(step.output)
      for (const buffer of step.frees) if (!kept.has(buffer)) drop(buffer)
    }
    return plan.outputs.map(({ buffer }, i) => {
      const cell = cells.get(buffer)!
      cell.holders += 1
      // A reshape has no buffer of its own: the program knows the shape that the output has.
      return new Held(plan.program.outputs[i]?.value.aval ?? plan.buffers[buffer]!.aval, device, cell)
    })
  } finally {
    for (const buffer of [...own]) drop(buffer)
  }
}

export const isEmpty = (kernel: Kernel): boolean => sizeOf(kernel.output.shape) === 0
