import * as t from 'io-ts'
import * as E from 'fp-ts/Either'
import { atLeast } from '../../../core'
import { accuracy } from '../../scores'
import { targetsOf, valuesOf } from '../answers'
import { Index, Truth, truths } from '../fields'
import { jsonFiles, labelledReader } from '../json-task'
import { truthLines } from '../submission/json-lines'
import type { Task } from '../task'

const Row = atLeast('row', { idx: Index, question: t.string, passage: t.string }, {})

/** Yes or no to a question on a passage (Clark et al. 2019). Form: recipe 8.2, question / passage (4.4). */
export const boolq: Task = {
  name: 'boolq',
  title: 'BoolQ',
  suite: 'superglue',
  folders: ['BoolQ'],
  head: { kind: 'classification', labels: truths },
  files: jsonFiles,
  counts: { train: 9427, dev: 3270, test: 3245 },
  read: labelledReader(Row, Truth, ({ idx, question, passage }) =>
    E.right({ id: idx, readings: [{ first: question, second: passage }] }),
  ),
  score: (examples, answers) => ({ accuracy: accuracy(valuesOf(answers), targetsOf(examples)) }),
  counted: ['accuracy'],
  submission: truthLines('BoolQ.jsonl', ['false', 'true']),
}
