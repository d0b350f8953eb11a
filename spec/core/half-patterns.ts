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

/**
 * A binary32 number in the format, ties to even, on integers alone: its significand is shifted down by as many bits as the format lacks, and
 * what falls out decides.
 */
export const roundBits = ({ exponentBits, fractionBits }: HalfFormat, x: number): number => {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, x)
  const bits = view.getUint32(0)
  const sign = bits >>> 31
  const field = (bits >>> 23) & 0xff
  const fraction = bits & 0x7fffff
  if (field === 0xff) return fraction === 0 ? (sign === 1 ? -Infinity : Infinity) : NaN
  const significand = field === 0 ? fraction : fraction + 0x800000
  const exponent = Math.max(field, 1) - 127 // of the significand's bit 23
  const least = 2 - 2 ** (exponentBits - 1) // of the least normal number
  const dropped = Math.min(23 - fractionBits + Math.max(0, least - exponent), 26)
  const kept = significand >> dropped
  const rest = significand - kept * 2 ** dropped
  const half = 2 ** (dropped - 1)
  const rounded = kept + (rest > half || (rest === half && kept % 2 === 1) ? 1 : 0)
  // The pattern: a significand that carries into the exponent is the next pattern all the same.
  const base = exponent < least ? 0 : (exponent - least) * 2 ** fractionBits
  const pattern = base + rounded
  const top = (2 ** exponentBits - 1) * 2 ** fractionBits
  const magnitude = pattern >= top ? top : pattern
  return decodeHalf({ exponentBits, fractionBits }, sign * 0x8000 + magnitude)
}
