import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Device, HostArray } from '../../kernels'
import { withPolicy } from '../../kernels'
import type { TunedParams } from '../../models'
import { ofRun, runError, type Fault } from '../fault'
import { openTrainer, type RunState, type StepLogged, type Trainer } from '../loop'
import { adamW, linearWarmupDecay, resting, type GradientTransformation, type Schedule } from '../optim'
import { lossScaled, parseScaler } from '../scaling'
import { pose, readingsOf, taskAvals, taskBatch, type TaskBatch, type TaskInputs } from './batch'
import type { FinetuneConfig } from './config'
import type { EncodedExample } from './encode'
import { lengthFor } from './lengths'
import { avalsOf, layerFactor, type HeadedTask, type TunedModel } from './model'
import { orderOf, type Order } from './order'
import { robustLoss } from './robust-loss'

/** What a step logs. `loss` is the task's and what regularises it. */
export interface TuneRecord {
  readonly step: number
  readonly epoch: number
  readonly task: string
  readonly loss: number
  readonly gradNorm: number
  readonly lossScale: number
  readonly skipped: boolean
  readonly lr: number
  readonly examplesPerSecond: number
  readonly backend: string
  readonly metrics: { readonly [name: string]: number }
}

export interface TunerSpec {
  readonly device: Device
  readonly model: TunedModel
  readonly config: FinetuneConfig
  /** Most tokens of a row. */
  readonly seq: number
  /** Training rows of each task. */
  readonly train: readonly (readonly EncodedExample[])[]
  readonly seed: number
}

/** Steps of fine-tuning on a device: a program for each task and length, made when it is first needed. */
export interface Tuner {
  readonly order: Order
  readonly steps: number
  readonly start: (params: ReadonlyMap<string, HostArray>) => TE.TaskEither<Fault, RunState>
  readonly resume: (step: number, arrays: ReadonlyMap<string, HostArray>) => TE.TaskEither<Fault, RunState>
  /** The old state is given up. left  also where the loss is not a number */
  readonly step: (state: RunState) => TE.TaskEither<Fault, { readonly state: RunState; readonly record: TuneRecord }>
  readonly read: (state: RunState) => TE.TaskEither<Fault, ReadonlyMap<string, HostArray>>
  readonly avals: Trainer['avals']
  readonly dispose: () => void
}

/** The model as it is tuned: with a dropout of its own, and computed again where that is wanted. */
const asTuned = (model: TunedModel, { dropout, attentionDropout, remat }: FinetuneConfig): TunedModel => ({
  ...model,
  config: { ...model.config, dropout, attentionDropout, remat },
})

export const openTuner =
  (spec: TunerSpec): TE.TaskEither<Fault, Tuner> =>
  async () => {
    const { config, seq, train, seed } = spec
    const order = orderOf({ sizes: train.map((t) => t.length), batch: config.batch, mixing: config.mixing, seed })
    const steps = Math.max(1, Math.round(config.epochs * order.stepsPerEpoch))
    const rate = linearWarmupDecay(config.lr, Math.round(config.warmup * steps), steps)
    const trainers = new Map<string, Trainer<TaskBatch>>()
    const trainerFor = async (task: number, T: number): Promise<E.Either<Fault, Trainer<TaskBatch>>> => {
      const key = `${task}:${T}`
      const known = trainers.get(key)
      if (known !== undefined) return E.right(known)
      const made = await trainerOf(spec, task, T, rate)()
      if (E.isRight(made)) trainers.set(key, made.right)
      return made
    }
    const first = await trainerFor(0, lengthFor(seq, seq))
    if (E.isLeft(first)) return first
    const { avals } = first.right
    return E.right({
      order,
      steps,
      avals,
      dispose: () => trainers.forEach((t) => t.dispose()),
      start: (params) => faulty(first.right.start(params), 'first values'),
      resume: (step, arrays) => faulty(first.right.resume(step, arrays), `step ${step}`),
      read: (state) => faulty(first.right.read(state), `state of step ${state.step}`),
      step: (state) => async () => {
        const { task, rows, pass: _ } = order.at(state.step)
        const { head, name } = spec.model.tasks[task]!.task
        const began = state.step * config.batch
        const posed = rows.map((row, i) => pose(head, train[task]![row]!, config.candidates, seed, began + i))
        const longest = posed.reduce((n, { readings }) => readings.reduce((m, r) => Math.max(m, r.ids.length), n), 1)
        const T = lengthFor(longest, seq)
        const trainer = await trainerFor(task, T)
        if (E.isLeft(trainer)) return trainer
        const shape = { examples: config.microBatch, readings: readingsOf(head, config.candidates), length: T }
        const vocab = spec.model.config.vocab
        const micro = Array.from({ length: config.batch / config.microBatch }, (_, m) =>
          taskBatch(posed, shape, { vocab, first: began, from: m * config.microBatch }),
        )
        const at = performance.now()
        const taken = await trainer.right.step(state, micro)()
        if (E.isLeft(taken)) return E.left(ofRun(taken.left, `step ${state.step + 1}`))
        const seconds = (performance.now() - at) / 1000
        const record = recordOf(taken.right, {
          epoch: (state.step + 1) / order.stepsPerEpoch,
          task: name,
          examplesPerSecond: Math.round((10 * rows.length) / seconds) / 10,
        })
        const wrong = faultOf(taken.right, config)
        return wrong === undefined ? E.right({ state: taken.right.state, record }) : E.left(wrong)
      },
    })
  }

