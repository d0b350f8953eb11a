import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { showDataFault } from '../../../../training/data/fault'
import { trainBpe, trainTokenizer } from '../../../../training/data/tokenizer/train/train-bpe'
import { trainOnFiles } from '../../../../training/data/tokenizer/train/train-on-files'
import { WordCounts } from '../../../../training/data/tokenizer/train/word-counts'
import { nextWord } from '../../../../training/data/tokenizer/parts/gpt2-words'
import { describe } from '../../../harness'
import { temporary } from '../../cli/run-cli'
import { fitted } from '../../fitted'
import { speeches } from './pipelines'
import { text } from './texts'

const countsOf = (texts: readonly string[], into = new WordCounts()): WordCounts => {
  for (const each of texts) into.addWords(each)
  return into
}
const sorted = (counts: WordCounts) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1))

const plainCounts = (texts: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const s of texts)
    for (let from = 0; from < s.length;) {
      const to = nextWord(s, from)
      counts.set(s.slice(from, to), (counts.get(s.slice(from, to)) ?? 0) + 1)
      from = to
    }
  return counts
}

const folder = temporary()
const shard = (name: string, texts: readonly string[]): string => {
  const path = join(folder, name)
  writeFileSync(path, texts.map((s) => `${JSON.stringify({ text: s })}\n`).join(''))
  return path
}

describe('training/data/tokenizer: counting words, training on files', (test) => {
  test('counts are those of a map, of any texts', () =>
    fc.assert(
      fc.property(fc.array(text), (texts) => {
        assert.equal(new Map(countsOf(texts)), new Map(plainCounts(texts)))
      }),
      { examples: [[[]], [['']], [['a\ud800b \udc00']]] },
    ))

  test('counts do not depend on the order of texts, nor on how they are parted into shards', () =>
    fc.assert(
      fc.property(fc.array(text), fc.array(text), (a, b) => {
        const whole = sorted(countsOf([...a, ...b]))
        const inParts = countsOf(b)
        inParts.addAll(countsOf(a))
        assert.equal(sorted(inParts), whole)
        assert.equal(sorted(countsOf([...b, ...a].reverse())), whole)
      }),
    ))

  test('a counter that is full says so, and still counts the words that it has', () => {
    const counts = countsOf(['a a bb ccc'], new WordCounts({ words: 3, units: 100 }))
    assert.is(counts.isFull, true)
    assert.equal([...counts], [['a', 1], [' a', 1], [' bb', 1]]) // prettier-ignore
    counts.addWords(' bb')
    assert.equal([...counts].at(-1), [' bb', 2])
    assert.is(countsOf(['abcdef'], new WordCounts({ words: 9, units: 5 })).isFull, true)
  })

  test('memory holds distinct words, not the corpus: a text counted a hundred times takes no more than once', () => {
    const counts = countsOf(speeches.slice(0, 2))
    const [size, words] = [counts.size, sorted(counts)]
    for (let i = 1; i < 100; i += 1) countsOf(speeches.slice(0, 2), counts)
    assert.is(counts.size, size)
    assert.equal(sorted(counts), words.map(([word, count]) => [word, 100 * count])) // prettier-ignore
  })

  test('a vocabulary of files is that of their texts, in whatever order the shards come', async () => {
    const shards = [speeches.slice(0, 3), speeches.slice(3, 5), speeches.slice(5, 6)]
    const files = shards.map((texts, i) => shard(`shard-${i}.jsonl`, texts))
    const config = { vocabSize: 500 }
    const seen: string[] = []
    const onFiles = fitted(await trainOnFiles(files, config, { read: ({ source }) => seen.push(source) })())
    assert.is(onFiles.documents, 6)
    assert.is(seen.length, 6)
    assert.is(onFiles.tokenizer.fingerprint(), fitted(trainTokenizer(shards.flat(), config)).fingerprint())
    const backwards = fitted(await trainOnFiles([...files].reverse(), config)())
    assert.is(backwards.tokenizer.fingerprint(), onFiles.tokenizer.fingerprint())
    assert.is(fitted(trainBpe(plainCounts(shards.flat()), config)).fingerprint(), onFiles.tokenizer.fingerprint())
  })

  test('progress rises to the size; text is prepared before it is counted', async () => {
    const file = shard('lower.jsonl', ['AB AB AB', 'AB'])
    const entries: number[] = []
    const config = { vocabSize: 262, prepare: (s: string) => s.toLowerCase(), onMerge: (n: number) => entries.push(n) }
    const { tokenizer, words } = fitted(await trainOnFiles([file], config)())
    assert.equal(entries, [262])
    assert.is(words, 2)
    assert.is(tokenizer.tokenOf(261), 'ab')
  })

  test('a bad row names file and line; a size that cannot be is refused before a file is read', async () => {
    const bad = join(folder, 'bad.jsonl')
    writeFileSync(bad, '{"text": "fine"}\n{"text": 5}\n')
    const outcome = await trainOnFiles([bad], { vocabSize: 300 })()
    assert.ok(E.isLeft(outcome))
    assert.match(showDataFault(outcome.left), /a string under "text", got .*\n {2}at .*bad\.jsonl:2/)
    const small = await trainOnFiles([join(folder, 'nowhere')], { vocabSize: 100 })()
    assert.ok(E.isLeft(small))
    assert.match(showDataFault(small.left), /at least 261 entries \(5 special, 256 bytes\), got 100/)
  })
})
