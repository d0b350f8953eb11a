import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { leavesOf, type Expr } from '../../core'
import type { Device, Program } from '../../kernels'
import type { TunedParams } from '../../models'
import { prepare, uploadAll, type RunFault, type Runner, type Values } from '../runner'
import { holes } from '../step'
import { batchArrays } from '../step-runner'
import type { Answer, HeadForm } from '../tasks'
import { taskAvals, taskBatch, type TaskInputs } from './batch'
import type { EncodedExample } from './encode'
import { lengthFor } from './lengths'
import { avalsOf, type HeadedTask, type TunedModel } from './model'
import { isChosen, scoresOf } from './task-loss'

/** Answers examples with parameters that are on the device. Its programs are kept from call to call. */
export interface Answerer {
  /** Answers in the order of `examples`. `params` stay the caller's. */
  readonly answer: (
    params: Values,
    headed: HeadedTask,
    examples: readonly EncodedExample[],
  ) => TE.TaskEither<RunFault, readonly Answer[]>
  readonly dispose: () => void
}

export interface AnswererSpec {
  readonly device: Device
  readonly model: TunedModel
  /** Rows that are computed at once. */
  readonly rows: number
  readonly seq: number
  /** See CompileOptions. */
  readonly fused?: boolean
}

/** Rows are computed in order of length, so that little is computed on padding. */
export const openAnswerer = ({ device, model, rows: B, seq, fused = true }: AnswererSpec): Answerer => {
  const runners = new Map<string, Runner>()
  const avals = avalsOf(model)
  const runnerFor = async (headed: HeadedTask, T: number): Promise<E.Either<RunFault, Runner>> => {
    const key = `${headed.task.name}:${T}`
    const known = runners.get(key)
    if (known !== undefined) return E.right(known)
    const build = (): Program => {
      const batch = holes('batch', taskAvals({ examples: B, readings: 1, length: T })) as TaskInputs
      const scores = scoresOf(model, headed, holes('params', avals) as TunedParams, batch, null)
      return {
        outputs: [{ name: 'scores', value: scores }],
        donated: leavesOf<Expr>(batch).map(([name]) => `batch/${name}`),
      }
    }
    const made = await prepare(device, build, { fused })()
    if (E.isRight(made)) runners.set(key, made.right)
    return made
  }
  return {
    dispose: () => runners.forEach((r) => r.dispose()),
    answer: (params, headed, examples) => async () => {
      const rows = examples.flatMap(({ readings }, e) => readings.map((reading) => ({ reading, e })))
      const order = rows.map((_, i) => i).sort((i, j) => rows[i]!.reading.ids.length - rows[j]!.reading.ids.length)
      const scores = new Array<readonly number[]>(rows.length)
      for (let from = 0; from < order.length; from += B) {
        const part = order.slice(from, from + B)
        const T = lengthFor(rows[part.at(-1)!]!.reading.ids.length, seq)
        const runner = await runnerFor(headed, T)
        if (E.isLeft(runner)) return runner
        const posed = part.map((i) => ({ readings: [rows[i]!.reading], target: 0 }))
        const shape = { examples: B, readings: 1, length: T }
        const batch = taskBatch(posed, shape, { vocab: model.config.vocab, first: 0 })
        const uploaded = await uploadAll(device, batchArrays(batch, taskAvals(shape)))()
        if (E.isLeft(uploaded)) return uploaded
        const done = await runner.right.run(new Map([...params, ...uploaded.right]))()
        if (E.isLeft(done)) return done
        const read = await device.read(done.right.get('scores')!)()
        device.free([...done.right.values()].flat())
        if (E.isLeft(read)) return read
        if (read.right.some(Number.isNaN)) return E.left(notNumbers(device, headed))
        const width = read.right.length / B
        part.forEach((i, b) => (scores[i] = [...read.right.subarray(b * width, (b + 1) * width)]))
      }
      let at = 0
      return E.right(
        examples.map(({ readings }) => {
          const own = scores.slice(at, at + readings.length)
          at += readings.length
          return answerOf(headed.task.head, own)
        }),
      )
    },
  }
}

const notNumbers = ({ name }: Device, { task }: HeadedTask): RunFault => ({
  _tag: 'DeviceFault',
  device: name,
  what: `scores of ${task.name}`,
  expected: 'numbers',
  got: 'NaN',
  help: 'the parameters, or what they come to in this precision, are not finite',
})

/** Scores of an example's readings as its answer. */
const answerOf = (head: HeadForm, own: readonly (readonly number[])[]): Answer => {
  const scores = isChosen(head) ? own.map((s) => s[0]!) : own[0]!
  if (head.kind === 'regression') {
    const value = scores[0]! * head.scale
    return { value, scores: [value] }
  }
  return { value: scores.indexOf(Math.max(...scores)), scores }
}

/** Parameters out of all that a run carries. */
export const paramsOf = (values: Values): Values => new Map([...values].filter(([name]) => name.startsWith('params/')))
