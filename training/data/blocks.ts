import * as TE from 'fp-ts/TaskEither'
import type { Fault } from '../fault'
import type { SpecialIds } from './tokenizer/spec'

/** What training text is as equal blocks of T tokens, wherever they lie. */
export interface BlockShape {
  readonly count: number
  readonly seqLength: number // T
  readonly vocabSize: number
  readonly specials: SpecialIds
  /** Whether rows can end in [PAD]: decided by how they were packed, not by what is in them. Default false. */
  readonly isPadded?: boolean
  /** Several corpora, each with a share of the examples; without them the blocks are one corpus. See order.ts. */
  readonly parts?: readonly BlockPart[]
}

/** Blocks from .. from + count - 1: `share` of every Σ share examples are of these. */
export interface BlockPart {
  readonly from: number
  readonly count: number
  readonly share: number // a whole number > 0
}

/** Blocks at hand. Each begins with [CLS]. */
export interface Blocks extends BlockShape {
  /**
   * Row `index`, i32[T], a view.
   * throws  RangeError if that block is not at hand: the caller's fault
   */
  readonly rowAt: (index: number) => Int32Array
}

/** Blocks that lie side by side: row i is tokens[i·T .. (i+1)·T). */
export interface PackedBlocks extends Blocks {
  readonly tokens: Int32Array // i32[count, T]
  readonly packedTokens: number // tokens in blocks, [CLS] and [PAD] not counted
  readonly droppedTokens: number // tokens of short tails that filled no block
}

/** Blocks that need not be at hand. */
export interface BlockSource extends BlockShape {
  readonly packedTokens: number
  readonly droppedTokens: number
  /** The same blocks with those of these numbers at hand; there may be others. left  what cannot be read, or is damaged */
  readonly fetch: (numbers: readonly number[]) => TE.TaskEither<Fault, Blocks>
  /** All of them if they are in memory, else blocks spread evenly over all, of at most `tokens` tokens in sum. */
  readonly sample: (tokens: number) => TE.TaskEither<Fault, PackedBlocks>
}

export const packedBlocks = (fields: Omit<PackedBlocks, 'rowAt'>): PackedBlocks => ({
  ...fields,
  rowAt: (index) => fields.tokens.subarray(index * fields.seqLength, (index + 1) * fields.seqLength),
})

/** Row `index` of the blocks, a view. */
export const blockAt = (blocks: Blocks, index: number): Int32Array => blocks.rowAt(index)

/** Tokens of a row of these blocks: the [PAD] that it ends in is none. */
export const rowLength = (
  { isPadded = false, specials: { pad } }: Pick<BlockShape, 'isPadded' | 'specials'>,
  row: Int32Array,
): number => {
  let length = row.length
  if (isPadded) while (length > 0 && row[length - 1] === pad) length -= 1
  return length
}

/** How often each id occurs in the blocks, padding not counted: f64[V]. */
export const tokenCounts = (blocks: PackedBlocks): Float64Array => {
  const counts = new Float64Array(blocks.vocabSize)
  for (let i = 0; i < blocks.count; i += 1) {
    const row = blockAt(blocks, i)
    const length = rowLength(blocks, row)
    for (let t = 0; t < length; t += 1) counts[row[t]!] = counts[row[t]!]! + 1
  }
  return counts
}

/** Some blocks of a corpus, side by side in `tokens`, as blocks of their own. */
export const sampledBlocks = (shape: Omit<BlockShape, 'count' | 'parts'>, tokens: Int32Array): PackedBlocks => {
  const T = shape.seqLength
  const count = tokens.length / T
  let packedTokens = 0
  for (let i = 0; i < count; i += 1) packedTokens += rowLength(shape, tokens.subarray(i * T, (i + 1) * T)) - 1
  return packedBlocks({ ...shape, tokens, count, packedTokens, droppedTokens: 0 })
}

/** Blocks in memory are always at hand. */
export const sourceOf = (blocks: PackedBlocks): BlockSource => ({
  ...blocks,
  fetch: () => TE.right(blocks),
  sample: () => TE.right(blocks),
})
