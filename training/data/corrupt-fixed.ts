import { uniform } from './draw'
import { selectPositions } from './mask'
import { blockAt, tokenCounts, type Blocks, type PackedBlocks } from './blocks'

/**
 * Token frequencies and pairs of neighbours in training text: what the fixed corruption draws from. Pairs are stored by
 * their first token: those of `prev` are next[start[prev] .. start[prev+1]), ascending. Specials are never drawn.
 */
export interface BigramModel {
  readonly counts: Float64Array // f64[V]
  readonly bucket: Int8Array // i8[V], floor(log2(count)); 0 for unseen tokens
  readonly start: Float64Array // f64[V+1]
  readonly next: Int32Array // i32[pairs]
  readonly pairCounts: Int32Array // i32[pairs]
  readonly byBucket: Int32Array // ids that occur and are not special, by bucket and then by id
  readonly place: Int32Array // i32[V], place of an id in byBucket, -1 if it is not there
  readonly cumulative: Float64Array // f64[ids + 1], counts summed along byBucket
  readonly isSpecial: (id: number) => boolean
}

/** Counts tokens and neighbours within the blocks. Memory: 4 bytes a token of text while it works. */
export const bigramModel = (blocks: PackedBlocks): BigramModel => {
  const { tokens, seqLength, vocabSize } = blocks
  const special = new Set<number>(Object.values(blocks.specials))
  const isSpecial = (id: number): boolean => special.has(id)
  const counts = tokenCounts(blocks)
  const bucket = Int8Array.from(counts, (count) => Math.floor(Math.log2(Math.max(1, count))))

  // gather the successors of every token side by side, sort each group, and count runs in place
  const isPair = (i: number) => (i + 1) % seqLength !== 0 && !isSpecial(tokens[i + 1]!)
  const end = new Float64Array(vocabSize + 1)
  for (let i = 0; i < tokens.length; i += 1) if (isPair(i)) end[tokens[i]! + 1] = end[tokens[i]! + 1]! + 1
  for (let id = 0; id < vocabSize; id += 1) end[id + 1] = end[id + 1]! + end[id]!
  const successors = new Int32Array(end[vocabSize]!)
  const fill = end.slice()
  for (let i = 0; i < tokens.length; i += 1) {
    if (!isPair(i)) continue
    const at = fill[tokens[i]!]!
    successors[at] = tokens[i + 1]!
    fill[tokens[i]!] = at + 1
  }
  const start = new Float64Array(vocabSize + 1)
  const runs = new Int32Array(successors.length)
  let pairs = 0
  for (let id = 0; id < vocabSize; id += 1) {
    start[id] = pairs
    const group = successors.subarray(end[id], end[id + 1]).sort()
    for (let i = 0, j = 0; i < group.length; i = j) {
      while (j < group.length && group[j] === group[i]) j += 1
      successors[pairs] = group[i]! // pairs never passes the group being read
      runs[pairs] = j - i
      pairs += 1
    }
  }
  start[vocabSize] = pairs

  const ids = Int32Array.from({ length: vocabSize }, (_, id) => id).filter((id) => counts[id]! > 0 && !isSpecial(id))
  const byBucket = ids.sort((a, b) => bucket[a]! - bucket[b]! || a - b)
  const place = new Int32Array(vocabSize).fill(-1)
  byBucket.forEach((id, at) => (place[id] = at))
  const cumulative = new Float64Array(byBucket.length + 1)
  byBucket.forEach((id, at) => (cumulative[at + 1] = cumulative[at]! + counts[id]!))
  return {
    counts,
    bucket,
    start,
    next: successors.slice(0, pairs),
    pairCounts: runs.slice(0, pairs),
    byBucket,
    place,
    cumulative,
    isSpecial,
  }
}

/** CorruptedText text and where: labels 1 = replaced (the positive class of detection), 0 = original. Shapes as the input. */
export interface CorruptedText {
  readonly tokens: Int32Array
  readonly labels: Uint8Array
}

export interface CorruptionConfig {
  readonly seed: number // a uint32
  readonly rate?: number // share of the tokens that are not special, default 0.15
}

