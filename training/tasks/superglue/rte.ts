import { accuracy } from '../../scores'
import { targetsOf, valuesOf } from '../answers'
import { jsonFiles } from '../json-task'
import { classLines } from '../submission/json-lines'
import type { Task } from '../task'
import { premiseHypothesis } from './premise-hypothesis'

/** Of RTE and of the diagnostics that its models answer. */
export const rteLabels = ['entailment', 'not_entailment']

/** The texts of GLUE's RTE, as JSON. Form: recipe 8.2. */
export const superglueRte: Task = {
  name: 'superglue-rte',
  title: 'RTE',
  suite: 'superglue',
  folders: ['RTE'],
  head: { kind: 'classification', labels: rteLabels },
  files: jsonFiles,
  counts: { train: 2490, dev: 277, test: 3000 },
  read: premiseHypothesis(rteLabels),
  score: (examples, answers) => ({ accuracy: accuracy(valuesOf(answers), targetsOf(examples)) }),
  counted: ['accuracy'],
  submission: classLines('RTE.jsonl', rteLabels),
}
