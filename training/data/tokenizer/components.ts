import * as t from 'io-ts'
import { closed, NonNegativeInt } from '../../../core'

/**
 * The parts of a tokenizer.json that emend applies, each as it stands in the file. A part of another type, or a setting that is
 * not known, is refused by its name: ignoring it would change ids.
 * source  Hugging Face tokenizers 0.23, the serialised forms of its normalizers, pre-tokenizers, decoders, post-processors.
 */

/** One of several records told apart by `type`; another type is a fault that lists those there are. */
export const byType = <M extends Readonly<Record<string, t.Mixed>>>(
  members: M,
): t.Type<t.TypeOf<M[keyof M]>, unknown> => {
  type A = t.TypeOf<M[keyof M]>
  const names = Object.keys(members).sort()
  const validate: t.Validate<unknown, A> = (u, context) => {
    const type = typeof u === 'object' && u !== null && 'type' in u ? u.type : undefined
    const member = typeof type === 'string' && Object.hasOwn(members, type) ? members[type] : undefined
    if (member !== undefined) return member.validate(u, context) as t.Validation<A>
    return typeof u === 'object' && u !== null && !Array.isArray(u)
      ? t.failure(type, t.appendContext(context, 'type', t.unknown), `one of ${names.join(', ')}`)
      : t.failure(u, context, `a record whose type is one of ${names.join(', ')}`)
  }
  return new t.Type<A, unknown>(names.join(' | '), (u): u is A => t.success(u)._tag === validate(u, [])._tag, validate, t.identity) // prettier-ignore
}

const part = <N extends string, R extends t.Props, O extends t.Props>(type: N, required: R, optional: O) =>
  closed(type, { type: t.literal(type), ...required }, optional)

/** Text, or an Oniguruma expression (see `regexOf`). */
export const Pattern = t.union([t.type({ String: t.string }), t.type({ Regex: t.string })])
export type Pattern = t.TypeOf<typeof Pattern>

export const Behavior = t.keyof({
  Removed: null,
  Isolated: null,
  MergedWithPrevious: null,
  MergedWithNext: null,
  Contiguous: null,
})
export type Behavior = t.TypeOf<typeof Behavior>

const byteLevel = part('ByteLevel', {}, { add_prefix_space: t.boolean, trim_offsets: t.boolean, use_regex: t.boolean })
const metaspace = part(
  'Metaspace',
  { replacement: t.string },
  {
    prepend_scheme: t.keyof({ always: null, first: null, never: null }),
    split: t.boolean,
    add_prefix_space: t.boolean, // before prepend_scheme there was
    str_rep: t.string, // of the same age; says what `replacement` says
  },
)
export type Metaspace = t.TypeOf<typeof metaspace>
const replace = part('Replace', { pattern: Pattern, content: t.string }, {})

const normalizers = {
  NFC: part('NFC', {}, {}),
  NFD: part('NFD', {}, {}),
  NFKC: part('NFKC', {}, {}),
  NFKD: part('NFKD', {}, {}),
  Lowercase: part('Lowercase', {}, {}),
  StripAccents: part('StripAccents', {}, {}),
  Strip: part('Strip', { strip_left: t.boolean, strip_right: t.boolean }, {}),
  Prepend: part('Prepend', { prepend: t.string }, {}),
  Replace: replace,
  BertNormalizer: part(
    'BertNormalizer',
    {
      clean_text: t.boolean,
      handle_chinese_chars: t.boolean,
      strip_accents: t.union([t.boolean, t.null]),
      lowercase: t.boolean,
    },
    {},
  ),
  Precompiled: part('Precompiled', { precompiled_charsmap: t.string }, {}),
}
export type OneNormalizer = t.TypeOf<(typeof normalizers)[keyof typeof normalizers]>
export type Normalizer = OneNormalizer | { readonly type: 'Sequence'; readonly normalizers: readonly Normalizer[] }
export const Normalizer: t.Type<Normalizer, unknown> = t.recursion('Normalizer', () =>
  byType({ ...normalizers, Sequence: part('Sequence', { normalizers: t.readonlyArray(Normalizer) }, {}) }),
)

const preTokenizers = {
  ByteLevel: byteLevel,
  Metaspace: metaspace,
  BertPreTokenizer: part('BertPreTokenizer', {}, {}),
  Whitespace: part('Whitespace', {}, {}),
  WhitespaceSplit: part('WhitespaceSplit', {}, {}),
  Digits: part('Digits', { individual_digits: t.boolean }, {}),
  Punctuation: part('Punctuation', {}, { behavior: Behavior }),
  Split: part('Split', { pattern: Pattern, behavior: Behavior, invert: t.boolean }, {}),
  CharDelimiterSplit: part('CharDelimiterSplit', { delimiter: t.string }, {}),
}
export type OnePreTokenizer = t.TypeOf<(typeof preTokenizers)[keyof typeof preTokenizers]>
export type PreTokenizer =
  OnePreTokenizer | { readonly type: 'Sequence'; readonly pretokenizers: readonly PreTokenizer[] }
export const PreTokenizer: t.Type<PreTokenizer, unknown> = t.recursion('PreTokenizer', () =>
  byType({ ...preTokenizers, Sequence: part('Sequence', { pretokenizers: t.readonlyArray(PreTokenizer) }, {}) }),
)

const decoders = {
  ByteLevel: byteLevel,
  Metaspace: metaspace,
  WordPiece: part('WordPiece', { prefix: t.string, cleanup: t.boolean }, {}),
  BPEDecoder: part('BPEDecoder', { suffix: t.string }, {}),
  ByteFallback: part('ByteFallback', {}, {}),
  Fuse: part('Fuse', {}, {}),
  Strip: part('Strip', { content: t.string, start: NonNegativeInt, stop: NonNegativeInt }, {}),
  Replace: replace,
}
export type OneDecoder = t.TypeOf<(typeof decoders)[keyof typeof decoders]>
export type Decoder = OneDecoder | { readonly type: 'Sequence'; readonly decoders: readonly Decoder[] }
export const Decoder: t.Type<Decoder, unknown> = t.recursion('Decoder', () =>
  byType({ ...decoders, Sequence: part('Sequence', { decoders: t.readonlyArray(Decoder) }, {}) }),
)

const named = t.tuple([t.string, NonNegativeInt])

/** What is put around a text. `encode` does not do it; a file that is written has it again as it was read. */
const postProcessors = {
  ByteLevel: byteLevel,
  BertProcessing: part('BertProcessing', { sep: named, cls: named }, {}),
  RobertaProcessing: part('RobertaProcessing', { sep: named, cls: named }, { trim_offsets: t.boolean, add_prefix_space: t.boolean }), // prettier-ignore
  TemplateProcessing: part('TemplateProcessing', { single: t.unknown, pair: t.unknown, special_tokens: t.unknown }, {}),
}
export type OnePostProcessor = t.TypeOf<(typeof postProcessors)[keyof typeof postProcessors]>
export type PostProcessor =
  OnePostProcessor | { readonly type: 'Sequence'; readonly processors: readonly PostProcessor[] }
export const PostProcessor: t.Type<PostProcessor, unknown> = t.recursion('PostProcessor', () =>
  byType({ ...postProcessors, Sequence: part('Sequence', { processors: t.readonlyArray(PostProcessor) }, {}) }),
)
