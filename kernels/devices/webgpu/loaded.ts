import { byteSize } from '../../arena'
import type { Timing } from '../../device'
import type { BufferId, Plan } from '../../plan'
import { writeHost } from '../host'
import type { GpuMemory } from './memory'
import type { Dispatch, GpuProgram } from './program'
import type { Range, Shader } from './shader'
import type { ShaderCache } from './shader-cache'
import type { GpuBindGroup, GpuCommandEncoder, GpuDevice } from './standard'
import { PassTimer } from './timer'
import { GpuValue, release, type Cell } from './value'

/** What all programs of a device share. */
export interface Machine {
  readonly name: string
  readonly device: GpuDevice
  readonly memory: GpuMemory
  readonly shaders: ShaderCache
  /** Every dispatch is measured: then a run waits for the GPU. */
  readonly timed: boolean
}

/** Arithmetic of one command buffer, roughly: so long that submitting costs nothing, so short that no watchdog bites. */
const flopsOfSubmit = 5e10

/** Bindings of a dispatch as they were last: the same places again need no new group. */
interface Bound {
  readonly ranges: readonly Range[]
  readonly group: GpuBindGroup
}

/** A program whose shaders are compiled and whose constants are on the GPU. */
export class LoadedProgram {
  private readonly bound: (Bound | undefined)[]
  isDisposed = false
  /** Milliseconds by dispatch, summed over runs. */
  private readonly ms: number[]

  private constructor(
    private readonly machine: Machine,
    private readonly plan: Plan,
    private readonly program: GpuProgram,
    private readonly shaders: readonly Shader[],
    private readonly constants: ReadonlyMap<BufferId, Cell>,
  ) {
    this.bound = program.dispatches.map(() => undefined)
    this.ms = program.dispatches.map(() => 0)
  }

  static async load(machine: Machine, plan: Plan, program: GpuProgram): Promise<LoadedProgram> {
    const { memory, shaders } = machine
    const constants = new Map<BufferId, Cell>()
    const taken: Dispatch[] = []
    try {
      const compiling = program.dispatches.map((dispatch) => {
        taken.push(dispatch)
        return shaders.take(dispatch)
      })
      const compiled = await Promise.all(compiling)
      await memory.growArena(program.arenaBytes)
      for (const [buffer, home] of program.homes.entries()) {
        if (home?.kind !== 'constant') continue
        const { aval } = program.buffers[buffer]!
        const range = await memory.allocate(byteSize(program.buffers[buffer]!))
        constants.set(buffer, { range, holders: 1 })
        const bytes = new ArrayBuffer(range.size)
        writeHost(bytes, 0, home.data, aval.dtype)
        machine.device.queue.writeBuffer(range.buffer, range.offset, bytes)
      }
      return new LoadedProgram(machine, plan, program, compiled, constants)
    } catch (error) {
      for (const dispatch of taken) shaders.give(dispatch)
      for (const cell of constants.values()) release(memory, cell)
      throw error
    }
  }

  /** Encodes and submits a run; nothing waits for it. Inputs are values of this device that are alive. */
  async run(inputs: readonly GpuValue[]): Promise<readonly GpuValue[]> {
    const { machine, plan } = this
    const { memory, device } = machine
    const cells = inputs.map((value) => value.cell!)
    /** Donated values, and what they held. */
    const given = new Map<GpuValue, Cell>()
    plan.inputs.forEach(({ donated }, i) => {
      if (donated) given.set(inputs[i]!, cells[i]!)
    })
    for (const value of given.keys()) value.cell = null
    const encoder = device.createCommandEncoder()
    const fresh: Cell[] = []
    const copies: Cell[] = []
    let isBegun = false
    try {
      await memory.growArena(this.program.arenaBytes) // another program may have lost it
      const places = await this.places(cells, [...given.values()], encoder, fresh, copies)
      isBegun = true
      await (machine.timed ? this.measure(encoder, places) : this.encode(encoder, places))
      return this.results(places)
    } catch (error) {
      for (const cell of fresh) release(memory, cell)
      // Nothing has been written: what was donated is its owner's again.
      if (!isBegun)
        for (const [value, cell] of given) {
          cell.holders += 1
          value.cell = cell
        }
      throw error
    } finally {
      for (const cell of [...copies, ...given.values()]) release(memory, cell)
    }
  }

