import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import { closed, FiniteNumber, NonNegativeInt, PositiveInt } from '../../../../core'
import { dataFault, type DataFault } from '../../fault'
import { byType } from '../components'
import { joined } from '../model/bpe'
import type { ModelSpec, Tokens } from '../spec'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null, t.undefined])
const Vocab = t.record(t.string, t.Int)

const Bpe = closed(
  'BPE',
  { vocab: Vocab, merges: t.readonlyArray(t.unknown) },
  {
    type: t.literal('BPE'),
    dropout: nullable(t.literal(0)), // any other gives another answer each time
    unk_token: nullable(t.string),
    continuing_subword_prefix: nullable(t.string),
    end_of_word_suffix: nullable(t.string),
    fuse_unk: nullable(t.boolean),
    byte_fallback: nullable(t.boolean),
    ignore_merges: nullable(t.boolean),
  },
)
const WordPiece = closed(
  'WordPiece',
  { vocab: Vocab, unk_token: t.string, continuing_subword_prefix: t.string },
  { type: t.literal('WordPiece'), max_input_chars_per_word: PositiveInt },
)
const Unigram = closed(
  'Unigram',
  { vocab: t.readonlyArray(t.tuple([t.string, FiniteNumber])) },
  { type: t.literal('Unigram'), unk_id: nullable(NonNegativeInt), byte_fallback: nullable(t.boolean) },
)
const WordLevel = closed('WordLevel', { vocab: Vocab, unk_token: t.string }, { type: t.literal('WordLevel') })

const typed = byType({ BPE: Bpe, WordPiece, Unigram, WordLevel })

/** A `model` of a tokenizer.json. Files of before 2020 do not say its type; their keys tell. */
export const ModelJson = new t.Type<t.TypeOf<typeof typed>, unknown>(
  typed.name,
  typed.is,
  (u, context) => typed.validate(withType(u), context),
  t.identity,
)
export type ModelJson = t.TypeOf<typeof ModelJson>

const withType = (u: unknown): unknown => {
  if (typeof u !== 'object' || u === null || ('type' in u && u.type !== null)) return u
  const type = 'merges' in u ? 'BPE' : 'continuing_subword_prefix' in u ? 'WordPiece' : 'vocab' in u && Array.isArray(u.vocab) ? 'Unigram' : 'WordLevel' // prettier-ignore
  return { ...u, type }
}

/**
 * A model as data. `where` names the file and key in faults.
 * left  ids that are negative, vast or used twice; merges or an unknown token that contradict the vocabulary
 */
export const modelSpec = (model: ModelJson, where: string): E.Either<DataFault, ModelSpec> => {
  if ('merges' in model) return bpeSpec(model, where)
  if (!('unk_token' in model)) return unigramSpec(model, where)
  const tokens = tokensById(model.vocab, where)
  if (E.isLeft(tokens)) return tokens
  const unk = model.unk_token
  if (!Object.hasOwn(model.vocab, unk)) return E.left(notInVocabulary(unk, where))
  return 'continuing_subword_prefix' in model
    ? E.right({ type: 'WordPiece', tokens: tokens.right, unk, prefix: model.continuing_subword_prefix, maxChars: model.max_input_chars_per_word ?? 100 }) // prettier-ignore
    : E.right({ type: 'WordLevel', tokens: tokens.right, unk })
}

const bpeSpec = (model: t.TypeOf<typeof Bpe>, where: string): E.Either<DataFault, ModelSpec> => {
  const tokens = tokensById(model.vocab, where)
  if (E.isLeft(tokens)) return tokens
  const [unk, prefix, suffix] = [model.unk_token, model.continuing_subword_prefix, model.end_of_word_suffix].map((s) => s ?? '') // prettier-ignore
  if (typeof model.unk_token === 'string' && !Object.hasOwn(model.vocab, model.unk_token))
    return E.left(notInVocabulary(model.unk_token, where))
  const idOf = new Map(Object.entries(model.vocab))
  const merges: Array<readonly [number, number]> = []
  for (const [rank, merge] of model.merges.entries()) {
    const [left = '', right = '', ...rest] = mergeParts(merge)
    const [a, b] = [idOf.get(left), idOf.get(right)]
    if (a === undefined || b === undefined || rest.length > 0 || !idOf.has(joined(left, right, prefix ?? '')))
      return E.left(dataFault('tokenizer', `${where}/merges/${rank}`, 'two tokens of the vocabulary that join to a third', show(merge))) // prettier-ignore
    merges.push([a, b])
  }
  return E.right({
    type: 'BPE',
    tokens: tokens.right,
    merges,
    ...(typeof model.unk_token === 'string' ? { unk: unk! } : {}),
    ...(prefix === '' ? {} : { prefix: prefix! }),
    ...(suffix === '' ? {} : { suffix: suffix! }),
    ...(model.fuse_unk === true ? { fuseUnk: true } : {}),
    ...(model.byte_fallback === true ? { byteFallback: true } : {}),
    ...(model.ignore_merges === true ? { ignoreMerges: true } : {}),
  })
}

const unigramSpec = (model: t.TypeOf<typeof Unigram>, where: string): E.Either<DataFault, ModelSpec> => {
  const { vocab, unk_id } = model
  if (typeof unk_id === 'number' && unk_id >= vocab.length)
    return E.left(dataFault('tokenizer', `${where}/unk_id`, `an id below ${vocab.length}`, String(unk_id)))
  return E.right({
    type: 'Unigram',
    tokens: vocab.map(([token]) => token),
    scores: vocab.map(([, score]) => score),
    ...(typeof unk_id === 'number' ? { unkId: unk_id } : {}),
    ...(model.byte_fallback === true ? { byteFallback: true } : {}),
  })
}

/** Ids that are allowed: below this. Ranks and ids share keys with positions in one number. */
export const mostIds = 2 ** 21

const tokensById = (vocab: Readonly<Record<string, number>>, where: string): E.Either<DataFault, Tokens> => {
  const tokens: Array<string | undefined> = []
  for (const [token, id] of Object.entries(vocab)) {
    if (id < 0 || id >= mostIds || tokens[id] !== undefined)
      return E.left(dataFault('tokenizer', `${where}/vocab/${token}`, 'an id from 0 to 2^21, used once', `${id}`))
    while (tokens.length < id) tokens.push(undefined)
    tokens[id] = token
  }
  return E.right(tokens)
}

const notInVocabulary = (token: string, where: string): DataFault =>
  dataFault('tokenizer', `${where}/unk_token`, 'a token of the vocabulary', JSON.stringify(token))

/** A value for a fault: JSON, not too long. */
export const show = (value: unknown): string => {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** A merge is written `"a b"` or `["a", "b"]`. */
const mergeParts = (merge: unknown): readonly string[] =>
  typeof merge === 'string'
    ? merge.split(' ')
    : Array.isArray(merge) && merge.every((part): part is string => typeof part === 'string')
      ? merge
      : []
