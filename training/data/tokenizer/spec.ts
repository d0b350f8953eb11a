import type { AddedToken } from './added-tokens'
import type { Decoder, Normalizer, PostProcessor, PreTokenizer } from './components'
import type { SentencePieceText } from './parts/sentence-piece-text'

/** Tokens by id; undefined is a hole. Of a byte-level vocabulary they are spelled in its printable alphabet. */
export type Tokens = ReadonlyArray<string | undefined>

/** Merges in order (Sennrich et al. 2016, arXiv:1508.07909). */
export interface BpeSpec {
  readonly type: 'BPE'
  readonly tokens: Tokens
  readonly merges: ReadonlyArray<readonly [number, number]> // pairs of ids, first merge first
  readonly unk?: string // for characters that are not in the vocabulary; without it they are left out
  readonly fuseUnk?: boolean // neighbouring unknown characters are one token
  readonly byteFallback?: boolean // an unknown character is written in tokens <0x00> to <0xFF> where these exist
  readonly ignoreMerges?: boolean // a word that is a token is not split
  readonly prefix?: string // of every character but a word's first
  readonly suffix?: string // of a word's last
  readonly atoms?: ReadonlySet<string> // words that are one token each: user-defined symbols of SentencePiece
  readonly rankedByPiece?: boolean // SentencePiece: pairs that make the same token have the rank of the first of them
}

/** Longest match first, from the left (Schuster & Nakajima 2012; BERT). */
export interface WordPieceSpec {
  readonly type: 'WordPiece'
  readonly tokens: Tokens
  readonly unk: string
  readonly prefix: string // of every piece but a word's first: '##'
  readonly maxChars: number // longer words are unknown
}

/** The likeliest pieces (Kudo 2018, arXiv:1804.10959, section 3.2), by Viterbi. */
export interface UnigramSpec {
  readonly type: 'Unigram'
  readonly tokens: Tokens
  readonly scores: readonly number[] // log probabilities by id
  readonly unkId?: number
  readonly byteFallback?: boolean
  /** As SentencePiece adds scores up: in float32, and only pieces that are for text. */
  readonly sentencePiece?: { readonly pieces: ReadonlySet<number>; readonly atoms: ReadonlySet<number> }
}

/** Every word is one token or none. */
export interface WordLevelSpec {
  readonly type: 'WordLevel'
  readonly tokens: Tokens
  readonly unk: string
}

export type ModelSpec = BpeSpec | WordPieceSpec | UnigramSpec | WordLevelSpec

/**
 * A tokenizer as plain data: text is cut at added tokens, normalized, cut into words, and each word into tokens by the model.
 * `tokenizer` makes it work; `toJson` and `fromJson` write and read it.
 */
export interface TokenizerSpec {
  readonly added: readonly AddedToken[]
  readonly normalizer: Normalizer | null
  readonly preTokenizer: PreTokenizer | null
  readonly model: ModelSpec
  readonly postProcessor: PostProcessor | null
  readonly decoder: Decoder | null
  /** Of a SentencePiece .model: its own rules for text, in place of normalizer and pre-tokenizer; these tell how others come closest. */
  readonly sentencePiece?: SentencePieceText
}

export interface SpecialIds {
  readonly cls: number
  readonly pad: number
  readonly sep: number
  readonly unk: number
  readonly mask: number
}