  /** Memory of every buffer in this run. */
  private async places(
    cells: readonly Cell[],
    given: readonly Cell[],
    encoder: GpuCommandEncoder,
    fresh: Cell[],
    copies: Cell[],
  ): Promise<readonly (Cell | undefined)[]> {
    const { memory } = this.machine
    const { buffers, homes } = this.program
    const places = new Array<Cell | undefined>(buffers.length).fill(undefined)
    const make = async (buffer: BufferId, list: Cell[]): Promise<Cell> => {
      const cell = { range: await memory.allocate(byteSize(buffers[buffer]!)), holders: 1 }
      list.push(cell)
      return cell
    }
    const seen = new Set<Cell>()
    for (const [i, { buffer }] of this.plan.inputs.entries()) {
      // One value in two inputs: a shader may bind both, and no memory may be bound twice.
      places[buffer] = seen.has(cells[i]!) ? this.copied(cells[i]!, await make(buffer, copies), encoder) : cells[i]!
      seen.add(cells[i]!)
    }
    for (const [buffer, home] of homes.entries()) {
      if (home?.kind === 'constant') places[buffer] = this.constants.get(buffer)!
      if (home?.kind !== 'output') continue
      if (home.over === undefined) {
        places[buffer] = await make(buffer, fresh)
        continue
      }
      const input = this.plan.inputs[home.over]!.buffer
      const over = places[input]!
      const mine = copies.indexOf(over)
      if (mine >= 0) fresh.push(...copies.splice(mine, 1))
      // Written over its input's memory, unless somebody else holds that.
      else if (over.holders === given.filter((cell) => cell === over).length) {
        over.holders += 1
        fresh.push(over)
      } else places[input] = this.copied(over, await make(buffer, fresh), encoder)
      places[buffer] = places[input]!
    }
    return places
  }

  private copied(from: Cell, to: Cell, encoder: GpuCommandEncoder): Cell {
    encoder.copyBufferToBuffer(from.range.buffer, from.range.offset, to.range.buffer, to.range.offset, to.range.size)
    return to
  }

  private encode(first: GpuCommandEncoder, places: readonly (Cell | undefined)[]): void {
    const { device } = this.machine
    let encoder = first
    let pass = encoder.beginComputePass()
    let flops = 0
    this.program.dispatches.forEach((dispatch, i) => {
      const shader = this.shaders[i]!
      pass.setPipeline(shader.compiled)
      pass.setBindGroup(0, this.groupOf(i, dispatch, places))
      pass.dispatchWorkgroups(...shader.program.groups)
      flops += dispatch.flops
      if (flops < flopsOfSubmit) return
      pass.end()
      device.queue.submit([encoder.finish()])
      encoder = device.createCommandEncoder()
      pass = encoder.beginComputePass()
      flops = 0
    })
    pass.end()
    device.queue.submit([encoder.finish()])
  }

  /** Each dispatch in a pass of its own, between two readings of the GPU's clock. */
  private async measure(encoder: GpuCommandEncoder, places: readonly (Cell | undefined)[]): Promise<void> {
    const { device } = this.machine
    const { dispatches } = this.program
    const timer = new PassTimer(device, dispatches.length)
    dispatches.forEach((dispatch, i) => {
      const shader = this.shaders[i]!
      const pass = encoder.beginComputePass(timer.writes(i))
      pass.setPipeline(shader.compiled)
      pass.setBindGroup(0, this.groupOf(i, dispatch, places))
      pass.dispatchWorkgroups(...shader.program.groups)
      pass.end()
    })
    device.queue.submit([encoder.finish()])
    const times = await timer.collect()
    times.forEach((ms, i) => (this.ms[i]! += ms))
  }

  get timings(): readonly Timing[] {
    return this.program.dispatches.map(({ steps }, i) => ({ steps, ms: this.ms[i]! }))
  }

  private groupOf(i: number, { buffers, output }: Dispatch, places: readonly (Cell | undefined)[]): GpuBindGroup {
    const shader = this.shaders[i]!
    const ranges = shader.program.bindings.map((b) => this.rangeOf(b === 'output' ? output! : buffers[b]!, places))
    const last = this.bound[i]
    if (last !== undefined && last.ranges.every((r, k) => isSame(r, ranges[k]!))) return last.group
    const group = shader.bind(ranges)
    this.bound[i] = { ranges, group }
    return group
  }

  private rangeOf(buffer: BufferId, places: readonly (Cell | undefined)[]): Range {
    const bytes = Math.ceil(byteSize(this.program.buffers[buffer]!) / 4) * 4
    const place = places[buffer]
    if (place !== undefined) return { ...place.range, size: bytes }
    const home = this.program.homes[buffer]
    if (home?.kind !== 'arena') throw new Error(`internal: buffer ${buffer} has no place`)
    return this.machine.memory.inArena(home.offset, bytes)
  }

  private results(places: readonly (Cell | undefined)[]): readonly GpuValue[] {
    const { plan, machine } = this
    const own = new Set<Cell>()
    const values = plan.outputs.map(({ buffer }, i) => {
      const place = places[buffer]
      if (place === undefined) throw new Error(`internal: output ${i} has no place`)
      const isNew = this.program.homes[buffer]?.kind === 'output' && !own.has(place)
      // A fresh cell was made with one holder: the first output that shows it.
      if (isNew) own.add(place)
      else place.holders += 1
      const aval = plan.program.outputs[i]?.value.aval ?? plan.buffers[buffer]!.aval
      return new GpuValue(machine.name, machine.memory, aval, place)
    })
    return values
  }

  dispose(): void {
    if (this.isDisposed) return
    this.isDisposed = true
    for (const dispatch of this.program.dispatches) this.machine.shaders.give(dispatch)
    for (const cell of this.constants.values()) release(this.machine.memory, cell)
  }
}

const isSame = (a: Range, b: Range): boolean => a.buffer === b.buffer && a.offset === b.offset && a.size === b.size
