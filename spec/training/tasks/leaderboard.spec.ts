import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { leaderboardScore, type ScoresByTask } from '../../../training/tasks'
import { describe } from '../../harness'

/** T-NLRv5 on the leaderboards (recipe 7.1). */
const glue: ScoresByTask = {
  cola: { matthews: 72.6 },
  'sst-2': { accuracy: 97.6 },
  mrpc: { f1: 93.8, accuracy: 91.7 },
  'sts-b': { pearson: 93.7, spearman: 93.3 },
  qqp: { f1: 76.4, accuracy: 91.1 },
  mnli: { accuracy: 92.6 },
  'mnli-mm': { accuracy: 92.4 },
  qnli: { accuracy: 97.9 },
  rte: { accuracy: 94.1 },
  wnli: { accuracy: 95.9 },
}
const superglue: ScoresByTask = {
  boolq: { accuracy: 92 },
  cb: { f1: 95.9, accuracy: 97.6 },
  copa: { accuracy: 98.2 },
  multirc: { f1a: 88.4, em: 63 },
  record: { f1: 96.4, em: 95.9 },
  'superglue-rte': { accuracy: 94.1 },
  wic: { accuracy: 77.1 },
  wsc: { accuracy: 97.3 },
}
const without = (name: string, scores: ScoresByTask): ScoresByTask =>
  Object.fromEntries(Object.entries(scores).filter(([key]) => key !== name))

describe('training/tasks/leaderboard', (test) => {
  test("T-NLRv5's rows come to the scores that the leaderboards gave", () => {
    const scoreOf = (suite: 'glue' | 'superglue', scores: ScoresByTask): string => {
      const score = leaderboardScore(suite, scores)
      return E.isRight(score) ? score.right.toFixed(1) : score.left.join(', ')
    }
    assert.is(scoreOf('glue', glue), '91.2')
    assert.is(scoreOf('superglue', superglue), '90.9')
    assert.is(
      scoreOf('superglue', { ...superglue, 'ax-b': { matthews: 0 }, 'ax-g': { parity: 0, accuracy: 0 } }),
      '90.9',
    )
  })

  test('a task or a figure that is missing leaves no score, and is named', () => {
    for (const name of Object.keys(glue)) assert.equal(leaderboardScore('glue', without(name, glue)), E.left([name]))
    for (const name of Object.keys(superglue))
      assert.equal(leaderboardScore('superglue', without(name, superglue)), E.left([name]))
    assert.equal(leaderboardScore('glue', { ...glue, mrpc: { f1: 1 } }), E.left(['mrpc accuracy']))
    assert.equal(leaderboardScore('superglue', {}), E.left(Object.keys(superglue)))
  })
})
