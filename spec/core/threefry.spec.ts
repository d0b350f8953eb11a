import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { describe } from '../harness'
import { threefry2x32 } from '../../core/threefry'

const uint32 = fc.integer({ min: 0, max: 0xffffffff })

// Random123 1.14, examples/kat_vectors: threefry2x32 20
const published: ReadonlyArray<readonly [key: [number, number], counter: [number, number], out: [number, number]]> = [
  [
    [0, 0],
    [0, 0],
    [0x6b200159, 0x99ba4efe],
  ],
  [
    [0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x1cb996fc, 0xbb002be7],
  ],
  [
    [0x13198a2e, 0x03707344],
    [0x243f6a88, 0x85a308d3],
    [0xc4923a9c, 0x483df7a0],
  ],
]

describe('core/threefry', (test) => {
  test('gives the published vectors', () => {
    for (const [k, c, out] of published) assert.equal(threefry2x32(k[0], k[1], c[0], c[1]), out)
  })

  test('words are uint32, and signed inputs mean the same bits', () =>
    fc.assert(
      fc.property(uint32, uint32, uint32, uint32, (k0, k1, c0, c1) => {
        const [x, y] = threefry2x32(k0, k1, c0, c1)
        assert.equal(threefry2x32(k0 | 0, k1 | 0, c0 | 0, c1 | 0), [x, y])
        return x >= 0 && x <= 0xffffffff && y >= 0 && y <= 0xffffffff && Number.isInteger(x) && Number.isInteger(y)
      }),
    ))

  test('one key permutes the counters: near counters never collide', () =>
    fc.assert(
      fc.property(uint32, uint32, (k0, k1) => {
        const seen = new Set<string>()
        for (let i = 0; i < 100; i += 1) seen.add(threefry2x32(k0, k1, i, 0).join())
        return seen.size === 100
      }),
    ))
})
