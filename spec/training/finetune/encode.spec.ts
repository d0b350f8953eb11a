import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { trainTokenizer } from '../../../training/data/tokenizer/train/train-bpe'
import { encoderOf, type EncodeConfig } from '../../../training/finetune'
import { describe } from '../../harness'
import { fitted } from '../fitted'

const tokenizer = fitted(trainTokenizer(['a man eats rice and a woman reads the paper '.repeat(4)], { vocabSize: 280 }))
const { cls, sep } = tokenizer.specials
const encode = (config: EncodeConfig) => {
  const of = fitted(encoderOf(tokenizer, config))
  return (first: string, second?: string) =>
    of({ id: '0', target: 0, readings: [{ first, ...(second === undefined ? {} : { second }) }] }).readings[0]!
}
const sentence = fc
  .array(fc.constantFrom('a', 'man', 'eats', 'rice', 'reads', 'Zürich', '🦀'), { maxLength: 12 })
  .map((w) => w.join(' '))
const settings = fc.record({ seq: fc.integer({ min: 6, max: 40 }), separators: fc.constantFrom<1 | 2>(1, 2) })
const part = (ids: Int32Array, segments: Uint8Array, which: number): number[] =>
  [...ids].filter((_, t) => segments[t] === which)

describe('training/finetune/encode', (test) => {
  test('one text: [CLS] text [SEP]', () => {
    const { ids, segments, cut } = encode({ seq: 20, separators: 2 })('a man')
    const text = [...tokenizer.encode('a man')]
    assert.equal([...ids], [cls, ...text, sep])
    assert.equal([...segments], [0, ...text.map(() => 1), 0])
    assert.is(cut, 0)
  })

  test('a pair: [CLS] a [SEP] [SEP] b [SEP], or with one [SEP] between', () => {
    const [a, b] = [[...tokenizer.encode('a man')], [...tokenizer.encode('reads')]]
    assert.equal([...encode({ seq: 30, separators: 2 })('a man', 'reads').ids], [cls, ...a, sep, sep, ...b, sep])
    assert.equal([...encode({ seq: 30, separators: 1 })('a man', 'reads').ids], [cls, ...a, sep, ...b, sep])
  })

  test('never longer than seq; texts keep their beginnings; what is cut is counted; the shorter text loses nothing while the longer can give', () =>
    fc.assert(
      fc.property(settings, sentence, fc.option(sentence, { nil: undefined }), (config, first, second) => {
        const { ids, segments, cut } = encode(config)(first, second)
        const [a, b] = [[...tokenizer.encode(first)], [...tokenizer.encode(second ?? '')]]
        const [m, n] = [part(ids, segments, 1), part(ids, segments, 2)]
        assert.ok(ids.length <= config.seq)
        assert.equal(m, a.slice(0, m.length))
        assert.equal(n, b.slice(0, n.length))
        assert.is(cut, a.length - m.length + b.length - n.length)
        if (cut > 0) assert.is(ids.length, config.seq)
        if (m.length < a.length && n.length < b.length) assert.ok(Math.abs(m.length - n.length) <= 1)
        if (m.length < a.length && n.length === b.length) assert.ok(n.length <= m.length + 1)
        if (n.length < b.length && m.length === a.length) assert.ok(m.length <= n.length + 1)
        assert.is(ids[0], cls)
        assert.is(ids.at(-1), sep)
      }),
    ))

  test('spans: their tokens decode to their text', () => {
    const text = 'a man eats rice and a woman reads the paper'
    const [from, to] = [text.indexOf('man'), text.indexOf('woman')]
    const spans = [
      { from, to: from + 3 },
      { from: to, to: to + 5 },
    ] as const
    const reading = fitted(encoderOf(tokenizer, { seq: 40, separators: 2 }))({
      id: '0',
      target: 0,
      readings: [{ first: text, spans }],
    }).readings[0]!
    const [a, b, c, d] = reading.spans!
    assert.is(tokenizer.decode(reading.ids.subarray(a, b)).trim(), 'man')
    assert.is(tokenizer.decode(reading.ids.subarray(c, d)).trim(), 'woman')
    assert.is(tokenizer.decode(reading.ids.subarray(1, -1)), text)
  })

  test('spans in a pair: the first in the first text, the second in the second, wherever that begins', () => {
    const [first, second] = ['a man eats rice', 'the woman reads']
    for (const separators of [1, 2] as const) {
      const { ids, spans } = fitted(encoderOf(tokenizer, { seq: 40, separators }))({
        id: '0',
        target: 0,
        readings: [
          {
            first,
            second,
            spans: [
              { from: 2, to: 5 },
              { from: 4, to: 9 },
            ],
          },
        ],
      }).readings[0]!
      const [a, b, c, d] = spans!
      assert.is(tokenizer.decode(ids.subarray(a, b)).trim(), 'man')
      assert.is(tokenizer.decode(ids.subarray(c, d)).trim(), 'woman')
      assert.is(spans!.length, 4)
    }
  })

  test('a span that was cut off is the last token that is left; one that was cut in two is what is left of it', () => {
    const text = 'a man eats rice and a woman'
    const reading = fitted(encoderOf(tokenizer, { seq: 6, separators: 2 }))({
      id: '0',
      target: 0,
      readings: [
        {
          first: text,
          spans: [
            { from: 0, to: text.length },
            { from: 22, to: 27 },
          ],
        },
      ],
    }).readings[0]!
    assert.is(reading.ids.length, 6)
    assert.equal(reading.spans, [1, 5, 4, 5])
  })
})
