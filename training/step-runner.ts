import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Aval } from '../core'
import type { Device, HostArray, Resident } from '../kernels'
import { prepare, uploadAll, type RunFault, type Runner, type Values } from './runner'
import type { StepProgram } from './step'

export const seedArrays = (seed: number): readonly (readonly [string, HostArray, Aval])[] => [
  ['seed/lo', Int32Array.of(seed & 0xffff), { dtype: 'i32', shape: [] }],
  ['seed/hi', Int32Array.of(seed >>> 16), { dtype: 'i32', shape: [] }],
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
    { device, batch, seed }: StepRunSpec,
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
    for (const { runner, times, takesBatch } of programs)
      for (let i = 0; i < times; i++) {
        const fresh = takesBatch
          ? await uploadAll(device, [...batchArrays(take(), batch), ...seedArrays(seed)])()
          : E.right(new Map<string, Resident>())
        if (E.isLeft(fresh)) return fresh
        const made = await runner.run(new Map([...values, ...fresh.right]))()
        if (E.isLeft(made)) return made
        for (const name of runner.plan.program.donated ?? []) values.delete(name)
        for (const [name, value] of made.right) values.set(name, value)
      }
    if (given.next().done !== true) throw new RangeError(`step: expected ${wanted} micro-batches, got more`)
    return E.right(values)
  }
