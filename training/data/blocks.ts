import type { SpecialIds } from './tokenizer/spec'

/** Training text as equal blocks: row i is tokens[i·T .. (i+1)·T) and begins with [CLS]. */
export interface Blocks {
  readonly tokens: Int32Array // i32[count, T]
  readonly count: number
  readonly seqLength: number // T
  readonly vocabSize: number
  readonly specials: SpecialIds
  readonly packedTokens: number // tokens in blocks, [CLS] not counted
  readonly droppedTokens: number // tokens of short tails that filled no block
}

/** Row `index` of the blocks, a view. */
export const blockAt = ({ tokens, seqLength }: Blocks, index: number): Int32Array =>
  tokens.subarray(index * seqLength, (index + 1) * seqLength)

/** How often each id occurs in the blocks: f64[V]. */
export const tokenCounts = ({ tokens, vocabSize }: Blocks): Float64Array => {
  const counts = new Float64Array(vocabSize)
  for (let i = 0; i < tokens.length; i += 1) counts[tokens[i]!] = counts[tokens[i]!]! + 1
  return counts
}
