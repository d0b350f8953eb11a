import type * as HuggingFace from 'tokenizers'
import type { Normalizer, PreTokenizer } from '../../../../training/data/tokenizer/components'

/** What specs ask of Hugging Face's own library, the Rust one. */
export interface Oracle {
  readonly ids: (text: string) => Promise<readonly number[]>
  readonly decode: (ids: readonly number[]) => Promise<string>
}

/** The library; undefined, and a line that says so, where it has no build for this machine. */
const load = async () => {
  try {
    return await import('tokenizers')
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0]! : String(error)
    console.log(`SKIP equality with the Hugging Face library: ${why}`)
    return undefined
  }
}
let loaded: ReturnType<typeof load> | undefined
const library = () => (loaded ??= load())

const opener =
  (hf: typeof HuggingFace) =>
  (file: unknown): Oracle => {
    const tokenizer = hf.Tokenizer.fromString(JSON.stringify(file))
    return {
      ids: async (text) => (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds(),
      decode: (ids) => tokenizer.decode([...ids], true),
    }
  }

/** Opens tokenizer files with the library, where there is one. */
export const huggingFace = async (): Promise<((file: unknown) => Oracle) | undefined> => {
  const hf = await library()
  return hf === undefined ? undefined : opener(hf)
}

/** Single parts of a tokenizer.json, where there is the library. */
export const huggingFaceParts = async () => {
  const hf = await library()
  if (hf === undefined) return undefined
  const empty = { version: '1.0', added_tokens: [], model: { type: 'WordLevel', vocab: { a: 0 }, unk_token: 'a' } }
  return {
    normalizer: (part: Normalizer) => {
      const made = hf.Tokenizer.fromString(JSON.stringify({ ...empty, normalizer: part })).getNormalizer()
      return (text: string): string => made?.normalizeString(text) ?? text
    },
    preTokenizer: (part: PreTokenizer) => {
      const made = hf.Tokenizer.fromString(JSON.stringify({ ...empty, pre_tokenizer: part })).getPreTokenizer()
      return (text: string): readonly string[] => made?.preTokenizeString(text).map(([piece]) => piece) ?? [text]
    },
  }
}
