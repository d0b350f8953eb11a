import type { ModelSpec, TokenizerSpec } from '../spec'

/** tokenizer.json of Hugging Face tokenizers, as we write it: JSON-plain, keys in a fixed order. */
export type TokenizerJson = { readonly [key: string]: unknown }

/** A tokenizer as Hugging Face's tokenizer.json. Its post-processor puts specials around a text, `encode` here does not. */
export const toJson = (spec: TokenizerSpec): TokenizerJson => ({
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
  normalizer: spec.normalizer,
  pre_tokenizer: spec.preTokenizer,
  post_processor: spec.postProcessor,
  decoder: spec.decoder,
  model: modelJson(spec.model),
})

const modelJson = (model: ModelSpec): TokenizerJson => {
  const { type, tokens } = model
  const vocab = () => Object.fromEntries(tokens.flatMap((token, id) => (token === undefined ? [] : [[token, id]])))
  switch (type) {
    case 'BPE':
      return {
        type,
        dropout: null,
        unk_token: model.unk ?? null,
        continuing_subword_prefix: model.prefix ?? null,
        end_of_word_suffix: model.suffix ?? null,
        fuse_unk: model.fuseUnk ?? false,
        byte_fallback: model.byteFallback ?? false,
        ignore_merges: model.ignoreMerges ?? false,
        vocab: vocab(),
        merges: model.merges.map(([a, b]) => [tokens[a], tokens[b]]),
      }
    case 'WordPiece':
      return {
        type,
        unk_token: model.unk,
        continuing_subword_prefix: model.prefix,
        max_input_chars_per_word: model.maxChars,
        vocab: vocab(),
      }
    case 'Unigram':
      return {
        type,
        unk_id: model.unkId ?? null,
        vocab: tokens.map((token, id) => [token, model.scores[id]]),
        byte_fallback: model.byteFallback ?? false,
      }
    case 'WordLevel':
      return { type, vocab: vocab(), unk_token: model.unk }
  }
}
