import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import { dataFault, type DataFault } from '../fault'
import type { AddedToken } from './added-tokens'
import { byteToChar } from './byte-alphabet'
import { normalizerNames, type Normalizer } from './normalize'
import { tokenizer, type Tokenizer } from './tokenizer'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null, t.undefined])

const BpeJson = t.intersection([
  t.partial({
    type: nullable(t.literal('BPE')), // first, so that a foreign model is named as such
    dropout: nullable(t.literal(0)),
    unk_token: nullable(t.string),
    continuing_subword_prefix: nullable(t.literal('')),
    end_of_word_suffix: nullable(t.literal('')),
    fuse_unk: nullable(t.literal(false)),
    byte_fallback: nullable(t.literal(false)),
    ignore_merges: nullable(t.boolean),
  }),
  t.type({ vocab: t.record(t.string, t.Int), merges: t.array(t.unknown) }),
])

const AddedJson = t.intersection([
  t.type({ id: t.Int, content: t.string }),
  t.partial({
    special: t.boolean,
    lstrip: t.boolean,
    rstrip: t.boolean,
    normalized: t.boolean,
    single_word: t.literal(false),
  }),
])

const FileJson = t.intersection([
  t.type({
    model: BpeJson,
    pre_tokenizer: t.intersection([
      t.type({ type: t.literal('ByteLevel') }),
      t.partial({ add_prefix_space: t.boolean, use_regex: t.boolean }),
    ]),
  }),
  t.partial({ added_tokens: nullable(t.array(AddedJson)), normalizer: t.unknown }),
])

/**
 * Reads a byte-level BPE tokenizer.json (a value already parsed). `where` names the file in faults.
 * left  another model (WordPiece, Unigram), pre-tokenizer or normalizer; a setting that would change ids and is not
 *       supported (dropout, byte_fallback, prefixes); merges or ids that contradict the vocabulary.
 */
export const fromJson = (value: unknown, where = 'tokenizer.json'): E.Either<DataFault, Tokenizer> => {
  const decoded = FileJson.decode(value)
  if (E.isLeft(decoded)) return E.left(unsupported(decoded.left, where))
  const { model, pre_tokenizer, added_tokens, normalizer } = decoded.right
  const normalizers = normalizersOf(normalizer)
  if (normalizers === undefined)
    return E.left(dataFault('tokenizer', `${where} normalizer`, `null, ${normalizerNames.join(', ')} or a Sequence of them`, show(normalizer))) // prettier-ignore

  const tokens: Array<string | undefined> = []
  for (const [token, id] of Object.entries(model.vocab)) {
    if (id < 0 || id >= 2 ** 21 || tokens[id] !== undefined)
      return E.left(dataFault('tokenizer', `${where} model/vocab/${token}`, 'an id from 0 to 2^21, used once', `${id}`))
    while (tokens.length < id) tokens.push(undefined)
    tokens[id] = token
  }
  const idOf = new Map(Object.entries(model.vocab))
  const merges: Array<readonly [number, number]> = []
  for (const [rank, merge] of model.merges.entries()) {
    const [left = '', right = '', ...rest] = mergeParts(merge)
    const [a, b] = [idOf.get(left), idOf.get(right)]
    if (a === undefined || b === undefined || rest.length > 0 || !idOf.has(`${left}${right}`))
      return E.left(dataFault('tokenizer', `${where} model/merges/${rank}`, 'two tokens of the vocabulary that join to a third', show(merge))) // prettier-ignore
    merges.push([a, b])
  }
  const unk = model.unk_token ?? undefined
  const missing = byteToChar.filter((char) => !idOf.has(char)).length
  if (missing > 0 && (unk === undefined || !idOf.has(unk)))
    return E.left(dataFault('tokenizer', `${where} model/vocab`, 'all 256 bytes, or an unk_token', `${256 - missing} bytes and none`, 'train it with initial_alphabet = ByteLevel.alphabet()')) // prettier-ignore

  const added: AddedToken[] = (added_tokens ?? []).map(
    ({ id, content, special = false, lstrip = false, rstrip = false, normalized = false }) => ({
      id,
      content,
      special,
      lstrip,
      rstrip,
      ...(normalized ? { normalized } : {}),
    }),
  )
  const clash = added.find(({ id, content }) => id < 0 || id >= 2 ** 21 || (tokens[id] ?? content) !== content)
  if (clash !== undefined)
    return E.left(dataFault('tokenizer', `${where} added_tokens`, `id ${clash.id} to be ${show(tokens[clash.id])}`, show(clash.content))) // prettier-ignore
  return E.right(
    tokenizer({
      tokens,
      merges,
      added,
      normalizers,
      ...(unk === undefined ? {} : { unk }),
      ...(pre_tokenizer.add_prefix_space === true ? { addPrefixSpace: true } : {}),
      ...(pre_tokenizer.use_regex === false ? { useRegex: false } : {}),
      ...(model.ignore_merges === true ? { ignoreMerges: true } : {}),
    }),
  )
}

const NormalizerJson = t.union([
  t.type({ type: t.keyof({ NFC: null, NFD: null, NFKC: null, NFKD: null, Lowercase: null }) }),
  t.type({ type: t.literal('Sequence'), normalizers: t.array(t.unknown) }),
])

const normalizersOf = (value: unknown): readonly Normalizer[] | undefined => {
  if (value === null || value === undefined) return []
  if (!NormalizerJson.is(value)) return undefined
  if (value.type !== 'Sequence') return [value.type]
  const all = value.normalizers.map(normalizersOf)
  return all.some((each) => each === undefined) ? undefined : all.flatMap((each) => each ?? [])
}

/** The first thing a codec refused, told as key, expected, got. Members of unions and intersections are no keys. */
const unsupported = (errors: t.Errors, where: string): DataFault => {
  const context = errors[0]?.context ?? []
  const inUnion = (i: number) => context[i - 1]?.type instanceof t.UnionType
  const inIntersection = (i: number) => context[i - 1]?.type instanceof t.IntersectionType
  const path = context.filter((_, i) => i > 0 && !inUnion(i) && !inIntersection(i)).map(({ key }) => key)
  let last = context.length - 1
  while (inUnion(last)) last -= 1
  const expected = context[last]?.type.name ?? 'a tokenizer'
  return dataFault('tokenizer', [where, path.join('/')].filter((s) => s !== '').join(' '), expected, show(errors[0]?.value), 'only byte-level BPE (as of GPT-2 and RoBERTa) can be read') // prettier-ignore
}

const show = (value: unknown): string => {
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
