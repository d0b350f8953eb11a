import { uniform, type Stream } from './draw'
import { startsWord, type WordEdges } from './word-edges'

/** How tokens are chosen and what takes their place. Each has the recipe's value by default: 15 %, all of them [MASK]. */
export interface Masking {
  readonly maskRate?: number // share of the tokens that are not special, default 0.15
  readonly maskKeep?: number // of the chosen, the share that stays as it is; default 0
  readonly maskRandom?: number // of the chosen, the share that becomes a token drawn from all that are not special; default 0
  readonly words?: WordEdges // choose whole words; default: tokens
}

/** Slots for masked positions in a row of T tokens, K = floor(rate·(T-1)) + 1: the most a row (after its [CLS]) can need. */
export const maskSlots = (seqLength: number, rate: number): number => Math.floor(rate * (seqLength - 1)) + 1

/**
 * Chosen positions of one row, ascending: k = floor(rate·n + u) of its n tokens that are not special, u ~ U(0,1), without
 * replacement (recipe 2.2). Depends on seed, use, example and the row's specials only: not on batch, rank or step.
 */
export const selectPositions = (
  row: Int32Array, // i32[T]
  isSpecial: (id: number) => boolean,
  rate: number,
  seed: number,
  use: Stream,
  example: number, // global index, a uint32
): Int32Array => {
  const eligible = eligiblePositions(row, isSpecial)
  const count = selectionCount(eligible.length, rate, seed, use, example)
  shuffleHead(eligible, count, seed, use, example)
  return eligible.slice(0, count).sort()
}

/**
 * Chosen positions of one row by whole words: words in random order, each taken if it fits into the k tokens that single tokens would be
 * (BERT's whole-word masking, google-research/bert, create_pretraining_data). A row may hold fewer than k where what is left fits no word.
 */
export const selectWords = (
  row: Int32Array, // i32[T]
  isSpecial: (id: number) => boolean,
  edges: WordEdges,
  rate: number,
  seed: number,
  use: Stream,
  example: number,
): Int32Array => {
  const eligible = eligiblePositions(row, isSpecial)
  const count = selectionCount(eligible.length, rate, seed, use, example)
  const starts = eligible.filter((t) => t === 0 || startsWord(edges, row[t - 1]!, row[t]!))
  const ends = new Map<number, number>() // end of each word by its start
  eligible.forEach((t) => {
    let from = t
    while (!(from === 0 || startsWord(edges, row[from - 1]!, row[from]!))) from -= 1
    ends.set(from, t + 1)
  })
  shuffleHead(starts, starts.length, seed, use, example)
  const chosen: number[] = []
  for (const start of starts) {
    const end = ends.get(start)!
    if (chosen.length + end - start > count) continue
    for (let t = start; t < end; t += 1) chosen.push(t)
  }
  return Int32Array.from(chosen).sort()
}

/** The first `count` places of a random order of `list`, in place: Fisher-Yates, its first steps; draws 1, 2, ... of the example. */
const shuffleHead = (list: Int32Array, count: number, seed: number, use: Stream, example: number): void => {
  for (let i = 0; i < count; i += 1) {
    const j = i + Math.floor(uniform(seed, use, example, i + 1) * (list.length - i))
    const held = list[i]!
    list[i] = list[j]!
    list[j] = held
  }
}

/** floor(rate·n + u), at most n; draw 0 of the example. */
export const selectionCount = (n: number, rate: number, seed: number, use: Stream, example: number): number =>
  Math.min(n, Math.floor(rate * n + uniform(seed, use, example, 0)))

const eligiblePositions = (row: Int32Array, isSpecial: (id: number) => boolean): Int32Array => {
  const eligible = new Int32Array(row.length)
  let n = 0
  for (let t = 0; t < row.length; t += 1) if (!isSpecial(row[t]!)) eligible[n++] = t
  return eligible.subarray(0, n)
}

/** What may stand in a chosen place. */
export interface Stand {
  readonly maskId: number
  readonly vocabSize: number
  readonly isSpecial: (id: number) => boolean
}

/**
 * What stands in a chosen place: the token itself with probability `maskKeep`, any token that is not special with `maskRandom` (the original
 * too, by chance), else [MASK]. Draws of their own by seed, example and place, so that neither share moves the other's or the places.
 */
export const standIn = (
  token: number,
  place: number,
  { maskId, vocabSize, isSpecial }: Stand,
  { maskKeep = 0, maskRandom = 0 }: Masking,
  seed: number,
  example: number,
): number => {
  if (maskKeep === 0 && maskRandom === 0) return maskId
  const u = uniform(seed, 'stand', example, place)
  if (u < maskKeep) return token
  if (u >= maskKeep + maskRandom) return maskId
  for (let attempt = 1; ; attempt += 1) {
    const id = Math.floor(uniform(seed, 'stand', example, attempt * 0x1000000 + place) * vocabSize)
    if (!isSpecial(id)) return id // a vocabulary is hardly ever special: few attempts
  }
}

/** One row masked, its parts laid into slices of the batch's arrays. */
export interface MaskedRow {
  readonly masked: Int32Array // i32[T], every chosen token replaced by what stands there
  readonly positions: Int32Array // i32[K], ascending; unused slots hold 0
  readonly targets: Int32Array // i32[K], the tokens that were there; unused slots hold token 0 of the row
  readonly weights: Float32Array // f32[K], 1 for a chosen position, 0 for an unused slot
}

/** Fills `into` from a row and its chosen positions; `stand` gives what takes the place of a token at a position. */
export const maskRow = (
  row: Int32Array,
  chosen: Int32Array,
  stand: (token: number, position: number) => number,
  into: MaskedRow,
): void => {
  into.masked.set(row)
  into.positions.fill(0)
  into.targets.fill(row[0]!)
  into.weights.fill(0)
  chosen.forEach((position, k) => {
    into.masked[position] = stand(row[position]!, position)
    into.positions[k] = position
    into.targets[k] = row[position]!
    into.weights[k] = 1
  })
}
