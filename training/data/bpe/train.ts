import * as E from 'fp-ts/Either'
import { dataFault, type DataFault } from '../fault'
import { alphabet, byteToChar } from './byte-alphabet'
import { normalize, type Normalizer } from './normalize'
import { PairCounts } from './pair-counts'
import { tokenizer, type Tokenizer } from './tokenizer'
import { countWords } from './words'

/** Names of the special tokens of a vocabulary trained here; their ids are 0–4 (recipe 9.2: COCO-LM's order). */
export const specialTokens = ['[CLS]', '[PAD]', '[SEP]', '[UNK]', '[MASK]'] as const

export interface TrainerConfig {
  readonly vocabSize: number // specials and bytes included: at least 261
  readonly minFrequency?: number // least count of a pair that may be merged, default 2
  readonly normalizers?: readonly Normalizer[] // default none; ['Lowercase'] gives an uncased vocabulary
}

/** Train on texts: see `trainBpe`. */
export const trainTokenizer = (texts: Iterable<string>, config: TrainerConfig): E.Either<DataFault, Tokenizer> => {
  const counts = new Map<string, number>()
  for (const text of texts) countWords(counts, normalize(config.normalizers ?? [], text))
  return trainBpe(counts, config)
}

/**
 * Byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909, Alg. 1; bytes as in GPT-2) from counts of words: merge the
 * most frequent pair of neighbours until the vocabulary is full. Ids: 5 specials, 256 bytes, then merges in order.
 * Ties go to the pair of smaller ids, so the result depends on the counts only, not on the order of the text; merges
 * equal those of Hugging Face's `BpeTrainer` with `ByteLevel.alphabet()`.
 * left  vocabSize below 261, or more than the text can fill.
 */
export const trainBpe = (
  counts: ReadonlyMap<string, number>,
  { vocabSize, minFrequency = 2, normalizers = [] }: TrainerConfig,
): E.Either<DataFault, Tokenizer> => {
  const base = specialTokens.length + alphabet.length
  if (!Number.isInteger(vocabSize) || vocabSize < base)
    return E.left(
      dataFault('BPE vocabulary', 'vocabSize', `at least ${base} entries (5 special, 256 bytes)`, `${vocabSize}`),
    )
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
      return E.left(tooLittleText(vocabSize, base, merges.length, minFrequency, tokens.length))
    const [a, b] = [pairs.left[pair]!, pairs.right[pair]!]
    const token = tokens[a]! + tokens[b]!
    // two pairs can spell one token (ab+c, a+bc): it keeps the id it has
    const id = idOf.get(token) ?? tokens.push(token) - 1
    idOf.set(token, id)
    merges.push([a, b])
    for (const word of pairs.takeWords(pair)) mergeInWord(words, word, a, b, id, pairs)
    pairs.counts[pair] = 0
    pairs.settle()
  }
  const added = specialTokens.map((content, id) => ({ id, content, special: true, lstrip: false, rstrip: false }))
  return E.right(tokenizer({ tokens, merges, added, normalizers, unk: '[UNK]' }))
}

/** Distinct words as symbols end to end; a word's symbols shrink in place as pairs merge. */
interface Words {
  readonly symbols: Int32Array
  readonly start: Float64Array
  readonly end: Float64Array
  readonly count: Float64Array // occurrences in the text
}

const splitWords = (counts: ReadonlyMap<string, number>, idOfByte: (byte: number) => number): Words => {
  const byteIds = Int32Array.from({ length: 256 }, (_, byte) => idOfByte(byte))
  const [start, end, count] = [0, 0, 0].map(() => new Float64Array(counts.size)) as [Float64Array, Float64Array, Float64Array] // prettier-ignore
  let total = 0
  for (const word of counts.keys()) total += Buffer.byteLength(word)
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

const tooLittleText = (
  vocabSize: number,
  base: number,
  merges: number,
  minFrequency: number,
  possible: number,
): DataFault =>
  dataFault(
    'BPE vocabulary',
    'vocabSize',
    `${vocabSize} entries (5 special, 256 bytes, ${vocabSize - base} merges)`,
    `text with only ${merges} merges of pairs seen ${minFrequency} times or more`,
    `give more text, or ask for at most ${possible} entries`,
  )
