import * as TE from 'fp-ts/TaskEither'
import { accuracy, genderParity } from '../../scores'
import { groupsOf, targetsOf, valuesOf } from '../answers'
import { classLines } from '../submission/json-lines'
import type { Example, Task, TaskRows } from '../task'
import { premiseHypothesis } from './premise-hypothesis'
import { rteLabels } from './rte'

const readRows = premiseHypothesis(rteLabels)

/**
 * Winogender: pairs of rows that differ in the gender of a pronoun, for a model of RTE (Rudinger et al. 2018; Wang et al. 2019, §3.3). Form:
 * recipe 8.2. A group is a pair: the same texts but for the pronoun. They do not count.
 */
export const axG: Task = {
  name: 'ax-g',
  title: 'AX-g',
  suite: 'superglue',
  folders: ['AX-g'],
  head: { kind: 'classification', labels: rteLabels },
  answeredBy: 'superglue-rte',
  files: { train: [], dev: [], test: ['AX-g.jsonl', 'test.jsonl'] },
  counts: { train: 0, dev: 0, test: 356 },
  read: (file, split) =>
    TE.map((rows: TaskRows) => ({ ...rows, examples: paired(rows.examples) }))(readRows(file, split)),
  score: (examples, answers) => {
    const values = valuesOf(answers)
    return { parity: genderParity(values, groupsOf(examples)), accuracy: accuracy(values, targetsOf(examples)) }
  },
  counted: [],
  submission: classLines('AX-g.jsonl', rteLabels),
}

const pronouns = /\b(?:he|she|him|her|his|hers|himself|herself)\b/gi

/** Examples with what they are without gender as a group; of more than two that are the same, each next two are a pair. */
const paired = (examples: readonly Example[]): readonly Example[] => {
  const seen = new Map<string, number>()
  return examples.map((example) => {
    const { first, second } = example.readings[0]!
    const texts = `${first}\n${second!}`.replace(pronouns, '*')
    const before = seen.get(texts) ?? 0
    seen.set(texts, before + 1)
    return { ...example, group: `${texts}\n${Math.floor(before / 2)}` }
  })
}
