import type { TokenizerSpec } from './vocabulary'

/** tokenizer.json of Hugging Face tokenizers, as we write it: JSON-plain, keys in a fixed order. */
export type TokenizerJson = { readonly [key: string]: unknown }

/** A vocabulary as Hugging Face's tokenizer.json; its encoders add [CLS] and [SEP] around a text, `encode` here does not. */
export const toJson = (spec: TokenizerSpec): TokenizerJson => {
  const idOf = (name: string) => spec.added.find(({ content }) => content === name)?.id
  const [cls, sep] = [idOf('[CLS]'), idOf('[SEP]')]
  const byteLevel = { type: 'ByteLevel', add_prefix_space: spec.addPrefixSpace ?? false, trim_offsets: true, use_regex: spec.useRegex ?? true } // prettier-ignore
  const normalizers = spec.normalizers.map((type) => ({ type }))
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: spec.added.map(({ id, content, special, lstrip, rstrip, normalized = false }) => ({
      id,
      content,
      single_word: false,
      lstrip,
      rstrip,
      normalized,
      special,
    })),
    normalizer: normalizers.length > 1 ? { type: 'Sequence', normalizers } : (normalizers[0] ?? null),
    pre_tokenizer: byteLevel,
    post_processor: cls === undefined || sep === undefined ? null : template(cls, sep),
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: spec.unk ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: spec.ignoreMerges ?? false,
      vocab: Object.fromEntries(spec.tokens.flatMap((token, id) => (token === undefined ? [] : [[token, id]]))),
      merges: spec.merges.map(([a, b]) => [spec.tokens[a], spec.tokens[b]]),
    },
  }
}

/** [CLS] A [SEP], and [CLS] A [SEP] [SEP] B [SEP] for pairs (recipe 9.4). */
const template = (cls: number, sep: number) => {
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
