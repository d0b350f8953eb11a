import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import { builtOr, evaluateOne, scalar, type Aval, type ExprTree, type Tree } from '../core'
import type { Device, DeviceFault, HostArray } from '../kernels'
import type { PretrainBatch } from './data/batch'
import type { GradientTransformation, Schedule } from './optim'
import { prepare, readAll, uploadAll, type RunFault, type Runner, type Values } from './runner'
import type { LossFn, PretrainInputs } from './objectives'
import { initialState, residentAvals, stepPrograms } from './step'
import type { PlannedProgram } from './step-cost'
import { solo, type Communicator } from './ranks/communicator'
import { prepareStep, rankArray, runStep, type ReadyProgram } from './step-runner'

/**
 * Everything a run carries from step to step: residents by name (`params/*`, `optimizer/*`), the steps taken, and the tokens that they were
 * taken on.
 */
export interface RunState {
  readonly step: number
  readonly tokens: number
  readonly values: Values
}

/**
 * What one step logs. Losses in nats; `lr` is that of the steps applied so far. `tokens`, from the start of the run, and `tokensPerSecond` count
 * what was trained on: padding, which takes as long to compute, is none of it.
 */
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

export interface TrainerSpec<P extends ExprTree = ExprTree, B = PretrainInputs> {
  readonly device: Device
  readonly loss: LossFn<P, B>
  readonly optimizer: GradientTransformation
  readonly schedule: Schedule
  readonly params: Tree<Aval>
  /** Of the rows that are computed at once. */
  readonly batch: { readonly [name: string]: Aval }
  /** Batches of these rows that make a step. Default 1. */
  readonly microBatches?: number
  readonly seed: number
  /** The ranks that train together, of which each takes micro-batches of its own. Default: one alone. */
  readonly communicator?: Communicator
  /** Of a step that is not told how many it has. */
  readonly tokensPerStep: number
}

/** A step that was handed to the device, and what it logs once that is there. */
export interface StepSubmitted {
  readonly state: RunState
  readonly settled: TE.TaskEither<RunFault, StepLogged>
}

export interface StepTaken extends StepLogged {
  readonly state: RunState
}

export interface StepLogged {
  readonly record: StepRecord
  /** Whether gradients overflowed at a loss scale below which there is none: the run cannot go on. */
  readonly isExhausted: boolean
}

/** A compiled training step on a device, and the ways into and out of its state. It takes batches `H` of host arrays, by the names of its `batch`. */
export interface Trainer<H extends object = PretrainBatch> {
  /** What a step runs, in order, and how long each of its kernels took so far, where the device measures. */
  readonly programs: readonly (PlannedProgram & Pick<Runner, 'timings'>)[]
  /** Fresh parameters, and the optimizer's first state made on the device. */
  readonly start: (params: ReadonlyMap<string, HostArray>) => TE.TaskEither<RunFault, RunState>
  /** The state of a checkpoint. `tokens` of its steps, where they had others than `tokensPerStep` each. */
  readonly resume: (
    step: number,
    arrays: ReadonlyMap<string, HostArray>,
    tokens?: number,
  ) => TE.TaskEither<RunFault, RunState>
  /**
   * One step; the old state is given up. Its micro-batches hold the counts of the whole batch, and each is asked for when it is computed.
   * `tokens`, if not `tokensPerStep`: those of all of them.
   * throws  RangeError if they are not as many as the trainer's: the caller's fault
   */
  readonly step: (state: RunState, microBatches: Iterable<H>, tokens?: number) => TE.TaskEither<RunFault, StepTaken>
  /** The same without waiting for the log: another step may follow before it is there. */
  readonly submit: (
    state: RunState,
    microBatches: Iterable<H>,
    tokens?: number,
  ) => TE.TaskEither<RunFault, StepSubmitted>
  /** Parameters and optimizer state as host arrays, by name. */
  readonly read: (state: RunState) => TE.TaskEither<RunFault, ReadonlyMap<string, HostArray>>
  readonly avals: ReadonlyMap<string, Aval>
  readonly dispose: () => void
}

