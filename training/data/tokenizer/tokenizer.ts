import { createHash } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { splitAdded } from './added-tokens'
import { toJson, type TokenizerJson } from './file/to-json'
import { IdList } from './id-list'
import { bpe } from './model/bpe'
import { unigram } from './model/unigram'
import { wordLevel } from './model/word-level'
import { wordPiece } from './model/wordpiece'
import { decoderOf } from './parts/decoders'
import { normalizerOf } from './parts/normalizers'
import { wordsOf, type WordsOf } from './parts/pre-tokenizers'
import { sentencePieceCut, sentencePieceNormalizer, spaceMark } from './parts/sentence-piece-text'
import type { ModelSpec, SpecialIds, TokenizerSpec } from './spec'
import { specialsOf } from './specials'
import { remembering, type EncodeWord } from './word-cache'

export interface Tokenizer {
  readonly spec: TokenizerSpec
  readonly vocabSize: number // largest id + 1
  /** ids of the specials by role ([CLS] or <s>, and so on); a foreign vocabulary may lack some */
  readonly specials: Partial<SpecialIds>
  readonly isSpecial: (id: number) => boolean
  /**
   * Ids of a text, without [CLS] or [SEP] around them. Text that looks like a special token is text, unless
   * `specials: 'parse'`, which is how Hugging Face reads it. An unpaired surrogate is read as U+FFFD.
   */
  readonly encode: (text: string, options?: { readonly specials?: 'text' | 'parse' }) => Int32Array
  /** Text of ids; bytes that are not UTF-8 become U+FFFD; specials are left out unless `specials: 'keep'`. */
  readonly decode: (ids: ArrayLike<number>, options?: { readonly specials?: 'skip' | 'keep' }) => string
  readonly idOf: (token: string) => number | undefined
  /** The token as tokenizer.json spells it: 'Ġthe', '[MASK]'. */
  readonly tokenOf: (id: number) => string | undefined
  /** The text of one token for people: ' the', '[MASK]'; part of a character shows as U+FFFD. */
  readonly tokenText: (id: number) => string
  /** sha256, in hex, of the canonical tokenizer.json: equal for equal vocabularies however their files are laid out. */
  readonly fingerprint: () => string
  readonly toJson: () => TokenizerJson
}

/**
 * The working form of a tokenizer. Encoding remembers words it has met (up to 2^20), so it is a look-up per word.
 * left  what of an expression or a character map cannot be read
 */
export const tokenizerOf = (spec: TokenizerSpec): E.Either<string, Tokenizer> => {
  const { tokens } = spec.model
  const idOf = new Map<string, number>()
  tokens.forEach((token, id) => token !== undefined && idOf.set(token, id))
  const added = new Map(spec.added.map((token) => [token.id, token]))
  const addedIdOf = new Map(spec.added.map(({ id, content }) => [content, id]))
  const find = (token: string) => addedIdOf.get(token) ?? idOf.get(token)
  const tokenOf = (id: number) => added.get(id)?.content ?? tokens[id]
  const isSpecial = (id: number) => added.get(id)?.special === true
  const vocabSize = spec.added.reduce((size, { id }) => Math.max(size, id + 1), tokens.length)

  const normalize = spec.sentencePiece === undefined ? normalizerOf(spec.normalizer) : E.right(sentencePieceNormalizer(spec.sentencePiece)) // prettier-ignore
  if (E.isLeft(normalize)) return normalize
  const words = spec.sentencePiece === undefined ? wordsOf(spec.preTokenizer) : E.right(sentencePieceWords(spec))
  if (E.isLeft(words)) return words
  const decodeTokens = decoderOf(spec.decoder)
  if (E.isLeft(decodeTokens)) return decodeTokens
  const { cut, spell } = words.right
  const model = modelOf(spec.model, idOf, isSpecial)
  const encodeWord = remembering(spell === undefined ? model : (word, out) => model(spell(word), out))
  const specials = spec.added.filter(({ special }) => special)
  const plain = spec.added.filter(({ special }) => !special)
  // of a SentencePiece model the user's symbols are found later, by its own rules
  const split =
    spec.sentencePiece === undefined
      ? { text: splitAdded(plain, normalize.right), parse: splitAdded(spec.added, normalize.right) }
      : { text: splitAdded([], normalize.right), parse: splitAdded(specials, normalize.right) }

  const encode: Tokenizer['encode'] = (text, { specials: reading = 'text' } = {}) => {
    const out = new IdList(text.length >> 1)
    const emit = (word: string): void => {
      if (word !== '') encodeWord(word, out)
    }
    split[reading](wellFormed(text)).forEach((part, i) => {
      if (typeof part === 'number') out.push(part)
      else if (part !== '') cut(part, i === 0, emit)
    })
    return out.slice()
  }

  const decode: Tokenizer['decode'] = (ids, { specials: shown = 'skip' } = {}) => {
    const pieces: string[] = []
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[i]!
      if (shown === 'skip' && isSpecial(id)) continue
      const token = tokenOf(id)
      if (token === undefined) throw new RangeError(`decode: expected ids of tokens below ${vocabSize}, got ${id}`)
      pieces.push(token)
    }
    return decodeTokens.right(pieces).join('')
  }

  return E.right({
    spec,
    vocabSize,
    specials: specialsOf(addedIdOf, idOf),
    isSpecial,
    encode,
    decode,
    idOf: find,
    tokenOf,
    tokenText: (id) => decode([id], { specials: 'keep' }),
    fingerprint: () =>
      createHash('sha256')
        .update(JSON.stringify(toJson(spec)))
        .digest('hex'),
    toJson: () => toJson(spec),
  })
}

/** As `tokenizerOf`, of a spec that was made here. throws if a part of it cannot be read. */
export const tokenizer = (spec: TokenizerSpec): Tokenizer => {
  const made = tokenizerOf(spec)
  if (E.isLeft(made)) throw new Error(`internal: a tokenizer with ${made.left}`)
  return made.right
}

/** Unpaired surrogates are what UTF-8 has no bytes for: U+FFFD takes their place, as wherever a text is encoded. */
const wellFormed = (text: string): string => (/[\ud800-\udfff]/u.test(text) ? text.replace(/\p{Cs}/gu, '\ufffd') : text)

const modelOf = (
  model: ModelSpec,
  idOf: ReadonlyMap<string, number>,
  isSpecial: (id: number) => boolean,
): EncodeWord => {
  // prettier-ignore
  switch (model.type) {
    case 'BPE':
      return bpe(model, idOf)
    case 'WordPiece':
      return wordPiece(model, idOf)
    case 'Unigram':
      return unigram(model, idOf, isSpecial)
    case 'WordLevel':
      return wordLevel(model, idOf)
  }
}

/** Unigram scores of SentencePiece add up over a whole text, in float32: cutting it would round them otherwise. */
const sentencePieceWords = ({ model, sentencePiece }: TokenizerSpec): WordsOf => {
  const { type, tokens } = model
  const reachesAcross = tokens.some((token) => token?.match(new RegExp(`[^${spaceMark}]${spaceMark}`, 'u')))
  const canSplit = type !== 'Unigram' && !reachesAcross && tokens.includes(spaceMark)
  const cutText = sentencePieceCut(type === 'Unigram' ? [] : (sentencePiece?.atoms ?? []), canSplit)
  return {
    cut: (text, isStart, emit) => cutText(text).forEach((piece, i) => emit(piece, isStart && i === 0)),
    spell: undefined,
  }
}