const faulty =
  <A>(run: TE.TaskEither<Parameters<typeof ofRun>[0], A>, where: string): TE.TaskEither<Fault, A> =>
  async () => {
    const done = await run()
    return E.isLeft(done) ? E.left(ofRun(done.left, where)) : done
  }

const trainerOf =
  (
    { device, model, config, seed }: TunerSpec,
    task: number,
    T: number,
    rate: Schedule,
  ): TE.TaskEither<Fault, Trainer<TaskBatch>> =>
  async () => {
    const tuned = asTuned(model, config)
    const headed = tuned.tasks[task]!
    const plain = robustLoss(tuned, headed, config.pdr)
    const { microBatch, precision } = config
    const trainer = await openTrainer<TunedParams, TaskInputs, TaskBatch>({
      device,
      loss: precision === 'f32' ? plain : withPolicy({ compute: precision })(plain),
      optimizer: optimizerOf(model, config, rate, headed),
      schedule: rate,
      params: avalsOf(model),
      batch: taskAvals({
        examples: microBatch,
        readings: readingsOf(headed.task.head, config.candidates),
        length: T,
      }),
      microBatches: config.batch / microBatch,
      seed,
      tokensPerStep: config.batch * T,
    })()
    return E.isLeft(trainer) ? E.left(ofRun(trainer.left, `compile the step of ${headed.task.name}`)) : trainer
  }

/** Adam as in recipe 3.3, on the encoder and the head of the task at hand: heads of other tasks rest. */
const optimizerOf = (
  { config: { mainLayers }, tasks }: TunedModel,
  { weightDecay, clip, layerDecay, lossScale }: FinetuneConfig,
  rate: Schedule,
  { task }: HeadedTask,
): GradientTransformation => {
  const factor = layerDecay === 1 ? {} : { rateFactor: layerFactor(layerDecay, mainLayers) }
  const adam = adamW({ b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay, clipNorm: clip, rate, ...factor })
  const others = tasks.map((t) => t.task.name).filter((name) => name !== task.name)
  const own = others.length === 0 ? adam : resting((path) => others.some((n) => path.startsWith(`tasks/${n}/`)), adam)
  const rule = E.getOrElseW(() => undefined)(parseScaler(lossScale))
  return rule === undefined ? own : lossScaled(rule, own)
}

const recordOf = (
  { record }: StepLogged,
  more: Pick<TuneRecord, 'epoch' | 'task' | 'examplesPerSecond'>,
): TuneRecord => {
  const { tokens: _tokens, tokensPerSecond: _speed, ...rest } = record
  return { ...rest, ...more }
}

const faultOf = ({ record, isExhausted }: StepLogged, { lossScale }: FinetuneConfig): Fault | undefined => {
  const { step, loss, gradNorm, skipped } = record
  if (isExhausted)
    return runError('training step', `step ${step}`, `finite gradients at a loss scale above the least of ${lossScale}`, `an overflow at ${record.lossScale}`, 'a lower --lr, or --precision bf16, may help') // prettier-ignore
  if (skipped || (Number.isFinite(loss) && Number.isFinite(gradNorm))) return undefined
  return runError('training step', `step ${step}`, 'a finite loss and gradient norm', `loss ${loss}, gradient norm ${gradNorm}`, 'a lower --lr or a longer --warmup may help') // prettier-ignore
}
