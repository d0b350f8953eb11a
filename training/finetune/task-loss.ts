import {
  cast,
  crossEntropy,
  div,
  foldIn,
  gt,
  iota,
  logSoftmax,
  lt,
  mul,
  reshape,
  scope,
  square,
  sub,
  sum,
  where,
  withStream,
  type Expr,
  type Key,
} from '../../core'
import { lookUp, mainHidden, mainTable, type Perturbation, type TunedParams } from '../../models'
import type { LossFn } from '../objectives'
import { passDropout } from '../objectives/replaced-text'
import type { HeadForm } from '../tasks'
import type { TaskInputs } from './batch'
import type { HeadedTask, TunedModel } from './model'

/** A key of a pass: none is a pass without dropout. */
export type PassKey = Key | null

/** The key of a batch: draws numbered by the number of each row in the run. */
export const rowKey = (key: Key, { exampleLo, exampleHi }: TaskInputs): Key =>
  withStream(key, { lo: exampleLo, hi: exampleHi })

/** True where there is a token: bool[R, T]. */
export const isTokenOf = ({ ids, lengths }: TaskInputs): Expr => {
  const [R, T] = ids.aval.shape as readonly [number, number]
  return lt(iota([R, T], 1), reshape(lengths, [R, 1]))
}

/**
 * What a task's head says of a batch. Classes: logits, or logarithms of probabilities, f32[B, N]. Choices: scores, f32[B, C], far below
 * all others where there is no reading. A value: f32[B, 1]. `key` is one of `rowKey`.
 */
export const scoresOf = (
  { config, headDropout }: TunedModel,
  { task, head }: HeadedTask,
  params: TunedParams,
  batch: TaskInputs,
  key: PassKey,
  perturb?: Perturbation,
): Expr => {
  const embedded = lookUp(mainTable(params), batch.ids, batch.tokenOrder)
  const dropout = key === null ? null : passDropout(config, foldIn(key, 'main'))
  const hidden = mainHidden(config, params, embedded, dropout, isTokenOf(batch), perturb) // [R, T, D]
  const ofHead = key === null || headDropout === 0 ? null : { rate: headDropout, key: foldIn(key, 'head') }
  const scores = scope(task.name, () => head.scores(params.tasks[task.name]!, hidden, batch, ofHead))
  const [B, C] = batch.choices.aval.shape as readonly [number, number]
  return isChosen(task.head) ? where(gt(batch.choices, 0.5), reshape(scores, [B, C]), -1e9) : scores
}

/** Whether readings of an example are held against each other. */
export const isChosen = ({ kind }: HeadForm): boolean => kind === 'choice' || kind === 'ranking'

/**
 * A task's loss: -ln p(right), or the squared error of a value divided by its scale; Σ weight · loss / count. Logged by the task's name.
 * `scores`: where they come from, by default from scoresOf; logarithms of probabilities will do.
 */
export const taskLoss =
  <B extends TaskInputs = TaskInputs>(
    model: TunedModel,
    headed: HeadedTask,
    scores = (params: TunedParams, batch: B, key: Key): Expr =>
      scoresOf(model, headed, params, batch, rowKey(key, batch)),
  ): LossFn<TunedParams, B> =>
  (params, batch, key) => {
    const loss = lossOfScores(headed.task.head, scores(params, batch, key), batch)
    return { loss, metrics: { [headed.task.name]: loss } }
  }

const lossOfScores = (head: HeadForm, scores: Expr, batch: TaskInputs): Expr => {
  const each =
    head.kind === 'regression'
      ? square(sub(reshape(scores, [scores.aval.shape[0]!]), batch.targets))
      : crossEntropy(scores, cast(batch.targets, 'i32')) // [B]
  return div(sum(mul(each, batch.weights)), batch.count)
}

/** ln p of classes or choices, f32[B, N]; of a value itself, f32[B, 1]. What PDR compares. */
export const posteriorOf = (head: HeadForm, scores: Expr): Expr =>
  head.kind === 'regression' ? scores : logSoftmax(scores)
