import * as E from 'fp-ts/Either'
import { tasks } from './registry'
import type { Scores, Task } from './task'

/** Figures of tasks, by the task's name. */
export type ScoresByTask = { readonly [task: string]: Scores }

/**
 * The score of a suite as its leaderboard has it (Wang et al. 2018, arXiv:1804.07461, §5; 2019, arXiv:1905.00537, §3): the mean over tasks; a task with
 * several figures is their mean, MNLI the mean of its two halves; diagnostics do not count.
 * left  tasks, or figures of tasks, that are missing: over fewer there is no such mean
 */
export const leaderboardScore = (
  suite: 'glue' | 'superglue',
  scores: ScoresByTask,
): E.Either<readonly string[], number> => {
  const counting = Object.values(tasks).filter((task) => task.suite === suite && task.counted.length > 0)
  const missing = counting.flatMap(({ name, counted }) => {
    const found = scores[name]
    if (found === undefined) return [name]
    return counted.filter((metric) => found[metric] === undefined).map((metric) => `${name} ${metric}`)
  })
  if (missing.length > 0) return E.left(missing)
  const scoreOf = ({ name, counted }: Task): number => mean(counted.map((metric) => scores[name]![metric]!))
  const columns = counting.filter(({ answeredBy }) => answeredBy === undefined)
  return E.right(
    mean(
      columns.map((task) =>
        mean([task, ...counting.filter(({ answeredBy }) => answeredBy === task.name)].map(scoreOf)),
      ),
    ),
  )
}

const mean = (values: readonly number[]): number => values.reduce((total, v) => total + v, 0) / values.length
