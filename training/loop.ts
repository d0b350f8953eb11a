import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { evaluateOne, leavesOf, scalar, type Aval, type ExprTree, type ShapeError, type Tree } from '../core'
import type { Device, DeviceFault, HostArray } from '../kernels'
import type { PretrainBatch } from './data/batch'
import type { GradientTransformation, Schedule } from './optim'
import { prepare, readAll, uploadAll, type Runner, type Values } from './runner'
import type { LossFn } from './objectives'
import { initialState, stateAvals, trainStep } from './step'

/** Everything a run carries from step to step: residents by name (`params/*`, `optimizer/*`) and the steps taken. */
export interface RunState {
  readonly step: number
  readonly values: Values
}

/** What one step logs. Losses in nats; `tokens` counts from the start of the run, `lr` is that of the steps applied so far. */
export interface StepRecord {
  readonly step: number
  readonly loss: number
  /** Of the true loss's gradient. Not finite where the step was skipped for it: JSON has null then. */
  readonly gradNorm: number
  /** What the loss was multiplied by for the way back; 1 without a loss scale. */
  readonly lossScale: number
  /** Whether gradients overflowed, so that nothing was updated. */
  readonly skipped: boolean
  readonly lr: number
  readonly tokens: number
  readonly tokensPerSecond: number
  readonly backend: string
  /** The objective's own terms: mlm, clm, rtd, ... */
  readonly metrics: { readonly [name: string]: number }
}

export type RunFault = ShapeError | DeviceFault

export interface TrainerSpec<P extends ExprTree = ExprTree> {
  readonly device: Device
  readonly loss: LossFn<P>
  readonly optimizer: GradientTransformation
  readonly schedule: Schedule
  readonly params: Tree<Aval>
  readonly batch: { readonly [name: string]: Aval }
  readonly seed: number
  readonly tokensPerStep: number
}

export interface StepTaken {
  readonly state: RunState
  readonly record: StepRecord
  /** Whether gradients overflowed at a loss scale below which there is none: the run cannot go on. */
  readonly isExhausted: boolean
}

/** A compiled training step on a device, and the ways into and out of its state. */
export interface Trainer {
  readonly runner: Runner
  /** Fresh parameters, and the optimizer's first state made on the device. */
  readonly start: (params: ReadonlyMap<string, HostArray>) => TE.TaskEither<RunFault, RunState>
  /** The state of a checkpoint. */
  readonly resume: (step: number, arrays: ReadonlyMap<string, HostArray>) => TE.TaskEither<RunFault, RunState>
  /** One step; the old state is given up. */
  readonly step: (state: RunState, batch: PretrainBatch) => TE.TaskEither<RunFault, StepTaken>
  /** Parameters and optimizer state as host arrays, by name. */
  readonly read: (state: RunState) => TE.TaskEither<RunFault, ReadonlyMap<string, HostArray>>
  readonly avals: ReadonlyMap<string, Aval>
  readonly dispose: () => void
}

export const seedArrays = (seed: number): readonly (readonly [string, HostArray, Aval])[] => [
  ['seed/lo', Int32Array.of(seed & 0xffff), { dtype: 'i32', shape: [] }],
  ['seed/hi', Int32Array.of(seed >>> 16), { dtype: 'i32', shape: [] }],
]

/** The fields of a batch that a program reads, with their avals. */
export const batchArrays = (
  batch: PretrainBatch,
  avals: { readonly [name: string]: Aval },
): readonly (readonly [string, HostArray, Aval])[] =>
  Object.entries(avals).map(([name, aval]) => [`batch/${name}`, batch[name as keyof PretrainBatch], aval])

export const openTrainer =
  <P extends ExprTree>(spec: TrainerSpec<P>): TE.TaskEither<RunFault, Trainer> =>
  async () => {
    const { device, optimizer, params } = spec
    const built: { logged: readonly string[] } = { logged: [] }
    const runner = await prepare(device, () => {
      const { program, logged } = trainStep(spec)
      built.logged = logged
      return program
    })()
    if (E.isLeft(runner)) return runner
    const avals = new Map<string, Aval>([
      ...leavesOf<Aval>(params).map(([path, a]) => [`params/${path}`, a] as const),
      ...leavesOf<Aval>(stateAvals(optimizer, params)).map(([path, a]) => [`optimizer/${path}`, a] as const),
    ])
    const upload = (arrays: ReadonlyMap<string, HostArray>): TE.TaskEither<DeviceFault, Values> =>
      uploadAll(
        device,
        [...arrays].map(([name, data]) => [name, data, avals.get(name)!] as const),
      )
    return E.right<RunFault, Trainer>({
      runner: runner.right,
      avals,
      dispose: runner.right.dispose,
      read: (state) => readAll(device, state.values),
      resume: (step, arrays) => async () => {
        const values = await upload(arrays)()
        return E.isLeft(values) ? values : E.right({ step, values: values.right })
      },
      start: (arrays) => async () => {
        const uploaded = await upload(arrays)()
        if (E.isLeft(uploaded)) return uploaded
        const init = await prepare(device, () => initialState(optimizer, params))()
        if (E.isLeft(init)) return init
        const state = await init.right.run(uploaded.right)()
        init.right.dispose()
        return E.isLeft(state) ? state : E.right({ step: 0, values: new Map([...uploaded.right, ...state.right]) })
      },
      step: (state, batch) => takeStep(spec, runner.right, built.logged, state, batch),
    })
  }

const takeStep =
  (
    spec: Omit<TrainerSpec, 'loss'>,
    runner: Runner,
    logged: readonly string[],
    state: RunState,
    batch: PretrainBatch,
  ): TE.TaskEither<RunFault, StepTaken> =>
  async () => {
    const began = performance.now()
    const { device } = spec
    const fresh = await uploadAll(device, [...batchArrays(batch, spec.batch), ...seedArrays(spec.seed)])()
    if (E.isLeft(fresh)) return fresh
    const next = await runner.run(new Map([...state.values, ...fresh.right]))()
    if (E.isLeft(next)) return next
    const values = new Map(next.right)
    const log = values.get('log')!
    values.delete('log')
    const read = await device.read(log)()
    device.free([log])
    if (E.isLeft(read)) return read
    const metrics = Object.fromEntries(logged.map((name, i) => [name, read.right[i]!]))
    const {
      loss = NaN,
      gradNorm = NaN,
      lossScale = 1,
      skipped = 0,
      skippedBefore = 0,
      exhausted = 0,
      ...rest
    } = metrics
    const seconds = (performance.now() - began) / 1000
    return E.right({
      state: { step: state.step + 1, values },
      record: {
        step: state.step + 1,
        loss,
        gradNorm,
        lossScale,
        skipped: skipped !== 0,
        lr: evaluateOne(spec.schedule(scalar(state.step - skippedBefore)))[0]!,
        tokens: (state.step + 1) * spec.tokensPerStep,
        tokensPerSecond: Math.round(spec.tokensPerStep / seconds),
        backend: device.backend.name,
        metrics: rest,
      },
      isExhausted: exhausted !== 0,
    })
  }
