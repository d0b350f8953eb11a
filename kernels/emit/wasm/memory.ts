import { bytesOf, type DType } from '../../../core'
import { get, i16x8, i32, i32x4, i8x16, set, v128, when, type Code } from './instructions'
import { fromBf16, fromF16, toBf16, toF16 } from './half'
import type { FunctionBuilder } from './module'

/** Elements in memory: f32 and i32 in four bytes, f16 and bf16 in two, truth values in one. */
export const elementBytes = bytesOf

/** Four elements that lie side by side, as lanes. Reads up to 16 bytes: allocations end with as many to spare. */
export const loadVector = (f: FunctionBuilder, dtype: DType, address: Code, offset: number): Code => {
  switch (dtype) {
    case 'f32':
    case 'i32':
      return v128.load(offset, address)
    case 'f16':
      return fromF16(f, i32x4.extend16(v128.load64Zero(offset, address)))
    case 'bf16':
      return fromBf16(f, i32x4.extend16(v128.load64Zero(offset, address)))
    case 'bool':
      return i32x4.ne(i32x4.extend16(i16x8.extend8(v128.load32Zero(offset, address))), i32x4.of(0))
  }
}

/** One element on all lanes. */
export const loadOne = (f: FunctionBuilder, dtype: DType, address: Code): Code => {
  switch (dtype) {
    case 'f32':
    case 'i32':
      return v128.load32Splat(0, address)
    case 'f16':
      return fromF16(f, i32x4.splat(i32.load16(0, address)))
    case 'bf16':
      return fromBf16(f, i32x4.splat(i32.load16(0, address)))
    case 'bool':
      return i32x4.ne(i32x4.splat(i32.load8(0, address)), i32x4.of(0))
  }
}

/** Lanes as they lie in memory, from the first bytes of the vector on. */
const packed = (f: FunctionBuilder, dtype: DType, v: Code): Code => {
  switch (dtype) {
    case 'f32':
    case 'i32':
      return v
    case 'f16':
      return narrow(f, toF16(f, v))
    case 'bf16':
      return narrow(f, toBf16(f, v))
    case 'bool': {
      const bytes = f.local('v128')
      return [set(bytes, narrow(f, v128.and(v, i32x4.of(1)))), i8x16.narrow16(get(bytes), get(bytes))]
    }
  }
}
const narrow = (f: FunctionBuilder, v: Code): Code => {
  const x = f.local('v128')
  return [set(x, v), i16x8.narrow32(get(x), get(x))]
}

const storeWhole = (dtype: DType, offset: number, address: Code, v: Code): Code => {
  const bytes = elementBytes(dtype)
  return bytes === 4
    ? v128.store(offset, address, v)
    : bytes === 2
      ? v128.store64Lane(0, offset, address, v)
      : v128.store32Lane(0, offset, address, v)
}

/** Stores four lanes. */
export const storeVector = (f: FunctionBuilder, dtype: DType, address: Code, offset: number, v: Code): Code =>
  storeWhole(dtype, offset, address, packed(f, dtype, v))

/** Stores the first `count` lanes (a local; 1 or more), at most four: other threads may write what follows. */
export const storeLanes = (f: FunctionBuilder, dtype: DType, address: Code, count: number, v: Code): Code => {
  const bits = f.local('v128')
  const bytes = elementBytes(dtype)
  const lane = bytes === 4 ? v128.store32Lane : bytes === 2 ? v128.store16Lane : v128.store8Lane
  const some: Code[] = [0, 1, 2].map((i) => when(i32.gt(get(count), i32.of(i)), lane(i, i * bytes, address, get(bits))))
  return [
    set(bits, packed(f, dtype, v)),
    when(i32.ge(get(count), i32.of(4)), storeWhole(dtype, 0, address, get(bits)), some),
  ]
}

export const horizontal = (
  f: FunctionBuilder,
  v: Code,
  combine: (x: Code, y: Code) => Code,
  shuffle: (lanes: readonly number[], x: Code, y: Code) => Code,
): Code => {
  const x = f.local('v128')
  return [
    set(x, v),
    set(x, combine(get(x), shuffle([2, 3, 0, 1], get(x), get(x)))),
    combine(get(x), shuffle([1, 0, 3, 2], get(x), get(x))),
  ]
}