export const openTrainer =
  <P extends ExprTree, B = PretrainInputs, H extends object = PretrainBatch>(
    spec: TrainerSpec<P, B>,
  ): TE.TaskEither<RunFault, Trainer<H>> =>
  async () => {
    const { device, optimizer, params } = spec
    const { communicator = solo } = spec
    const built = builtOr(() => stepPrograms({ ...spec, ranks: communicator.ranks }, spec.microBatches ?? 1))
    if (E.isLeft(built)) return built
    const { logged } = built.right
    const programs = await prepareStep(device, built.right.programs)()
    if (E.isLeft(programs)) return programs
    const avals = residentAvals(optimizer, params)
    const upload = (arrays: ReadonlyMap<string, HostArray>): TE.TaskEither<DeviceFault, Values> =>
      uploadAll(
        device,
        [...arrays].map(([name, data]) => [name, data, avals.get(name)!] as const),
      )
    const submit = submitter<H>({ ...spec, communicator }, programs.right, logged)
    return E.right<RunFault, Trainer<H>>({
      programs: programs.right.map(({ runner, ...program }) => ({
        ...program,
        plan: runner.plan,
        timings: runner.timings,
      })),
      avals,
      dispose: () => programs.right.forEach(({ runner }) => runner.dispose()),
      read: (state) => readAll(device, state.values),
      resume: (step, arrays, tokens) => async () => {
        const values = await upload(arrays)()
        if (E.isLeft(values)) return values
        return E.right({ step, tokens: tokens ?? step * spec.tokensPerStep, values: values.right })
      },
      start: (arrays) => async () => {
        const uploaded = await upload(arrays)()
        if (E.isLeft(uploaded)) return uploaded
        const init = await prepare(device, () => initialState(optimizer, params))()
        if (E.isLeft(init)) return init
        const rank = await uploadAll(device, [rankArray(communicator.rank)])()
        if (E.isLeft(rank)) return rank
        const state = await init.right.run(new Map([...uploaded.right, ...rank.right]))()
        init.right.dispose()
        device.free([...rank.right.values()])
        if (E.isLeft(state)) return state
        return E.right({ step: 0, tokens: 0, values: new Map([...uploaded.right, ...state.right]) })
      },
      step: (state, microBatches, tokens) =>
        pipe(
          submit(state, microBatches, tokens),
          TE.chain((submitted) =>
            pipe(
              submitted.settled,
              TE.map((log) => ({ state: submitted.state, ...log })),
            ),
          ),
        ),
      submit,
    })
  }

const submitter = <H extends object>(
  spec: Omit<TrainerSpec, 'loss'> & { readonly communicator: Communicator },
  programs: readonly ReadyProgram[],
  logged: readonly string[],
): Trainer<H>['submit'] => {
  /** When the last log came: steps that overlap share no time. */
  let last = 0
  return (state, microBatches, tokens) => async () => {
    const began = performance.now()
    const { device, tokensPerStep } = spec
    const after = await runStep(spec, programs, state.values, microBatches)()
    if (E.isLeft(after)) return after
    const values = after.right
    const log = values.get('log')!
    values.delete('log')
    const seen = tokens ?? tokensPerStep
    const reached = { step: state.step + 1, tokens: state.tokens + seen, values }
    // Asked for at once: what is asked of the device later waits for what it is given until then.
    const reading = device.read(log)()
    const settled = async (): Promise<E.Either<RunFault, StepLogged>> => {
      const read = await reading
      device.free([log])
      if (E.isLeft(read)) return read
      const now = performance.now()
      const seconds = (now - Math.max(began, last)) / 1000
      last = now
      return E.right(recordOf(spec, reached, logged, read.right, seen / seconds))
    }
    return E.right({ state: reached, settled })
  }
}

const recordOf = (
  { device, schedule }: Omit<TrainerSpec, 'loss'>,
  { step, tokens }: RunState,
  logged: readonly string[],
  log: HostArray,
  tokensPerSecond: number,
): StepLogged => {
  const metrics = Object.fromEntries(logged.map((name, i) => [name, log[i]!]))
  const { loss = NaN, gradNorm = NaN, lossScale = 1, skipped = 0, skippedBefore = 0, exhausted = 0, ...rest } = metrics
  return {
    record: {
      step,
      loss,
      gradNorm,
      lossScale,
      skipped: skipped !== 0,
      lr: evaluateOne(schedule(scalar(step - 1 - skippedBefore)))[0]!,
      tokens,
      tokensPerSecond: Math.round(tokensPerSecond),
      backend: device.backend.name,
      metrics: rest,
    },
    isExhausted: exhausted !== 0,
  }
}
