import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { showDataFault } from '../../../training/data/fault'
import type { Document } from '../../../training/data/read-text'
import { splitDocuments, type Split } from '../../../training/data/split'
import { describe } from '../../harness'

const split = (documents: readonly Document[], options: { fraction?: number; seed?: number } = {}): Split => {
  const answer = splitDocuments(documents, options)
  if (E.isLeft(answer)) throw new Error(showDataFault(answer.left))
  return answer.right
}
const named = (texts: readonly string[]) => texts.map((text, i) => ({ text, source: `d${i}` }))
const documents = fc
  .array(fc.string({ maxLength: 3 }), { minLength: 2, maxLength: 40 })
  .filter((a) => new Set(a).size > 1)
const fraction = fc.constantFrom(0.01, 0.1, 0.5, 0.99)

describe('training/data/split', (test) => {
  test('every document falls on exactly one side, equal texts together, and neither side is empty', () =>
    fc.assert(
      fc.property(documents, fraction, fc.nat(9), (texts, share, seed) => {
        const { train, heldOut } = split(named(texts), { fraction: share, seed })
        assert.equal(
          [...train, ...heldOut].map(({ source }) => source).sort(),
          named(texts)
            .map(({ source }) => source)
            .sort(),
        )
        const held = new Set(heldOut.map(({ text }) => text))
        return train.length > 0 && heldOut.length > 0 && !train.some(({ text }) => held.has(text))
      }),
    ))

  test('it depends on the texts, not on their order; another seed holds out others', () => {
    const texts = Array.from({ length: 200 }, (_, i) => `text ${i}`)
    const held = (list: readonly string[], seed: number) =>
      split(named(list), { fraction: 0.1, seed })
        .heldOut.map(({ text }) => text)
        .sort()
    assert.equal(held([...texts].reverse(), 0), held(texts, 0))
    assert.is(held(texts, 0).length, 20)
    assert.not.equal(held(texts, 1), held(texts, 0))
  })

  test('one document is cut near 1 - fraction, at a break, and nothing is lost', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom('word', 'longer', '\n', '\n\n'), { minLength: 40 }), (parts) => {
        const text = 'begin ' + parts.join(' ') + ' end of it'
        const { train, heldOut } = split([{ text, source: 'book' }], { fraction: 0.25 })
        assert.is(train[0]!.text + heldOut[0]!.text, text)
        assert.match(heldOut[0]!.text, /^\s/)
        return train[0]!.text.length >= 0.74 * text.length
      }),
    ))

  test('the break that ends a text is no place to cut it', () => {
    const text = `${'some words and more of them. '.repeat(100)}\n\n`
    const { train, heldOut } = split([{ text, source: 'book' }], { fraction: 0.05 })
    assert.ok(train[0]!.text.length > 2700 && heldOut[0]!.text.trim().length > 50)
  })

  test('what cannot be split is a fault', () => {
    const fault = (all: readonly Document[], share?: number) => {
      const answer = splitDocuments(all, share === undefined ? {} : { fraction: share })
      return E.isLeft(answer) ? showDataFault(answer.left) : 'right'
    }
    assert.match(fault([]), /expected at least one document, got none/)
    assert.match(
      fault(named(['word'])),
      /one long enough to cut, got one of 4 characters\n {2}at d0\n {2}help: give more/,
    )
    assert.match(fault(named(['a b', 'a b']), 0.01), /one long enough to cut/)
    for (const bad of [0, 1, NaN]) assert.match(fault(named(['a', 'b']), bad), /between 0 and 1/)
  })
})
