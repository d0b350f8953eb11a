import { sizeOf, type Shape } from '../../../core'

/**
 * Where numbers come from: a whole number in [-24, 24] for every position, of this input or of another (by its place among the
 * inputs). Small numbers are simple ones: shrinking moves them towards 0.
 */
export type Pick = (position: number, input?: number) => number

/** The numbers of an input of a given shape. `dims` are the sizes that were drawn for named axes. */
export type Values = (shape: Shape, pick: Pick, dims: Readonly<Record<string, number>>) => readonly number[]

const each =
  (f: (k: number) => number): Values =>
  (shape, pick) =>
    Array.from({ length: sizeOf(shape) }, (_, i) => f(pick(i)))

const mod = (k: number, n: number): number => ((k % n) + n) % n

/** k as a whole number in [lo, hi]: 0 becomes 0 (else `one`, else the nearer end), its neighbours the neighbours of that. */
const fold = (k: number, lo: number, hi: number, one: number): number => {
  const origin = lo <= 0 && hi >= 0 ? 0 : lo <= one && hi >= one ? one : lo > 0 ? lo : hi
  return lo + mod(origin - lo + k, hi - lo + 1)
}

/**
 * Multiples of 1/8 in [min, max]: exact in every float dtype that has them, and shrinking cannot creep towards a tolerance.
 */
export const reals = (min = -3, max = 3): Values => {
  const [lo, hi] = [Math.ceil(min * 8), Math.floor(max * 8)]
  return each((k) => fold(k, lo, hi, 8) / 8)
}

/** Multiples of 1/8 in [1/8, 4]. */
export const positive: Values = reals(1 / 8, 4)

/** Multiples of 1/8 with magnitude from 1/8 (or `least`, itself a multiple of 1/8) to about 3 more. */
export const offZero = (least = 1 / 8): Values => each((k) => (k >= 0 ? least + k / 8 : -least + (k + 1) / 8))

/** Whole numbers in [min, max]. */
export const integers = (min = -4, max = 4): Values => each((k) => fold(k, min, max, 1))

/** Truth values. */
export const truths: Values = each((k) => mod(k, 2))

/** Multiples of 1/8 of which no two are equal: no ties for a maximum, no row without variance. */
export const distinct: Values = (shape, pick) => {
  const n = sizeOf(shape)
  return ranks(n, pick).map((r) => (r - Math.floor(n / 2)) / 8)
}

const ranks = (n: number, pick: Pick, from = 0): readonly number[] => {
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => pick(from + i) - pick(from + j) || i - j)
  const rank = new Array<number>(n)
  order.forEach((i, r) => {
    rank[i] = r
  })
  return rank
}

/** Whole numbers in [0, n), where `n` is a number or the name of an axis. */
export const ids =
  (n: number | string): Values =>
  (shape, pick, dims) => {
    const bound = typeof n === 'number' ? n : (dims[n] ?? 0)
    return Array.from({ length: sizeOf(shape) }, (_, i) => mod(pick(i), Math.max(1, bound)))
  }

/** A permutation of [0, size) in every row along the last axis. */
export const permutations: Values = (shape, pick) => {
  const n = shape.at(-1) ?? 1
  return Array.from({ length: sizeOf(shape.slice(0, -1)) }, (_, row) => ranks(n, pick, row * n)).flat()
}

/** Ascending whole numbers in [0, max], along the only axis; from 0 to `max` if `covering`. */
export const ascending =
  (max: number, covering = false): Values =>
  ([n = 1], pick) => {
    const sorted = Array.from({ length: n }, (_, i) => mod(pick(i), max + 1)).sort((a, b) => a - b)
    return covering ? sorted.map((v, i) => (i === n - 1 ? max : i === 0 ? 0 : v)) : sorted
  }

/** 16-bit halves of counters and seeds. */
export const limbs: Values = each((k) => mod(k * 2729, 65536))
