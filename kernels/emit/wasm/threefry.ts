import type { ThreefryBits } from '../../../core'
import { get, i32x4, set, v128, type Code } from './instructions'
import type { FunctionBuilder } from './module'

const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const

/** Bits of Threefry-2x32-20 on four lanes of counters: the integer that core/threefry.ts defines. */
export const threefry = (
  f: FunctionBuilder,
  { site, word, shift, bits }: ThreefryBits,
  args: readonly Code[],
): Code => {
  const [seedLo, seedHi, streamLo, streamHi, element] = args as [Code, Code, Code, Code, Code]
  const [x, y, k0, k2] = [f.local('v128'), f.local('v128'), f.local('v128'), f.local('v128')]
  const k1 = i32x4.of(site | 0)
  const shl = (v: Code, by: number): Code => i32x4.shl(v, [0x41, by])
  const shr = (v: Code, by: number): Code => i32x4.shrU(v, [0x41, by])
  const code: Code[] = [
    set(k0, v128.or(seedLo, shl(seedHi, 16))),
    set(k2, v128.xor(v128.xor(get(k0), k1), i32x4.of(0x1bd11bda))),
    set(x, i32x4.add(element, get(k0))),
    set(y, i32x4.add(v128.or(streamLo, shl(streamHi, 16)), k1)),
  ]
  const keys = [get(k0), k1, get(k2)]
  for (let group = 0; group < 5; group++) {
    for (const by of rotations[group % 2]!)
      code.push(
        set(x, i32x4.add(get(x), get(y))),
        set(y, v128.xor(v128.or(shl(get(y), by), shr(get(y), 32 - by)), get(x))),
      )
    code.push(
      set(x, i32x4.add(get(x), keys[(group + 1) % 3]!)),
      set(y, i32x4.add(i32x4.add(get(y), keys[(group + 2) % 3]!), i32x4.of(group + 1))),
    )
  }
  return [...code, v128.and(shr(get(word === 0 ? x : y), shift), i32x4.of(2 ** bits - 1))]
}
