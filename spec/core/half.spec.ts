import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bf16Bits, bf16Value, cast, evaluateOne, f16Bits, f16Value, roundBf16, roundF16, tensor } from '../../core'
import { describe } from '../harness'
import { bfloat16, binary16, decodeHalf, infinityPattern, nearestHalf } from './half-patterns'

const formats = [
  ['roundF16', roundF16, binary16],
  ['roundBf16', roundBf16, bfloat16],
] as const

/** The next float64 away from zero. */
const nextUp = (x: number): number => {
  const bits = new BigInt64Array([0n])
  const float = new Float64Array(bits.buffer)
  float[0] = x
  bits[0]! += 1n
  return float[0]
}
const nextDown = (x: number): number => {
  const bits = new BigInt64Array([0n])
  const float = new Float64Array(bits.buffer)
  float[0] = x
  bits[0]! -= 1n
  return float[0]
}

describe('core/half', (test) => {
  test('the patterns decode as the standards say', () => {
    assert.is(decodeHalf(binary16, 0x3c00), 1)
    assert.is(decodeHalf(binary16, 0x7bff), 65504)
    assert.is(decodeHalf(binary16, 0x0001), 2 ** -24)
    assert.is(decodeHalf(binary16, 0xc000), -2)
    assert.is(decodeHalf(bfloat16, 0x3f80), 1)
    assert.is(decodeHalf(bfloat16, 0x7f7f), 3.3895313892515355e38)
    assert.is(decodeHalf(bfloat16, 0x4049), 3.140625)
  })

  for (const [name, round, format] of formats) {
    test(`${name}: all 65536 patterns are fixed points`, () => {
      for (let pattern = 0; pattern < 65536; pattern++) {
        const x = decodeHalf(format, pattern)
        if (!Object.is(round(x), x)) assert.is(round(x), x, `pattern ${pattern.toString(16)}`)
      }
    })

    test(`${name}: midpoints between neighbours go to the even pattern, a hair to either side to the neighbour`, () => {
      const top = infinityPattern(format)
      for (let pattern = 0; pattern < top; pattern++) {
        const below = decodeHalf(format, pattern)
        const last = pattern + 1 === top
        const step = last ? below - decodeHalf(format, pattern - 1) : decodeHalf(format, pattern + 1) - below
        const above = last ? Infinity : below + step
        const middle = below + step / 2 // exact: two more bits than the format has
        const even = pattern % 2 === 0 ? below : above
        for (const [x, want] of [
          [middle, even],
          [nextDown(middle), below],
          [nextUp(middle), above],
        ] as const)
          for (const sign of [1, -1])
            if (!Object.is(round(sign * x), sign * want)) assert.is(round(sign * x), sign * want, `${sign * x}`)
      }
    })

    test(`${name}: any number goes to the nearest pattern`, () => {
      const anywhere = fc.oneof(fc.double(), fc.float(), fc.double({ min: -1e-4, max: 1e-4 }))
      const nearest = (x: number): void => {
        if (!Object.is(round(x), nearestHalf(format, x))) assert.is(round(x), nearestHalf(format, x), String(x))
      }
      fc.assert(fc.property(anywhere, nearest), { seed: 16, numRuns: 5000 })
    })
  }

  for (const [name, bitsOf, valueOf, format] of [
    ['binary16', f16Bits, f16Value, binary16],
    ['bfloat16', bf16Bits, bf16Value, bfloat16],
  ] as const)
    test(`${name}: all 65536 patterns are the numbers they stand for, and these the patterns`, () => {
      for (let pattern = 0; pattern < 65536; pattern++) {
        const x = decodeHalf(format, pattern)
        if (!Object.is(valueOf(pattern), x)) assert.is(valueOf(pattern), x, pattern.toString(16))
        if (Number.isNaN(x)) assert.ok(Number.isNaN(valueOf(bitsOf(x))))
        else if (bitsOf(x) !== pattern) assert.is(bitsOf(x), pattern, String(x))
      }
    })

  test('a cast rounds: 65519.99 is the largest f16, 65520 is infinite, 1/3 in bf16 is 171/512', () => {
    assert.equal([...evaluateOne(cast(tensor([65519.99, 65520, -65520]), 'f16'))], [65504, Infinity, -Infinity])
    assert.equal([...evaluateOne(cast(tensor([1 / 3]), 'bf16'))], [171 / 512])
  })
})
