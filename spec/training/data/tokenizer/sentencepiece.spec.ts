import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { fromJson } from '../../../../training/data/tokenizer/file/from-json'
import { fromSentencePiece } from '../../../../training/data/tokenizer/file/sentencepiece'
import { showDataFault } from '../../../../training/data/fault'
import { describe } from '../../../harness'
import { fitted } from '../../fitted'

const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`./sentencepiece/${name}`, import.meta.url)))
/** Texts, and by model the ids and the text back that the SentencePiece library gives (sentencepiece/make.py). */
interface Row {
  readonly text: string
  readonly ids: Readonly<Record<string, readonly [ids: readonly number[], decoded: string]>>
}
const rows = fixture('ids.jsonl')
  .toString('utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)
const models = ['unigram', 'unigram-bytes', 'bpe', 'bpe-suffix'] as const
const open = (name: string) => fitted(fromSentencePiece(fixture(`${name}.model`), name))
const fault = (bytes: Uint8Array): string => {
  const outcome = fromSentencePiece(bytes)
  if (E.isRight(outcome)) throw new Error('expected a fault')
  return showDataFault(outcome.left)
}

describe('training/data/tokenizer: SentencePiece models', (test) => {
  for (const name of models) {
    test(`${name}: the ids of the SentencePiece library, and its text back`, () => {
      const tokenizer = open(name)
      assert.ok(rows.length > 90)
      for (const { text, ids } of rows) {
        const [wanted, decoded] = ids[name]!
        assert.equal([...tokenizer.encode(text)], wanted, JSON.stringify(text))
        // the library writes ⁇ for what is unknown; here a special token has no text
        if (!wanted.includes(tokenizer.specials.unk!) && text.trim() !== '')
          assert.is(tokenizer.decode(wanted), decoded)
      }
    })

    test(`${name}: written as tokenizer.json and read again it gives the same ids for plain text`, () => {
      const tokenizer = open(name)
      if (name === 'bpe-suffix') return // a space at the end of a word has no form there
      const back = fitted(fromJson(JSON.parse(JSON.stringify(tokenizer.toJson()))))
      for (const text of ['the people of the United States', 'Union and Congress, 1790.'])
        assert.equal(back.encode(text), tokenizer.encode(text))
    })
  }

  test('control tokens are text unless they are parsed', () => {
    const unigram = open('unigram')
    const mask = unigram.idOf('[MASK]')!
    assert.not.ok(unigram.encode('a [MASK] b').includes(mask))
    assert.ok(unigram.encode('a [MASK] b', { specials: 'parse' }).includes(mask))
    assert.is(unigram.specials.mask, mask)
  })

  test('what is no model, a part of one, or a model of another type is a fault that says so', () => {
    assert.match(fault(fixture('word.model')), /expected a SentencePiece model of type unigram or BPE, got WORD\n {2}at sp\.model/) // prettier-ignore
    assert.match(fault(Buffer.from('plain text, no model')), /expected a SentencePiece model, got/)
    assert.match(fault(new Uint8Array(0)), /got 0 pieces, none of them for what is unknown/)
    const whole = fixture('bpe.model')
    fc.assert(
      fc.property(fc.integer({ min: 1, max: whole.length - 1 }), (length) => {
        const outcome = fromSentencePiece(whole.subarray(0, length)) // cut between two fields it can be a model, of fewer pieces
        return E.isLeft(outcome)
          ? /^tokenizer: expected /.test(showDataFault(outcome.left))
          : outcome.right.vocabSize > 0
      }),
    )
  })
})
