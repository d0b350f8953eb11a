import * as assert from 'uvu/assert'
import type { Normalizer, PreTokenizer } from '../../../../training/data/tokenizer/components'
import { normalizerOf } from '../../../../training/data/tokenizer/parts/normalizers'
import { wordsOf } from '../../../../training/data/tokenizer/parts/pre-tokenizers'
import { describe } from '../../../harness'
import { huggingFaceParts } from './hugging-face'

const bert = { type: 'BertNormalizer', clean_text: false, handle_chinese_chars: false, strip_accents: false, lowercase: false } as const // prettier-ignore
const normalizers: readonly Normalizer[] = [
  { ...bert, clean_text: true },
  { ...bert, handle_chinese_chars: true },
  { ...bert, strip_accents: true },
  { ...bert, lowercase: true },
  { type: 'StripAccents' },
  { type: 'NFC' },
  { type: 'NFD' },
  { type: 'NFKC' },
  { type: 'NFKD' },
  { type: 'Lowercase' },
]
const preTokenizers: readonly PreTokenizer[] = [
  { type: 'Whitespace' },
  { type: 'WhitespaceSplit' },
  { type: 'Punctuation' },
  { type: 'Digits', individual_digits: true },
  { type: 'BertPreTokenizer' },
]

/**
 * Every character that Node's Unicode knows, but for private use, ideographs of whole planes and surrogates, a thousand at a time, each
 * between an a and a b: its kind depends on tables.
 */
const texts = (() => {
  const ranges = [[1, 0xd7ff], [0xf900, 0x1ffff], [0x2a000, 0x3347f], [0xe0000, 0xe01ff]] as const // prettier-ignore
  const known = ranges
    .flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i)))
    .filter((char) => !/\p{Cn}/u.test(char))
    .map((char) => `a${char}b`)
  return Array.from({ length: Math.ceil(known.length / 1000) }, (_, i) => known.slice(1000 * i, 1000 * (i + 1)))
})()

/** Those that two functions treat differently, in hexadecimal. */
const differing = (ours: (text: string) => string, theirs: (text: string) => string): string =>
  texts
    .filter((some) => ours(some.join('\n')) !== theirs(some.join('\n')))
    .flatMap((some) => some.filter((one) => ours(one) !== theirs(one)))
    .map((one) => one.codePointAt(1)!.toString(16))
    .join(' ')

const asked = ({ type, ...settings }: Normalizer | PreTokenizer): string => `${type} ${JSON.stringify(settings)}`

describe('training/data/tokenizer: every character is of the class that Hugging Face gives it', (test) => {
  for (const part of normalizers)
    test(asked(part), async () => {
      const oracle = await huggingFaceParts()
      if (oracle === undefined) return
      const [ours, theirs] = [normalizerOf(part), oracle.normalizer(part)]
      if (ours._tag === 'Left') throw new Error(ours.left)
      assert.is(differing(ours.right, theirs), '')
    })

  for (const part of preTokenizers)
    test(asked(part), async () => {
      const oracle = await huggingFaceParts()
      if (oracle === undefined) return
      const theirs = oracle.preTokenizer(part)
      const ours = wordsOf(part)
      if (ours._tag === 'Left') throw new Error(ours.left)
      const cut = (text: string): string => {
        const pieces: string[] = []
        ours.right.cut(text, true, (piece) => pieces.push(piece))
        return pieces.join('\n')
      }
      const found = differing(cut, (s) => theirs(s).join('\n'))
      assert.is(found, '')
    })
})
