import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Aval } from '../core'
import type { Device, Exchange, HostArray, Resident } from '../kernels'
import type { Communicator } from './ranks/communicator'
import { prepare, uploadAll, type RunFault, type Runner, type Values } from './runner'
import type { StepProgram } from './step'

export const seedArrays = (seed: number): readonly (readonly [string, HostArray, Aval])[] => [
  ['seed/lo', Int32Array.of(seed & 0xffff), { dtype: 'i32', shape: [] }],
  ['seed/hi', Int32Array.of(seed >>> 16), { dtype: 'i32', shape: [] }],
]

/** What `rankInput` is on a rank. */
export const rankArray = (rank: number): readonly [string, HostArray, Aval] => [
  'rank',
  Int32Array.of(rank),
  { dtype: 'i32', shape: [] },
]

/** The fields of a batch that a program reads, with their avals. */
export const batchArrays = <H extends object>(
  batch: H,
  avals: { readonly [name: string]: Aval },
): readonly (readonly [string, HostArray, Aval])[] =>
  Object.entries(avals).map(([name, aval]) => [`batch/${name}`, batch[name as keyof H] as HostArray, aval])

/** A program of a step, compiled for a device. */
export interface ReadyProgram extends Omit<StepProgram, 'program'> {
  readonly runner: Runner
}

/** The programs of a step on a device: all of them or none. */
export const prepareStep =
  (device: Device, programs: readonly StepProgram[]): TE.TaskEither<RunFault, readonly ReadyProgram[]> =>
  async () => {
    const ready: ReadyProgram[] = []
    for (const { program, ...rest } of programs) {
      const runner = await prepare(device, () => program)()
      if (E.isLeft(runner)) {
        ready.forEach((r) => r.runner.dispose())
        return runner
      }
      ready.push({ ...rest, runner: runner.right })
    }
    return E.right(ready)
  }

export interface StepRunSpec {
  readonly device: Device
  readonly communicator: Communicator
  /** Of the rows that are computed at once. */
  readonly batch: { readonly [name: string]: Aval }
  readonly seed: number
}

/**
 * Run a step's programs, each on what there is by then. The values after the last: `params/*`, `optimizer/*` and `log`.
 * throws  RangeError if there are fewer or more micro-batches than the programs take: the caller's fault
 */
export const runStep =
  <H extends object>(
    { device, communicator, batch, seed }: StepRunSpec,
    programs: readonly ReadyProgram[],
    before: Values,
    microBatches: Iterable<H>,
  ): TE.TaskEither<RunFault, Map<string, Resident>> =>
  async () => {
    const values = new Map(before)
    const wanted = programs.reduce((n, { times, takesBatch }) => n + (takesBatch ? times : 0), 0)
    const given = microBatches[Symbol.iterator]()
    let taken = 0
    const take = (): H => {
      const next = given.next()
      if (next.done === true) throw new RangeError(`step: expected ${wanted} micro-batches, got ${taken}`)
      taken += 1
      return next.value
    }
    for (const { runner, times, takesBatch, takesRank, exchanges } of programs)
      for (let i = 0; i < times; i++) {
        const fresh = await uploadAll(device, [
          ...(takesBatch ? [...batchArrays(take(), batch), ...seedArrays(seed)] : []),
          ...(takesRank ? [rankArray(communicator.rank)] : []),
        ])()
        if (E.isLeft(fresh)) return fresh
        for (const [name, value] of fresh.right) values.set(name, value)
        const made = await runner.run(values)()
        if (E.isLeft(made)) return made
        for (const name of runner.plan.program.donated ?? []) values.delete(name)
        for (const [name, value] of made.right) values.set(name, value)
        for (const exchange of exchanges) {
          const done = await performed(device, communicator, exchange, values)()
          if (E.isLeft(done)) return done
        }
      }
    if (given.next().done !== true) throw new RangeError(`step: expected ${wanted} micro-batches, got more`)
    return E.right(values)
  }

/** An exchange of a value that is on the device; what was sent is given up. */
const performed =
  (
    device: Device,
    communicator: Communicator,
    { op, from, to }: Exchange,
    values: Map<string, Resident>,
  ): TE.TaskEither<RunFault, void> =>
  async () => {
    const sent = values.get(from)!
    const read = await device.read(sent)()
    if (E.isLeft(read)) return read
    device.free([sent])
    values.delete(from)
    const received = await communicator.exchange(op, read.right)()
    if (E.isLeft(received)) return received
    const shape = op === 'allReduce' ? sent.aval.shape : [received.right.length]
    const uploaded = await device.upload(received.right, { ...sent.aval, shape })()
    if (E.isLeft(uploaded)) return uploaded
    values.set(to, uploaded.right)
    return E.right(undefined)
  }
