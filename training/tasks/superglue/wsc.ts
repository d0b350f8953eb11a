import * as t from 'io-ts'
import * as E from 'fp-ts/Either'
import { atLeast, NonNegativeInt } from '../../../core'
import { accuracy } from '../../scores'
import { targetsOf, valuesOf } from '../answers'
import { Index, Truth, truths } from '../fields'
import { jsonFiles, labelledReader } from '../json-task'
import { truthLines } from '../submission/json-lines'
import type { Task } from '../task'
import { findWords } from './find-words'

const Row = atLeast(
  'row',
  {
    idx: Index,
    text: t.string,
    target: atLeast(
      'target',
      { span1_index: NonNegativeInt, span1_text: t.string, span2_index: NonNegativeInt, span2_text: t.string },
      {},
    ),
  },
  {},
)

/**
 * Whether a pronoun means a noun phrase of the same text (Levesque et al. 2012; SuperGLUE's form). Form: recipe 8.2; spans are looked at, as in
 * jiant. The first is the phrase, the second the pronoun.
 */
export const wsc: Task = {
  name: 'wsc',
  title: 'WSC',
  suite: 'superglue',
  folders: ['WSC'],
  head: { kind: 'span-pair', labels: truths },
  files: jsonFiles,
  counts: { train: 554, dev: 104, test: 146 },
  read: labelledReader(Row, Truth, ({ idx, text, target }) => {
    const phrase = findWords(text, target.span1_text, target.span1_index)
    if (phrase === undefined) return E.left(nowhere('target.span1_index', target.span1_index))
    const pronoun = findWords(text, target.span2_text, target.span2_index)
    if (pronoun === undefined) return E.left(nowhere('target.span2_index', target.span2_index))
    const mended = [phrase.mended, pronoun.mended].flatMap((why) => (why === undefined ? [] : [why]))
    return E.right({ id: idx, readings: [{ first: text, spans: [phrase.span, pronoun.span] }], mended })
  }),
  score: (examples, answers) => ({ accuracy: accuracy(valuesOf(answers), targetsOf(examples)) }),
  counted: ['accuracy'],
  submission: truthLines('WSC.jsonl', ['False', 'True']),
}

const nowhere = (key: string, index: number) => ({
  key,
  expected: 'the number of a word of the text',
  got: String(index),
})