/**
 * The corruption every detector is judged on, the same for all of them (ours: the auxiliary model's own samples get
 * harder as it learns, so they cannot compare two models). floor(rate·n + u) tokens of a row are each replaced by another
 * of about the same frequency, so that frequency alone gives little away: v ≠ x_i is drawn in proportion to
 * count(x_{i-1}, v), the original left neighbour, among v with floor(log2 count(v)) = floor(log2 count(x_i)); if
 * there is none, with neighbouring buckets too; then in proportion to count(v) in the bucket, widened until it holds a
 * token. A token is kept (label 0) only when no other token exists. A pure function of (model, row, seed, example).
 */
export const corruptRow = (
  model: BigramModel,
  row: Int32Array, // i32[T]
  { seed, rate = 0.15 }: CorruptionConfig,
  example: number,
): CorruptedText => {
  const tokens = row.slice()
  const labels = new Uint8Array(row.length)
  for (const at of selectPositions(row, model.isSpecial, rate, seed, 'corrupt', example)) {
    const u = uniform(seed, 'corrupt', example, 0x10000000 + at) // beyond the draws that chose the positions
    const [prev, x] = [row[at - 1] ?? -1, row[at]!]
    const other = fromBigram(model, prev, x, 0, u) ?? fromBigram(model, prev, x, 1, u) ?? fromUnigram(model, x, u)
    if (other === undefined) continue
    tokens[at] = other
    labels[at] = 1
  }
  return { tokens, labels }
}

/** All blocks corrupted, block i as example i: tokens i32[count, T], labels u8[count, T]. */
export const corruptFixed = (model: BigramModel, blocks: Blocks, config: CorruptionConfig): CorruptedText => {
  const tokens = new Int32Array(blocks.count * blocks.seqLength)
  const labels = new Uint8Array(blocks.count * blocks.seqLength)
  for (let i = 0; i < blocks.count; i += 1) {
    const row = corruptRow(model, blockAt(blocks, i), config, i)
    tokens.set(row.tokens, i * blocks.seqLength)
    labels.set(row.labels, i * blocks.seqLength)
  }
  return { tokens, labels }
}

/** A successor of `prev` other than x, at most `reach` buckets from x's; undefined if there is none. u in [0, 1). */
const fromBigram = (model: BigramModel, prev: number, x: number, reach: number, u: number): number | undefined => {
  const { bucket, next, pairCounts } = model
  const [from, to] = [model.start[prev] ?? 0, model.start[prev + 1] ?? 0]
  if (prev < 0) return undefined
  const fits = (i: number) => next[i] !== x && Math.abs(bucket[next[i]!]! - bucket[x]!) <= reach
  let total = 0
  for (let i = from; i < to; i += 1) if (fits(i)) total += pairCounts[i]!
  let left = u * total
  let last: number | undefined
  for (let i = from; i < to; i += 1) {
    if (!fits(i)) continue
    last = next[i]!
    left -= pairCounts[i]!
    if (left < 0) return last
  }
  return last
}

/** A token other than x by its count, from x's bucket or the narrowest range of buckets around it that holds one. */
const fromUnigram = (model: BigramModel, x: number, u: number): number | undefined => {
  const { bucket, byBucket, cumulative, place, counts } = model
  for (let reach = 0; reach <= 64; reach += 1) {
    const from = firstPlace(model, bucket[x]! - reach)
    const to = firstPlace(model, bucket[x]! + reach + 1)
    const own = place[x] ?? -1 // inside the range whenever x occurs in the text
    const total = cumulative[to]! - cumulative[from]! - (own < 0 ? 0 : counts[x]!)
    if (total <= 0) continue
    let target = cumulative[from]! + Math.floor(u * total) // counts are whole: floor keeps the target inside a token
    if (own >= 0 && target >= cumulative[own]!) target += counts[x]!
    let [low, high] = [from, to - 1] // the last place whose cumulative count is at most the target
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (cumulative[middle]! <= target) low = middle
      else high = middle - 1
    }
    return byBucket[low]!
  }
  return undefined
}

/** First place in byBucket whose bucket is at least `wanted`. */
const firstPlace = ({ bucket, byBucket }: BigramModel, wanted: number): number => {
  let [low, high] = [0, byBucket.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (bucket[byBucket[middle]!]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}
