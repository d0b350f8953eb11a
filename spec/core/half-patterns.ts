/** Sixteen-bit floats by their bit patterns: an account of f16 and bf16 that shares nothing with core/half.ts. */
export interface HalfFormat {
  readonly exponentBits: number
  readonly fractionBits: number
}
export const binary16: HalfFormat = { exponentBits: 5, fractionBits: 10 }
export const bfloat16: HalfFormat = { exponentBits: 8, fractionBits: 7 }

/** The number that a pattern in [0, 65536) stands for (IEEE 754-2019, §3.4). */
export const decodeHalf = ({ exponentBits, fractionBits }: HalfFormat, pattern: number): number => {
  const sign = pattern >= 0x8000 ? -1 : 1
  const exponent = (pattern >> fractionBits) & (2 ** exponentBits - 1)
  const fraction = pattern & (2 ** fractionBits - 1)
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0
    ? sign * fraction * 2 ** (1 - bias - fractionBits)
    : sign * (2 ** fractionBits + fraction) * 2 ** (exponent - bias - fractionBits)
}

/** The pattern of +infinity: patterns below it are the finite numbers from 0 up, in order. */
export const infinityPattern = ({ exponentBits, fractionBits }: HalfFormat): number =>
  (2 ** exponentBits - 1) * 2 ** fractionBits

/** The nearest number of the format by search among its patterns, ties to the even pattern; overflow as if one more binade were there. */
export const nearestHalf = (format: HalfFormat, x: number): number => {
  if (Number.isNaN(x)) return NaN
  const a = Math.abs(x)
  const top = infinityPattern(format)
  const valueOf = (pattern: number): number =>
    pattern === top ? 2 * decodeHalf(format, top - 1) - decodeHalf(format, top - 2) : decodeHalf(format, pattern)
  let [lo, hi] = [0, top] // valueOf(lo) <= a, and a < valueOf(hi) unless a overflows
  if (a >= valueOf(top)) lo = top
  while (hi - lo > 1) {
    const mid = (lo + hi) >> 1
    if (valueOf(mid) <= a) lo = mid
    else hi = mid
  }
  const [below, above] = [a - valueOf(lo), valueOf(hi) - a]
  const pattern = lo === top || below < above || (below === above && lo % 2 === 0) ? lo : hi
  const magnitude = pattern === top ? Infinity : valueOf(pattern)
  return x < 0 || Object.is(x, -0) ? -magnitude : magnitude
}
