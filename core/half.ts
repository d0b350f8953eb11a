/** Round to the nearest value with `bits` of significand (ties to even), least exponent `minExp`, infinite from `limit` up. */
const roundTo = (x: number, bits: number, minExp: number, limit: number): number => {
  if (x === 0 || !Number.isFinite(x)) return x
  const a = Math.abs(x)
  if (a >= limit) return Math.sign(x) * Infinity
  const exponent = Math.max(floorLog2(a), minExp)
  const ulp = 2 ** (exponent - bits + 1)
  const q = a / ulp // exact: a power of two
  const down = Math.floor(q)
  const rest = q - down
  const up = rest > 0.5 || (rest === 0.5 && down % 2 === 1)
  return Math.sign(x) * (up ? down + 1 : down) * ulp
}

const floorLog2 = (a: number): number => {
  let e = Math.floor(Math.log2(a))
  if (2 ** e > a) e -= 1
  else if (2 ** (e + 1) <= a) e += 1
  return e
}

/** IEEE 754 binary16, nearest even: subnormals below 2^-14, infinity from 65520. */
export const roundF16 = (x: number): number => keepZeroSign(x, roundTo(x, 11, -14, 65520))
/** bfloat16 (8 bits of significand, the exponents of binary32), nearest even. */
export const roundBf16 = (x: number): number => keepZeroSign(x, roundTo(x, 8, -126, 2 ** 127 * (2 - 2 ** -8)))

const keepZeroSign = (x: number, rounded: number): number =>
  rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded
