import { byteSize } from '../../arena'
import type { Home } from '../../housing'
import type { Plan } from '../../plan'
import { allocatedBytes, mostBytes, OutOfMemory, type Heap } from './heap'
import { writeHost } from '../host'
import type { Pool } from './pool'
import type { WasmProgram } from './program'
import { release, WasmValue, type Cell } from './value'
import { wasm } from './wasm-api'
import type { ProgramPlace } from './worker'

/** What all programs of a device share. Runs take turns, so one arena serves them all. */
export interface Machine {
  readonly heap: Heap
  readonly pool: Pool
  /** Address of the word that is 1 once a thread has failed. */
  readonly abort: number
  readonly timed: boolean
  arena: { at: number; bytes: number }
  /** The run in progress or the last that waits: the next one waits for it. */
  turn?: Promise<unknown> | undefined
}

let programs = 0

/** What a run holds of its inputs. */
interface Taken {
  readonly cells: readonly Cell[]
  /** Donated values, and what they held. */
  readonly given: ReadonlyMap<WasmValue, Cell>
}

/** A program in memory, with its code in every thread. */
export class LoadedProgram {
  private readonly constants = new Map<number, Cell>()
  private readonly tables: ProgramPlace
  private readonly id = programs++
  private disposed = false
  /** Milliseconds by step of the plan, summed over threads and runs: where the machine is timed. */
  readonly times = new Map<number, number>()

  private constructor(
    private readonly machine: Machine,
    private readonly plan: Plan,
    private readonly program: WasmProgram,
    private readonly at: number,
  ) {
    const { tables, phases } = program
    this.tables = {
      phases,
      phaseAt: at + tables.phaseAt,
      taskAt: at + tables.taskAt,
      opAt: at + tables.opAt,
      counters: at + tables.counters,
      abort: machine.abort,
    }
  }

  static async load(machine: Machine, plan: Plan, program: WasmProgram): Promise<LoadedProgram> {
    checkFits(machine, plan, program)
    const at = machine.heap.allocate(program.image.words.byteLength)
    const loaded = new LoadedProgram(machine, plan, program, at)
    try {
      await loaded.fill()
      return loaded
    } catch (error) {
      loaded.dispose()
      throw error
    }
  }

  /** Tables and constants into memory, code into the threads. */
  private async fill(): Promise<void> {
    const { program, at } = this
    const { heap, pool } = this.machine
    const { words, inside } = program.image
    const view = new Int32Array(heap.memory.buffer, at, words.length)
    view.set(words)
    for (const w of inside) view[w] = view[w]! + at
    program.homes.forEach((home, buffer) => {
      if (home?.kind !== 'constant') return
      const cell = { at: heap.allocate(byteSize(program.buffers[buffer]!)), holders: 1 }
      this.constants.set(buffer, cell)
      writeHost(heap.memory.buffer, cell.at, home.data, program.buffers[buffer]!.aval.dtype)
    })
    const module = await wasm.compile(program.module)
    await pool.tell({
      kind: 'load',
      program: this.id,
      module,
      functions: program.functions,
      ops: program.stepOf.length,
    })
  }

  /** Inputs are taken here and now, whatever the caller does with them before the run's turn comes. */
  run(inputs: readonly WasmValue[]): Promise<readonly WasmValue[]> {
    const taken = this.take(inputs)
    return this.inTurn(() => this.runNow(taken))
  }

  get isDisposed(): boolean {
    return this.disposed
  }

  /** Memory is given back once the runs that were asked for are over. */
  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    const unload = (): void => {
      const { heap, pool } = this.machine
      void pool.tell({ kind: 'drop', program: this.id })
      for (const cell of this.constants.values()) release(heap, cell)
      heap.release(this.at)
    }
    if (this.machine.turn === undefined) unload()
    else void this.inTurn(() => Promise.resolve(unload()))
  }

  private inTurn<T>(body: () => Promise<T>): Promise<T> {
    const { machine } = this
    const mine = (machine.turn ?? Promise.resolve()).then(body)
    const over = (): void => {
      if (machine.turn === turn) machine.turn = undefined
    }
    const turn: Promise<void> = mine.then(over, over)
    machine.turn = turn
    return mine
  }

  /** Holds every input for the run; donated values are the run's from here on. */
  private take(inputs: readonly WasmValue[]): Taken {
    const cells = inputs.map((v) => v.cell!)
    cells.forEach((c) => (c.holders += 1))
    const given = new Map<WasmValue, Cell>()
    this.plan.inputs.forEach(({ donated }, i) => {
      const value = inputs[i]!
      if (!donated || value.cell === null) return
      given.set(value, value.cell)
      value.cell = null
    })
    return { cells, given }
  }

  private async runNow({ cells, given }: Taken): Promise<readonly WasmValue[]> {
    const { machine } = this
    const { heap, pool } = machine
    const letGo = (): void => cells.forEach((c) => release(heap, c))
    let results: readonly WasmValue[]
    try {
      results = this.place(cells)
    } catch (error) {
      letGo()
      given.forEach((cell, value) => (value.cell = cell)) // nothing has been written
      throw error
    }
    try {
      this.collect(await pool.tell({ kind: 'run', program: this.id, place: this.tables, timed: machine.timed }))
      return results
    } catch (error) {
      results.forEach((r) => release(heap, r.cell!))
      throw error
    } finally {
      letGo()
      given.forEach((cell) => release(heap, cell))
    }
  }

  /** Finds memory for everything and writes the addresses into the program; the results to be. */
  private place(cells: readonly Cell[]): readonly WasmValue[] {
    const { machine, plan, program } = this
    const { heap } = machine
    growArena(machine, program.arenaBytes)
    const outputs = new Map<number, Cell>()
    const cellOf = (buffer: number, home: Home): Cell | undefined => {
      if (home.kind === 'input') return cells[home.input]
      if (home.kind === 'constant') return this.constants.get(buffer)
      if (home.kind === 'arena') return undefined
      let cell = outputs.get(buffer)
      if (cell === undefined) {
        const over = home.over === undefined ? undefined : cells[home.over]
        // The caller and this run: nobody else sees what is written over it.
        if (over?.holders === 2) cell = over
        else cell = { at: heap.allocate(byteSize(program.buffers[buffer]!)), holders: 0 }
        outputs.set(buffer, cell)
      }
      return cell
    }
    const { words, refs } = program.image
    let placed: readonly (readonly [word: number, at: number])[]
    let kept: readonly Cell[]
    try {
      placed = refs.map(({ word, buffer }) => {
        const home = program.homes[buffer]!
        const at = home.kind === 'arena' ? machine.arena.at + home.offset : cellOf(buffer, home)!.at
        return [word, at] as const
      })
      kept = plan.outputs.map(({ buffer }) => cellOf(buffer, program.homes[buffer]!)!)
    } catch (error) {
      for (const cell of outputs.values()) if (!cells.includes(cell)) heap.release(cell.at)
      throw error
    }
    const results = plan.outputs.map(({ buffer }, i) => {
      kept[i]!.holders += 1
      return new WasmValue(heap, plan.program.outputs[i]?.value.aval ?? plan.buffers[buffer]!.aval, kept[i]!)
    })
    const view = new Int32Array(heap.memory.buffer, this.at, words.length)
    for (const [word, at] of placed) view[word] = words[word]! + at
    view.fill(0, program.tables.counters >>> 2, (program.tables.counters >>> 2) + 2 * program.phases)
    return results
  }

  private collect(answers: Awaited<ReturnType<Pool['tell']>>): void {
    for (const answer of answers) {
      if (answer.kind !== 'done' || answer.times === null) continue
      const total = new Map<number, number>()
      answer.times.forEach((ms, op) => {
        const step = this.program.stepOf[op]!
        total.set(step, (total.get(step) ?? 0) + ms)
      })
      for (const [step, ms] of total) this.times.set(step, (this.times.get(step) ?? 0) + ms)
    }
  }
}

const growArena = (machine: Machine, bytes: number): void => {
  const { arena, heap } = machine
  if (bytes <= arena.bytes) return
  if (arena.bytes > 0) heap.release(arena.at)
  machine.arena = { at: 0, bytes: 0 }
  machine.arena = { at: heap.allocate(bytes), bytes }
}

/** Refuses a plan before anything is allocated for it. */
const checkFits = ({ heap, arena }: Machine, plan: Plan, program: WasmProgram): void => {
  const constants = plan.constants.reduce((n, c) => n + allocatedBytes(byteSize(plan.buffers[c.buffer]!)), 0)
  const own = program.homes.reduce(
    (n, home, b) =>
      n + (home?.kind === 'output' && home.over === undefined ? allocatedBytes(byteSize(program.buffers[b]!)) : 0),
    0,
  )
  const inputs = plan.inputs.reduce((n, i) => n + allocatedBytes(byteSize(plan.buffers[i.buffer]!)), 0)
  const grown = Math.max(0, program.arenaBytes - arena.bytes)
  const wanted = program.image.words.byteLength + constants + own + grown
  if (Math.max(heap.inUse, inputs) + wanted > mostBytes) throw new OutOfMemory(wanted, Math.max(heap.inUse, inputs))
}
