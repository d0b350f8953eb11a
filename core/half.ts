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

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The sixteen bits of a number as bfloat16; every NaN is the quiet one. */
export const bf16Bits = (x: number): number => {
  if (Number.isNaN(x)) return 0x7fc0
  scratch[0] = roundBf16(x)
  return scratchBits[0]! >>> 16
}
/** The number that sixteen bits stand for as bfloat16. */
export const bf16Value = (bits: number): number => {
  scratchBits[0] = bits << 16
  return scratch[0]!
}

/** The sixteen bits of a number as binary16; every NaN is the quiet one. */
export const f16Bits = (x: number): number => {
  if (Number.isNaN(x)) return 0x7e00
  const r = roundF16(x)
  const sign = r < 0 || Object.is(r, -0) ? 0x8000 : 0
  const a = Math.abs(r)
  if (a === Infinity) return sign | 0x7c00
  if (a < 2 ** -14) return sign | (a * 2 ** 24)
  const e = floorLog2(a)
  return sign | (((e + 15) << 10) + (a / 2 ** e - 1) * 1024)
}
/** The number that sixteen bits stand for as binary16. */
export const f16Value = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}
