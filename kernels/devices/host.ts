import { bf16Bits, bf16Value, f16Bits, f16Value, sizeOf, type Aval, type DType } from '../../core'
import type { HostArray } from '../device'

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
