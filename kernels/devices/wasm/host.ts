import { roundBf16, roundF16, sizeOf, type Aval, type DType } from '../../../core'
import type { HostArray } from '../../device'

/** Host arrays into memory and back, as each dtype is stored. */
export const writeHost = (memory: ArrayBuffer, at: number, data: ArrayLike<number>, dtype: DType): void => {
  const n = data.length
  switch (dtype) {
    case 'f32':
      return new Float32Array(memory, at, n).set(data)
    case 'i32':
      return new Int32Array(memory, at, n).set(data)
    case 'bool': {
      const out = new Uint8Array(memory, at, n)
      for (let i = 0; i < n; i++) out[i] = Number(data[i] !== 0)
      return
    }
    case 'f16':
    case 'bf16': {
      const out = new Uint16Array(memory, at, n)
      const bits = dtype === 'f16' ? f16Bits : bf16Bits
      for (let i = 0; i < n; i++) out[i] = bits(data[i]!)
    }
  }
}

export const readHost = (memory: ArrayBuffer, at: number, { shape, dtype }: Aval): HostArray => {
  const n = sizeOf(shape)
  switch (dtype) {
    case 'f32':
      return new Float32Array(memory, at, n).slice()
    case 'i32':
      return new Int32Array(memory, at, n).slice()
    case 'bool':
      return new Uint8Array(memory, at, n).slice()
    case 'f16':
      return Float32Array.from(new Uint16Array(memory, at, n), f16Value)
    case 'bf16':
      return Float32Array.from(new Uint16Array(memory, at, n), bf16Value)
  }
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

const bf16Bits = (x: number): number => {
  if (Number.isNaN(x)) return 0x7fc0
  scratch[0] = roundBf16(x)
  return scratchBits[0]! >>> 16
}
const bf16Value = (bits: number): number => {
  scratchBits[0] = bits << 16
  return scratch[0]!
}

const f16Bits = (x: number): number => {
  if (Number.isNaN(x)) return 0x7e00
  const r = roundF16(x)
  const sign = r < 0 || Object.is(r, -0) ? 0x8000 : 0
  const a = Math.abs(r)
  if (a === Infinity) return sign | 0x7c00
  if (a < 2 ** -14) return sign | (a * 2 ** 24)
  const exponent = Math.floor(Math.log2(a))
  const e = 2 ** exponent > a ? exponent - 1 : exponent
  return sign | (((e + 15) << 10) + (a / 2 ** e - 1) * 1024)
}
const f16Value = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}
