import { packedBlocks, sampledBlocks, type PackedBlocks } from '../../../training/data/blocks'

/** Blocks of random ordinary ids with [SEP]s among them, made without a tokenizer. Linear congruence, no Math.random. */
export const specimenBlocks = (count: number, seqLength: number, vocabSize = 50, seed = 1): PackedBlocks => {
  const tokens = new Int32Array(count * seqLength)
  let state = seed
  for (let i = 0; i < tokens.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const draw = state / 2 ** 32
    // squared: a skewed distribution, so that frequencies differ
    tokens[i] = i % seqLength === 0 ? 0 : draw > 0.95 ? 2 : 5 + Math.floor(draw * draw * (vocabSize - 5))
  }
  return packedBlocks({
    tokens,
    count,
    seqLength,
    vocabSize,
    specials: { cls: 0, pad: 1, sep: 2, unk: 3, mask: 4 },
    packedTokens: count * (seqLength - 1),
    droppedTokens: 0,
  })
}

/** The same, row i cut to lengthOf(i) tokens and filled up with [PAD]. */
export const cutBlocks = (blocks: PackedBlocks, lengthOf: (row: number) => number): PackedBlocks => {
  const { seqLength, vocabSize, specials } = blocks
  const isCut = (i: number): boolean => i % seqLength >= lengthOf(Math.floor(i / seqLength))
  const tokens = blocks.tokens.map((id, i) => (isCut(i) ? specials.pad : id))
  return sampledBlocks({ seqLength, vocabSize, specials, isPadded: true }, tokens)
}
