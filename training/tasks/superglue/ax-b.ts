import * as t from 'io-ts'
import * as E from 'fp-ts/Either'
import { atLeast } from '../../../core'
import { matthews } from '../../scores'
import { targetsOf, valuesOf } from '../answers'
import { ClassOf, Index } from '../fields'
import { labelledReader } from '../json-task'
import { classLines } from '../submission/json-lines'
import type { Task } from '../task'
import { rteLabels } from './rte'

const Row = atLeast('row', { idx: Index, sentence1: t.string, sentence2: t.string }, {})

/** GLUE's diagnostics with two labels, which are public, for a model of RTE (Wang et al. 2019, §3.3). Form: recipe 8.2. They do not count. */
export const axB: Task = {
  name: 'ax-b',
  title: 'AX-b',
  suite: 'superglue',
  folders: ['AX-b'],
  head: { kind: 'classification', labels: rteLabels },
  answeredBy: 'superglue-rte',
  files: { train: [], dev: [], test: ['AX-b.jsonl', 'test.jsonl'] },
  counts: { train: 0, dev: 0, test: 1104 },
  read: labelledReader(Row, ClassOf(rteLabels), ({ idx, sentence1, sentence2 }) =>
    E.right({ id: idx, readings: [{ first: sentence1, second: sentence2 }] }),
  ),
  score: (examples, answers) => ({ matthews: matthews(valuesOf(answers), targetsOf(examples)) }),
  counted: [],
  submission: classLines('AX-b.jsonl', rteLabels),
}
