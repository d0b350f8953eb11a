import type { AddedToken } from './added-tokens'
import type { Normalizer } from './normalize'

/** A vocabulary as plain data; `tokenizer` makes it work, `toJson` and `fromJson` write and read it. */
export interface TokenizerSpec {
  readonly tokens: ReadonlyArray<string | undefined> // by id, in the printable alphabet; undefined is a hole
  readonly merges: ReadonlyArray<readonly [number, number]> // pairs of ids, first merge first
  readonly added: readonly AddedToken[]
  readonly normalizers: readonly Normalizer[]
  readonly unk?: string // token for bytes that are not in the vocabulary
  readonly addPrefixSpace?: boolean // default false; true gives up that decoding returns the text
  readonly useRegex?: boolean // default true; false makes the whole text one word
  readonly ignoreMerges?: boolean // default false; true: a word that is a token is not split
}

export interface SpecialIds {
  readonly cls: number
  readonly pad: number
  readonly sep: number
  readonly unk: number
  readonly mask: number
}
