import * as E from 'fp-ts/Either'
import type { Fault } from '../../fault'
import { sampledBlocks, type BlockPart, type Blocks, type BlockShape, type BlockSource } from '../blocks'

/**
 * Several sources as one, their blocks numbered one source after the other. With `shares` each is drawn from in that proportion, else all
 * blocks are one corpus. They must be of one tokenizer and one length; at least one.
 */
export const mixture = (sources: readonly BlockSource[], shares?: readonly number[]): BlockSource => {
  const [first] = sources
  if (first === undefined) throw new RangeError('mixture: expected at least one source')
  if (sources.length === 1) return first
  const starts = sources.map((_, i) => sources.slice(0, i).reduce((sum, { count }) => sum + count, 0))
  const parts: BlockPart[] = sources.map(({ count }, i) => ({ from: starts[i]!, count, share: shares?.[i] ?? 1 }))
  const sum = (field: 'count' | 'packedTokens' | 'droppedTokens') => sources.reduce((n, source) => n + source[field], 0)
  const each = shapeOfEach(sources)
  const shape = { ...each, count: sum('count'), ...(shares === undefined ? {} : { parts }) }
  /** The source that a block is of. */
  const ownerOf = (block: number): number => parts.findIndex(({ from, count }) => block < from + count)
  return {
    ...shape,
    packedTokens: sum('packedTokens'),
    droppedTokens: sum('droppedTokens'),
    fetch: (numbers) => async () => {
      const fetched = new Map<number, Blocks>()
      for (const [i, source] of sources.entries()) {
        const own = numbers.filter((number) => ownerOf(number) === i).map((number) => number - starts[i]!)
        if (own.length === 0) continue
        const blocks = await source.fetch(own)()
        if (E.isLeft(blocks)) return blocks
        fetched.set(i, blocks.right)
      }
      return E.right({
        ...shape,
        rowAt: (index) => {
          const owner = ownerOf(index)
          const blocks = fetched.get(owner)
          if (blocks === undefined) throw new RangeError(`rowAt: expected a block that was fetched, got ${index}`)
          return blocks.rowAt(index - starts[owner]!)
        },
      })
    },
    sample: sampleOf(sources, shares),
  }
}

/** What blocks of any of the sources are: padded where those of one can be. */
const shapeOfEach = (sources: readonly BlockSource[]): Omit<BlockShape, 'count' | 'parts'> => {
  const { seqLength, vocabSize, specials } = sources[0]!
  return { seqLength, vocabSize, specials, isPadded: sources.some(({ isPadded = false }) => isPadded) }
}

/** Of each source in proportion to its share, or to its size. */
const sampleOf =
  (sources: readonly BlockSource[], shares: readonly number[] | undefined) =>
  (tokens: number): ReturnType<BlockSource['sample']> =>
  async () => {
    const weights = shares ?? sources.map(({ count }) => count)
    const total = weights.reduce((a, b) => a + b)
    const samples: Int32Array[] = []
    for (const [i, source] of sources.entries()) {
      if (source.count === 0) continue
      const taken: E.Either<Fault, { readonly tokens: Int32Array }> = await source.sample(
        (tokens * weights[i]!) / total,
      )()
      if (E.isLeft(taken)) return taken
      samples.push(taken.right.tokens)
    }
    const all = new Int32Array(samples.reduce((n, { length }) => n + length, 0))
    let at = 0
    for (const sample of samples) {
      all.set(sample, at)
      at += sample.length
    }
    return E.right(sampledBlocks(shapeOfEach(sources), all))
  }
