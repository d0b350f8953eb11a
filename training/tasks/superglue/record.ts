import * as t from 'io-ts'
import * as E from 'fp-ts/Either'
import { atLeast, NonNegativeInt } from '../../../core'
import { isExact, tokenF1 } from '../../scores'
import { answered } from '../answers'
import { Index } from '../fields'
import { jsonFiles, jsonReader } from '../json-task'
import { charactersOf } from '../places'
import { textLines } from '../submission/json-lines'
import type { Answer, Example, Scores, Task } from '../task'

const Row = atLeast(
  'row',
  {
    passage: atLeast(
      'passage',
      {
        text: t.string,
        entities: t.readonlyArray(
          atLeast('entity', { start: NonNegativeInt, end: NonNegativeInt }, {}),
          'a list of entities',
        ),
      },
      {},
    ),
    qas: t.readonlyArray(
      atLeast(
        'query',
        { idx: Index, query: t.string },
        { answers: t.readonlyArray(atLeast('answer', { text: t.string }, {}), 'a list of answers') },
      ),
      'a list of queries',
    ),
  },
  {},
)

const gap = '@placeholder'

/**
 * Which entity of a news story fills the gap in a query (Zhang et al. 2018, arXiv:1810.12885). Form: recipe 8.2; an entity's end is its last
 * character. An example is a query: one reading for each entity text, filled in, against the passage (4.4); right are those that are an answer.
 */
export const record: Task = {
  name: 'record',
  title: 'ReCoRD',
  suite: 'superglue',
  folders: ['ReCoRD'],
  head: { kind: 'ranking' },
  files: jsonFiles,
  counts: { train: 100730, dev: 10000, test: 10000 },
  read: jsonReader(Row, ({ passage: { text, entities }, qas }, split) => {
    const slice = charactersOf(text)
    const choices = new Set<string>()
    for (const [i, { start, end }] of entities.entries()) {
      const entity = slice(start, end + 1)
      if (entity === undefined || entity === '')
        return E.left({ key: `passage.entities.${i}`, expected: 'a place in the passage', got: `${start} to ${end}` })
      choices.add(entity)
    }
    const examples: Example[] = []
    const leftOut: string[] = []
    for (const [q, { idx, query, answers }] of qas.entries()) {
      if (answers === undefined && split !== 'test')
        return E.left({ key: `qas.${q}.answers`, expected: 'a list of answers', got: 'nothing' })
      const example = exampleOf(
        idx,
        text,
        query,
        [...choices],
        answers?.map((answer) => answer.text),
      )
      if (typeof example === 'string') leftOut.push(example)
      else examples.push(example)
    }
    return E.right({ examples, leftOut })
  }),
  score: (examples, answers) => meanOver(answered(examples, answers)),
  counted: ['f1', 'em'],
  submission: textLines('ReCoRD.jsonl'),
}

/** A query as an example; or why it is none. */
const exampleOf = (
  id: string,
  passage: string,
  query: string,
  choices: readonly string[],
  answers: readonly string[] | undefined,
): Example | string => {
  if (choices.length === 0) return 'no entities to choose from'
  const parts = query.split(gap)
  if (parts.length === 1) return `a query without ${gap}`
  const rights = answers === undefined ? undefined : [...choices.keys()].filter((c) => answers.includes(choices[c]!))
  if (rights?.length === 0) return 'no entity is an answer'
  const readings = choices.map((choice) => ({ first: passage, second: parts.join(choice) }))
  return { id, readings, target: rights?.[0], choices, ...(rights === undefined ? {} : { rights }) }
}

const meanOver = (all: readonly (readonly [Example, Answer])[]): Scores => {
  let [f1, em] = [0, 0]
  for (const [{ id, choices, rights }, { value }] of all) {
    if (choices === undefined || rights === undefined)
      throw new RangeError(`score: expected examples with right choices, got none for ${id}`)
    const [text, right] = [choices[value]!, rights.map((c) => choices[c]!)]
    f1 += tokenF1(text, right) / all.length
    em += Number(isExact(text, right)) / all.length
  }
  return { f1, em }
}
