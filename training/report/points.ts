/** Values as drawn: null is a gap, as JSON knows no NaN. */
export type Drawn = readonly (number | null)[]

/**
 * s_i = Σ_j d^|i-j| v_j / Σ_j d^|i-j|, d = exp(-1 / steps): an average over both sides, so that a falling curve is not drawn
 * late. Values that are not finite are left out of it, and give NaN at their own place.
 */
export const smoothed = (values: readonly number[], steps: number): number[] => {
  const decay = Math.exp(-1 / steps)
  const [before, after] = [runningSums(values, decay), runningSums([...values].reverse(), decay).reverse()]
  return values.map((value, i) => {
    const [[sum, weight], [sumAfter, weightAfter]] = [before[i]!, after[i]!]
    return Number.isFinite(value) ? (sum + sumAfter - value) / (weight + weightAfter - 1) : NaN
  })
}

/** Σ_{j <= i} d^(i-j) v_j and Σ_{j <= i} d^(i-j) over the finite values, for each i. */
const runningSums = (values: readonly number[], decay: number): (readonly [sum: number, weight: number])[] => {
  let [sum, weight] = [0, 0]
  return values.map((value) => {
    const isFinite = Number.isFinite(value)
    sum = sum * decay + (isFinite ? value : 0)
    weight = weight * decay + (isFinite ? 1 : 0)
    return [sum, weight]
  })
}

/**
 * A way to draw n values with at most `limit` points: buckets of equal size, each of which gives two. Where n <= limit every
 * value is a point.
 */
export interface Thinning {
  readonly size: number
  /** The first and the last value of each bucket: for x, and for curves without spikes. */
  readonly ends: (values: readonly number[]) => number[]
  /** The lowest and the highest finite value of each bucket, in the order they occur: no spike is lost. */
  readonly extremes: (values: readonly number[]) => number[]
}

export const thinning = (n: number, limit: number): Thinning => {
  if (n <= limit) return { size: 1, ends: (values) => [...values], extremes: (values) => [...values] }
  const size = Math.ceil(n / Math.floor(limit / 2))
  const perBucket = (values: readonly number[], pair: (from: number, to: number) => readonly [number, number]) => {
    const out: number[] = []
    for (let from = 0; from < n; from += size) out.push(...pair(from, Math.min(n, from + size)).map((i) => values[i]!))
    return out
  }
  return {
    size,
    // A last bucket of one gives a point twice; uPlot allows equal x.
    ends: (values) => perBucket(values, (from, to) => [from, to - 1]),
    extremes: (values) =>
      perBucket(values, (from, to) => {
        let [low, high] = [from, from]
        for (let i = from; i < to; i++) {
          if (!Number.isFinite(values[i]!)) continue
          if (!Number.isFinite(values[low]!) || values[i]! < values[low]!) low = i
          if (!Number.isFinite(values[high]!) || values[i]! > values[high]!) high = i
        }
        return low < high ? [low, high] : [high, low]
      }),
  }
}

/** Five digits are more than a screen shows, and keep the page small. What is not finite is a gap. */
export const drawn = (values: readonly number[]): Drawn =>
  values.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(5)) : null))
