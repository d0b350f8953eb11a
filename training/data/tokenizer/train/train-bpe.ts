import * as E from 'fp-ts/Either'
import { dataFault, type DataFault } from '../../fault'
import type { PostProcessor } from '../components'
import { alphabet, byteToChar } from '../parts/byte-alphabet'
import { normalizerOf } from '../parts/normalizers'
import type { TokenizerSpec } from '../spec'
import { specialTokens } from '../specials'
import { tokenizer, type Tokenizer } from '../tokenizer'
import { PairCounts } from './pair-counts'
import { mostUnits, mostWords, WordCounts } from './word-counts'

/** Normalisations that a vocabulary may be trained with, in order; `Lowercase` gives an uncased one. */
export const normalizerNames = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase'] as const
export type NormalizerName = (typeof normalizerNames)[number]

export interface TrainerConfig {
  readonly vocabSize: number // specials and bytes included: at least 261
  readonly minFrequency?: number // least count of a pair that may be merged, default 2
  readonly normalizers?: readonly NormalizerName[] // default none
  readonly onMerge?: (entries: number) => void // the vocabulary has grown to this many entries
}

/** Words and how often each occurs; read twice. A map of counts is one. */
export type CountedWords = Iterable<readonly [word: string, count: number]>

/** Train on texts: see `trainBpe`. */
export const trainTokenizer = (texts: Iterable<string>, config: TrainerConfig): E.Either<DataFault, Tokenizer> => {
  const counts = new WordCounts()
  const normalize = normalizerFor(config.normalizers ?? [])
  for (const text of texts) counts.addWords(normalize(text))
  if (counts.isFull) return E.left(tooManyWords(counts))
  return trainBpe(counts, config)
}

/** What a text goes through before its words are counted. */
export const normalizerFor = (names: readonly NormalizerName[]): ((text: string) => string) => {
  const made = normalizerOf(normalizerNamed(names))
  if (E.isLeft(made)) throw new Error(`internal: ${made.left}`)
  return made.right
}

const normalizerNamed = (names: readonly NormalizerName[]): TokenizerSpec['normalizer'] => {
  const normalizers = names.map((type) => ({ type }))
  return normalizers.length > 1 ? { type: 'Sequence', normalizers } : (normalizers[0] ?? null)
}

/**
 * Byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909, Alg. 1; bytes as in GPT-2) from counts of words: merge the
 * most frequent pair of neighbours until the vocabulary is full. Ids: 5 specials, 256 bytes, then merges in order.
 * Ties go to the pair of smaller ids, so the result depends on the counts only, not on the order of the text; merges
 * equal those of Hugging Face's `BpeTrainer` with `ByteLevel.alphabet()`.
 * left  vocabSize below 261, or more than the text can fill.
 */
export const trainBpe = (
  counts: CountedWords,
  { vocabSize, minFrequency = 2, normalizers = [], onMerge }: TrainerConfig,
): E.Either<DataFault, Tokenizer> => {
  const tooSmall = vocabularyFault(vocabSize)
  if (tooSmall !== undefined) return E.left(tooSmall)
  const tokens: string[] = [...specialTokens, ...alphabet]
  const idOf = new Map(tokens.map((token, id) => [token, id]))
  const words = splitWords(counts, (byte) => idOf.get(byteToChar[byte]!)!)
  const pairs = new PairCounts()
  for (let word = 0; word < words.count.length; word += 1)
    for (let i = words.start[word]!; i + 1 < words.end[word]!; i += 1)
      pairs.add(words.symbols[i]!, words.symbols[i + 1]!, words.count[word]!, word)
  pairs.settle()

  const merges: Array<readonly [number, number]> = []
  while (tokens.length < vocabSize) {
    const pair = pairs.best()
    if (pair < 0 || pairs.counts[pair]! < Math.max(1, minFrequency))
      return E.left(tooLittleText(vocabSize, merges.length, minFrequency, tokens.length))
    const [a, b] = [pairs.left[pair]!, pairs.right[pair]!]
    const token = tokens[a]! + tokens[b]!
    // two pairs can spell one token (ab+c, a+bc): it keeps the id it has
    const id = idOf.get(token) ?? tokens.push(token) - 1
    idOf.set(token, id)
    merges.push([a, b])
    for (const word of pairs.takeWords(pair)) mergeInWord(words, word, a, b, id, pairs)
    pairs.counts[pair] = 0
    pairs.settle()
    onMerge?.(tokens.length)
  }
  const added = specialTokens.map((content, id) => ({ id, content, special: true, lstrip: false, rstrip: false }))
  return E.right(
    tokenizer({
      added,
      normalizer: normalizerNamed(normalizers),
      preTokenizer: byteLevel,
      model: { type: 'BPE', tokens, merges, unk: '[UNK]' },
      postProcessor: around(tokens.indexOf('[CLS]'), tokens.indexOf('[SEP]')),
      decoder: byteLevel,
    }),
  )
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true } as const

