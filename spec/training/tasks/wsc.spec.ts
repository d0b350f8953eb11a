import * as assert from 'uvu/assert'
import { findWords } from '../../../training/tasks/superglue/find-words'
import { describe } from '../../harness'
import { faultIn, jsonl, put, read } from './files'

const text = 'When  Ann\'s dog bit him, he said: "The tape, Bob\'s, is off." They   laughed'

/** What is found, and why it is not where it was said to be. */
const found = (wanted: string, index: number): readonly [string, string?] | undefined => {
  const at = findWords(text, wanted, index)
  if (at === undefined) return undefined
  const words = text.slice(at.span.from, at.span.to)
  return at.mended === undefined ? [words] : [words, at.mended]
}
const elsewhere = 'words that stand elsewhere than at their index: the nearest are taken'
const nowhere = 'words that stand nowhere: those at their index are taken'

describe('training/tasks: spans of WSC', (test) => {
  test('as many words as are wanted from their index on, without the marks that hang on and were not asked for', () => {
    assert.equal(found('dog bit', 2), ['dog bit'])
    assert.equal(found('him', 4), ['him'])
    assert.equal(found('him,', 4), ['him,'])
    assert.equal(found('Ann', 1), ['Ann'])
    assert.equal(found("Ann's dog", 1), ["Ann's dog"])
    assert.equal(found('The tape', 7), ['The tape'])
    assert.equal(found('They\nlaughed', 12), ['They   laughed'])
  })

  test('capitals do not matter, nor a mark at the end that the text does not have', () => {
    assert.equal(found('the tape.', 7), ['The tape'])
    assert.equal(found('They laughed.', 12), ['They   laughed'])
    assert.equal(found('HE', 5), ['he'])
  })

  test('words with another index: the nearest place that has them; words that stand nowhere: those at the index. Both are told', () => {
    assert.equal(found('he', 4), ['he', elsewhere])
    assert.equal(found('he', 99), ['he', elsewhere])
    assert.equal(found('Ann and Bob', 2), ['dog bit him,', nowhere])
    assert.equal(found('hi', 4), ['him,', nowhere])
    assert.is(found('Eve', 99), undefined)
    assert.is(found('', 0), undefined)
  })

  test('in a row: phrase and pronoun; what was mended is counted; an index beyond the text is a fault', async () => {
    const row = { text: 'Ann left Bob. She ran.', target: { span1_text: 'Bob', span1_index: 2, span2_text: 'She', span2_index: 3 }, idx: 0, label: false } // prettier-ignore
    const file = put('wsc.jsonl', jsonl(row, { ...row, idx: 1, target: { ...row.target, span2_index: 2 } }))
    const { examples, mended } = await read('wsc', file)
    const spans = [{ from: 9, to: 12 }, { from: 14, to: 17 }] // prettier-ignore
    assert.equal(examples[0], { id: '0', readings: [{ first: row.text, spans }], target: 0 })
    assert.equal(examples[1]!.readings[0]!.spans, spans)
    assert.equal(mended, [{ why: elsewhere, rows: 1, first: `${file}:2` }])
    const beyond = { ...row, target: { ...row.target, span1_text: 'Eve', span1_index: 9 } }
    assert.is(
      await faultIn('wsc', put('x.jsonl', jsonl(beyond))),
      'task row: expected the number of a word of the text, got 9\n  at x.jsonl:1, target.span1_index',
    )
    const negative = { ...row, target: { ...row.target, span1_index: -1 } }
    assert.match(
      await faultIn('wsc', put('x.jsonl', jsonl(negative))),
      /got -1\n {2}at x\.jsonl:1, target\.span1_index/,
    )
  })
})
