import * as t from 'io-ts'
import * as E from 'fp-ts/Either'
import { atLeast } from '../../../core'
import { accuracy } from '../../scores'
import { targetsOf, valuesOf } from '../answers'
import { Index, Truth, truths } from '../fields'
import { jsonFiles, labelledReader, type OfRow } from '../json-task'
import { unitsOf } from '../places'
import { truthLines } from '../submission/json-lines'
import type { Span, Task } from '../task'

const Row = atLeast(
  'row',
  {
    idx: Index,
    word: t.string,
    sentence1: t.string,
    sentence2: t.string,
    start1: Index,
    end1: Index,
    start2: Index,
    end2: Index,
  },
  {},
)

/**
 * Whether a word means the same in two sentences (Pilehvar and Camacho-Collados 2019). Form: recipe 8.2; the word and the first sentence, then the
 * second (4.4); spans are where it stands in them, as in jiant.
 */
export const wic: Task = {
  name: 'wic',
  title: 'WiC',
  suite: 'superglue',
  folders: ['WiC'],
  head: { kind: 'span-pair', labels: truths },
  files: jsonFiles,
  counts: { train: 5428, dev: 638, test: 1400 },
  read: labelledReader(Row, Truth, ({ idx, word, sentence1, sentence2, start1, end1, start2, end2 }) => {
    const first = spanOf('start1', sentence1, start1, end1)
    if (E.isLeft(first)) return first
    const second = spanOf('start2', sentence2, start2, end2)
    if (E.isLeft(second)) return second
    const before = `${word}: `
    const { from, to } = first.right
    const spans = [{ from: from + before.length, to: to + before.length }, second.right] as const
    return E.right({ id: idx, readings: [{ first: `${before}${sentence1}`, second: sentence2, spans }] })
  }),
  score: (examples, answers) => ({ accuracy: accuracy(valuesOf(answers), targetsOf(examples)) }),
  counted: ['accuracy'],
  submission: truthLines('WiC.jsonl', ['false', 'true']),
}

const spanOf = (key: string, sentence: string, start: string, end: string): OfRow<Span> => {
  const unitOf = unitsOf(sentence)
  const [from, to] = [unitOf(Number(start)), unitOf(Number(end))]
  return from === undefined || to === undefined || to <= from
    ? E.left({ key, expected: 'a place in its sentence', got: `${start} to ${end}` })
    : E.right({ from, to })
}
