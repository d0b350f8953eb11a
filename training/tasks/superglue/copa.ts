import * as t from 'io-ts'
import * as E from 'fp-ts/Either'
import { atLeast, oneOf } from '../../../core'
import { accuracy } from '../../scores'
import { targetsOf, valuesOf } from '../answers'
import { ClassOf, Index } from '../fields'
import { jsonFiles, labelledReader } from '../json-task'
import { choiceLines } from '../submission/json-lines'
import type { Task } from '../task'

const Row = atLeast(
  'row',
  {
    idx: Index,
    premise: t.string,
    choice1: t.string,
    choice2: t.string,
    question: oneOf(['cause', 'effect'] as const),
  },
  {},
)

const joins = { cause: 'because', effect: 'so' }

/**
 * Which of two is the cause, or the effect, of a premise (Roemmele et al. 2011). Form: recipe 8.2; read as MT-DNN has it (4.4): the premise, then
 * `because` or `so` and a choice, which is left as it stands.
 */
export const copa: Task = {
  name: 'copa',
  title: 'COPA',
  suite: 'superglue',
  folders: ['COPA'],
  head: { kind: 'choice', choices: 2 },
  files: jsonFiles,
  counts: { train: 400, dev: 100, test: 500 },
  read: labelledReader(Row, ClassOf(['0', '1']), ({ idx, premise, choice1, choice2, question }) =>
    E.right({
      id: idx,
      readings: [choice1, choice2].map((choice) => ({ first: premise, second: `${joins[question]} ${choice}` })),
    }),
  ),
  score: (examples, answers) => ({ accuracy: accuracy(valuesOf(answers), targetsOf(examples)) }),
  counted: ['accuracy'],
  submission: choiceLines('COPA.jsonl', 2),
}
