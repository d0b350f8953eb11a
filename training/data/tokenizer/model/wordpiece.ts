import type { WordPieceSpec } from '../spec'
import type { EncodeWord } from '../word-cache'

/**
 * Tokens of a word, each the longest that matches where the one before ended; a word with no such row is unknown as a whole.
 * source  BERT (Devlin et al. 2019), `WordpieceTokenizer`; Hugging Face tokenizers, `WordPiece::tokenize`
 */
export const wordPiece = ({ unk, prefix, maxChars }: WordPieceSpec, idOf: ReadonlyMap<string, number>): EncodeWord => {
  const unkId = idOf.get(unk)!
  let longest = 0 // UTF-16 units of the longest token
  for (const token of idOf.keys()) longest = Math.max(longest, token.length)
  return (word, out) => {
    if (word.length > maxChars && Array.from(word).length > maxChars) return out.push(unkId)
    const ids: number[] = []
    for (let from = 0; from < word.length;) {
      let to = Math.min(word.length, from + longest)
      let id: number | undefined
      for (; to > from; to -= 1) {
        const piece = word.slice(from, to)
        id = idOf.get(from === 0 ? piece : `${prefix}${piece}`)
        if (id !== undefined) break
      }
      if (id === undefined) return out.push(unkId)
      ids.push(id)
      from = to
    }
    for (const id of ids) out.push(id)
  }
}
