import { f32x4, get, i32x4, set, v128, type Code } from './instructions'
import type { FunctionBuilder } from './module'

/**
 * IEEE binary16 and bfloat16 on four lanes, on integers: nearest even, subnormals, signed zero, infinity from 65520 (f16) and
 * NaN exact. Bits stand in the low half of each lane.
 */
const shl = (x: Code, by: number): Code => i32x4.shl(x, [0x41, by])
const shr = (x: Code, by: number): Code => i32x4.shrU(x, [0x41, by])
const one = i32x4.of(1)

/** binary32 -> binary16. */
export const toF16 = (f: FunctionBuilder, x: Code): Code => {
  const [bits, a, sign] = [f.local('v128'), f.local('v128'), f.local('v128')]
  const odd = v128.and(shr(get(a), 13), one)
  const normal = shr(i32x4.add(i32x4.add(get(a), i32x4.of(0xfff - (112 << 23))), odd), 13)
  // Adding 0.5, whose last place is the least subnormal of binary16, rounds as the addition does.
  const subnormal = i32x4.sub(f32x4.add(get(a), f32x4.of(0.5)), i32x4.of(0x3f000000))
  const special = v128.choose(i32x4.gt(get(a), i32x4.of(0x7f800000)), i32x4.of(0x7e00), i32x4.of(0x7c00))
  const finite = v128.choose(i32x4.lt(get(a), i32x4.of(113 << 23)), subnormal, normal)
  return [
    set(bits, x),
    set(sign, v128.and(shr(get(bits), 16), i32x4.of(0x8000))),
    set(a, v128.and(get(bits), i32x4.of(0x7fffffff))),
    v128.or(v128.choose(i32x4.ge(get(a), i32x4.of(0x477ff000)), special, finite), get(sign)),
  ]
}

/** binary16 -> binary32, exact. */
export const fromF16 = (f: FunctionBuilder, h: Code): Code => {
  const [bits, a] = [f.local('v128'), f.local('v128')]
  return [
    set(bits, h),
    set(a, v128.and(get(bits), i32x4.of(0x7fff))),
    v128.or(
      v128.or(
        f32x4.mul(shl(get(a), 13), f32x4.of(2 ** 112)),
        v128.and(i32x4.ge(get(a), i32x4.of(0x7c00)), i32x4.of(0x7f800000)),
      ),
      shl(v128.and(get(bits), i32x4.of(0x8000)), 16),
    ),
  ]
}

/** binary32 -> bfloat16. */
export const toBf16 = (f: FunctionBuilder, x: Code): Code => {
  const bits = f.local('v128')
  const isNaN = i32x4.gt(v128.and(get(bits), i32x4.of(0x7fffffff)), i32x4.of(0x7f800000))
  const rounded = i32x4.add(i32x4.add(get(bits), i32x4.of(0x7fff)), v128.and(shr(get(bits), 16), one))
  return [set(bits, x), v128.choose(isNaN, v128.or(shr(get(bits), 16), i32x4.of(0x40)), shr(rounded, 16))]
}

/** bfloat16 -> binary32, exact. */
export const fromBf16 = (_: FunctionBuilder, h: Code): Code => shl(h, 16)
