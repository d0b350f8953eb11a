import * as E from 'fp-ts/Either'
import type { Tokenizer } from './tokenizer/tokenizer'
import { dataFault, type DataFault } from './fault'

/**
 * How each token begins and ends, by id, for telling whole words: 0 special, 1 a letter, 2 a number, 3 another character, 4 a space, 5 part
 * of a character. u8[V] each.
 */
export interface WordEdges {
  readonly first: Uint8Array
  readonly last: Uint8Array
}

const [special, letter, number, other, space, part] = [0, 1, 2, 3, 4, 5]

const kindOf = (char: string | undefined): number =>
  char === undefined || char === '\ufffd'
    ? part
    : /^\p{L}/u.test(char)
      ? letter
      : /^\p{N}/u.test(char)
        ? number
        : /^\p{White_Space}/u.test(char)
          ? space
          : other

/**
 * The edges of a tokenizer's tokens.
 * left  a vocabulary whose tokens do not hold the space before a word: where words start cannot be told from it
 */
export const wordEdges = (tokenizer: Tokenizer): E.Either<DataFault, WordEdges> => {
  const { vocabSize } = tokenizer
  const first = new Uint8Array(vocabSize)
  const last = new Uint8Array(vocabSize)
  let spaced = 0
  for (let id = 0; id < vocabSize; id += 1) {
    if (tokenizer.isSpecial(id) || tokenizer.tokenOf(id) === undefined) continue
    const chars = Array.from(tokenizer.tokenText(id))
    first[id] = kindOf(chars[0])
    last[id] = kindOf(chars.at(-1))
    if (first[id] === space && chars.length > 1) spaced += 1
  }
  return spaced > 0
    ? E.right({ first, last })
    : E.left(dataFault('tokenizer', '--whole-word', 'tokens that hold the space before a word, as byte-level BPE has', 'none')) // prettier-ignore
}

/**
 * Whether token `id` starts a word after token `before`: at a space, and where the kind of character changes, as byte-level BPE splits words
 * (GPT-2's pattern, but for contractions that the vocabulary has split). Part of a character goes with what is before it.
 */
export const startsWord = ({ first, last }: WordEdges, before: number, id: number): boolean => {
  const [here, there] = [first[id]!, last[before]!]
  if (here === special || there === special || here === space) return true
  return here !== part && there !== part && here !== there
}
