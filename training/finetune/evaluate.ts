import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { ofRun, type Fault } from '../fault'
import type { RunState } from '../loop'
import type { Scores, Task } from '../tasks'
import { paramsOf, type Answerer } from './answers'
import type { Opened } from './open'

/** Figures of a moment on dev rows, by task. */
export interface DevRecord {
  readonly step: number
  readonly epoch: number
  readonly metrics: { readonly [task: string]: Scores }
  /** Mean over tasks of the mean of the figures that count: the best moment has the greatest. */
  readonly score: number
}

/** Mean of a task's figures that count. */
export const scoreOf = ({ counted }: Task, scores: Scores): number => mean(counted.map((name) => scores[name]!))

export const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length

/** All dev rows answered by the parameters as they are. */
export const evaluateTasks =
  (
    { model, dev }: Pick<Opened, 'model' | 'dev'>,
    answerer: Answerer,
    state: RunState,
    stepsPerEpoch: number,
  ): TE.TaskEither<Fault, DevRecord> =>
  async () => {
    const params = paramsOf(state.values)
    const metrics: Record<string, Scores> = {}
    const scores: number[] = []
    for (const [i, headed] of model.tasks.entries()) {
      const { encoded } = dev[i]!
      const answers = await answerer.answer(params, headed, encoded)()
      if (E.isLeft(answers)) return E.left(ofRun(answers.left, `dev rows of ${headed.task.name}, step ${state.step}`))
      const found = headed.task.score(dev[i]!.examples, answers.right)
      metrics[headed.task.name] = found
      scores.push(scoreOf(headed.task, found))
    }
    return E.right({ step: state.step, epoch: state.step / stepsPerEpoch, metrics, score: mean(scores) })
  }