/** [CLS] A [SEP], and [CLS] A [SEP] [SEP] B [SEP] for pairs (recipe 9.4). */
const around = (cls: number, sep: number): PostProcessor => {
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } })
  const [open, close] = [special('[CLS]'), special('[SEP]')]
  return {
    type: 'TemplateProcessing',
    single: [open, sequence('A'), close],
    pair: [open, sequence('A'), close, close, sequence('B'), close],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [cls], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [sep], tokens: ['[SEP]'] },
    },
  }
}

const base = specialTokens.length + alphabet.length

/** What is wrong with a size: the alphabet must fit in. */
export const vocabularyFault = (vocabSize: number): DataFault | undefined =>
  Number.isInteger(vocabSize) && vocabSize >= base
    ? undefined
    : dataFault('BPE vocabulary', 'vocabSize', `at least ${base} entries (5 special, 256 bytes)`, `${vocabSize}`)

/** Distinct words as symbols end to end; a word's symbols shrink in place as pairs merge. */
interface Words {
  readonly symbols: Int32Array
  readonly start: Float64Array
  readonly end: Float64Array
  readonly count: Float64Array // occurrences in the text
}

const splitWords = (counts: CountedWords, idOfByte: (byte: number) => number): Words => {
  const byteIds = Int32Array.from({ length: 256 }, (_, byte) => idOfByte(byte))
  let [total, size] = [0, 0]
  for (const [word] of counts) {
    total += Buffer.byteLength(word)
    size += 1
  }
  const [start, end, count] = [0, 0, 0].map(() => new Float64Array(size)) as [Float64Array, Float64Array, Float64Array] // prettier-ignore
  const symbols = new Int32Array(total)
  let at = 0
  let index = 0
  for (const [word, times] of counts) {
    start[index] = at
    for (const byte of Buffer.from(word)) symbols[at++] = byteIds[byte]!
    end[index] = at
    count[index] = times
    index += 1
  }
  return { symbols, start, end, count }
}

/** Replaces every (a, b) of a word by `id`, left to right, and moves the counts of the pairs around it. */
const mergeInWord = (words: Words, word: number, a: number, b: number, id: number, pairs: PairCounts): void => {
  const { symbols } = words
  const start = words.start[word]!
  const end = words.end[word]!
  const count = words.count[word]!
  let to = start
  for (let from = start; from < end;) {
    if (symbols[from] !== a || from + 1 >= end || symbols[from + 1] !== b) {
      symbols[to++] = symbols[from++]!
      continue
    }
    if (to > start) {
      pairs.add(symbols[to - 1]!, a, -count, word)
      pairs.add(symbols[to - 1]!, id, count, word)
    }
    if (from + 2 < end) {
      pairs.add(b, symbols[from + 2]!, -count, word)
      pairs.add(id, symbols[from + 2]!, count, word)
    }
    symbols[to++] = id
    from += 2
  }
  words.end[word] = to
}

/** A corpus with more distinct words than can be counted in bounded memory. */
export const tooManyWords = ({ size }: WordCounts): DataFault =>
  dataFault(
    'BPE vocabulary',
    'corpus',
    `at most ${mostWords} distinct words of ${mostUnits} UTF-16 units together`,
    `more: ${size} were counted before room ran out`,
    'train on a part of the corpus; text without spaces has few words that come twice',
  )

const tooLittleText = (vocabSize: number, merges: number, minFrequency: number, possible: number): DataFault =>
  dataFault(
    'BPE vocabulary',
    'vocabSize',
    `${vocabSize} entries (5 special, 256 bytes, ${vocabSize - base} merges)`,
    `text with only ${merges} merges of pairs seen ${minFrequency} times or more`,
    `give more text, or ask for at most ${possible} entries`,
  )
