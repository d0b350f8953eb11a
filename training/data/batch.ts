import { maskRow, maskSlots, selectionCount, selectPositions, selectWords, standIn, type Masking } from './mask'
import { blockAt, rowLength, type Blocks, type BlockShape } from './blocks'
import { blockOf, blocksOfStep } from './order'

/**
 * One step's data on the host; B rows (or the slice `rows` of them), T tokens, K mask slots. Every array has a fixed
 * size, so one plan serves every step.
 */
export interface PretrainBatch {
  readonly tokens: Int32Array // i32[B,T], as in the text
  readonly masked: Int32Array // i32[B,T], with [MASK] (see Masking): the auxiliary model's input
  readonly positions: Int32Array // i32[B,K], place in the row, ascending; 0 in unused slots
  readonly targets: Int32Array // i32[B,K], original ids there
  readonly weights: Float32Array // f32[B,K], 1 or 0
  readonly tokenOrder: Int32Array // i32[B*T], places of `masked`, flattened, in stable ascending order of id
  readonly exampleLo: Int32Array // i32[B], low 16 bits of the global example index (the counter of its random draws)
  readonly exampleHi: Int32Array // i32[B], high 16 bits
  readonly maskCount: Float32Array // f32[1], Σ weights over the whole global batch, all ranks' rows
  readonly tokenCount: Float32Array // f32[1], tokens of the whole global batch: B·T less the padding
  readonly isToken?: Uint8Array // bool[B,T], where blocks can be padded: 0 in the [PAD] that a row ends in
  readonly rowCount?: Float32Array // f32[1], there too: B of the whole global batch
}

export interface BatchConfig extends Masking {
  readonly batch: number // B of the whole step: all ranks, all micro-batches
  readonly seed: number // a uint32
  readonly step: number // from 0
  readonly rows?: readonly [from: number, to: number] // the rows wanted here, default [0, batch)
}

/**
 * The batch of a step: a pure function of blocks, seed and step, so a run resumes by its step alone and any split into
 * ranks and micro-batches reads the same rows. Example g = step·B + b is block π(g mod n) of n, with a permutation π of
 * its own for each pass g div n (order.ts; there too for several corpora); a batch may span two passes and nothing is
 * dropped. Masks are drawn anew for every g.
 * throws  RangeError if there are no blocks or an index leaves uint32: the caller's faults.
 */
export const batchAt = (blocks: Blocks, config: BatchConfig): PretrainBatch => {
  const { batch, seed, step, maskRate = 0.15, words, rows: [from, to] = [0, batch] } = config
  const T = blocks.seqLength
  if (blocks.count === 0) throw new RangeError('batchAt: expected at least one block, got none')
  if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from < to && to <= batch))
    throw new RangeError(`batchAt: expected rows within [0, ${batch}), got [${from}, ${to})`)
  if (!(Number.isInteger(step) && step >= 0 && (step + 1) * batch <= 2 ** 32))
    throw new RangeError(`batchAt: expected a step with examples below 2^32, got step ${step} of ${batch} rows`)
  const K = maskSlots(T, maskRate)
  const special = new Set<number>(Object.values(blocks.specials))
  const isSpecial = (id: number): boolean => special.has(id)
  const stand = { maskId: blocks.specials.mask, vocabSize: blocks.vocabSize, isSpecial }
  const B = to - from
  const out = {
    tokens: new Int32Array(B * T),
    masked: new Int32Array(B * T),
    positions: new Int32Array(B * K),
    targets: new Int32Array(B * K),
    weights: new Float32Array(B * K),
    exampleLo: new Int32Array(B),
    exampleHi: new Int32Array(B),
  }
  let maskCount = 0
  for (let b = 0; b < batch; b += 1) {
    const example = step * batch + b
    const row = blockAt(blocks, blockOf(blocks, seed, example))
    const isHere = b >= from && b < to
    if (!isHere && words === undefined) {
      let eligible = 0 // rows of other ranks only count
      for (let t = 0; t < T; t += 1) if (!isSpecial(row[t]!)) eligible += 1
      maskCount += selectionCount(eligible, maskRate, seed, 'mask', example)
      continue
    }
    const chosen =
      words === undefined
        ? selectPositions(row, isSpecial, maskRate, seed, 'mask', example)
        : selectWords(row, isSpecial, words, maskRate, seed, 'mask', example)
    maskCount += chosen.length
    if (!isHere) continue
    const at = b - from
    out.tokens.set(row, at * T)
    maskRow(row, chosen, (token, place) => standIn(token, place, stand, config, seed, example), {
      masked: out.masked.subarray(at * T, (at + 1) * T),
      positions: out.positions.subarray(at * K, (at + 1) * K),
      targets: out.targets.subarray(at * K, (at + 1) * K),
      weights: out.weights.subarray(at * K, (at + 1) * K),
    })
    out.exampleLo[at] = example & 0xffff
    out.exampleHi[at] = example >>> 16
  }
  return {
    ...out,
    tokenOrder: ascendingOrder(out.masked, blocks.vocabSize),
    maskCount: Float32Array.of(maskCount),
    tokenCount: Float32Array.of(tokensOfStep(blocks, config)),
    ...(blocks.isPadded === true ? { isToken: tokenPlaces(blocks, out.tokens), rowCount: Float32Array.of(batch) } : {}),
  }
}

/** Tokens of a step's batch, over all of its rows, padding not counted. */
export const tokensOfStep = (blocks: Blocks, config: Pick<BatchConfig, 'batch' | 'seed' | 'step'>): number =>
  blocks.isPadded === true
    ? blocksOfStep(blocks, config).reduce((n, number) => n + rowLength(blocks, blockAt(blocks, number)), 0)
    : config.batch * blocks.seqLength

/** 1 for each token of rows side by side, 0 for padding: bool[rows, T]. */
export const tokenPlaces = (shape: Omit<BlockShape, 'count'>, tokens: Int32Array): Uint8Array => {
  const T = shape.seqLength
  const isToken = new Uint8Array(tokens.length)
  for (let at = 0; at < tokens.length; at += T) isToken.fill(1, at, at + rowLength(shape, tokens.subarray(at, at + T)))
  return isToken
}

/** A step's batch as batches of `rows` rows each, in order, with the counts of the whole; each is made when it is asked for. */
export function* microBatchesAt(blocks: Blocks, config: BatchConfig, rows: number): Generator<PretrainBatch> {
  for (let from = 0; from < config.batch; from += rows)
    yield batchAt(blocks, { ...config, rows: [from, Math.min(from + rows, config.batch)] })
}

/** Places of `ids` in ascending order of id, equal ids in order of place: a counting sort. ids in [0, vocabSize). */
export const ascendingOrder = (ids: Int32Array, vocabSize: number): Int32Array => {
  const start = new Int32Array(vocabSize + 1)
  for (let i = 0; i < ids.length; i += 1) start[ids[i]! + 1] = start[ids[i]! + 1]! + 1
  for (let id = 0; id < vocabSize; id += 1) start[id + 1] = start[id + 1]! + start[id]!
  const order = new Int32Array(ids.length)
  for (let i = 0; i < ids.length; i += 1) {
    const id = ids[i]!
    order[start[id]!] = i
    start[id] = start[id]! + 1
  }
  return order
}
