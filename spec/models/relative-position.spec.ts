import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluateOne, tensor } from '../../core'
import { cocoBuckets, presetNames, presets, relativeBias, relativeBucket } from '../../models'
import { describe } from '../harness'

/**
 * Recipe 1.7 as it is written there: a signed bucket for each pair of places of the longest text, then the whole matrix shifted
 * by its minimum. Row i, column j.
 */
const bucketMatrix = (length: number, bins: number, Dmax: number): readonly (readonly number[])[] => {
  const half = bins / 2
  const m = Math.floor(half / 2)
  const signed = Array.from({ length }, (_, i) =>
    Array.from({ length }, (__, j) => {
      const d = j - i
      const [s, n] = [Math.sign(d), Math.abs(d)]
      if (n < m) return s * n
      const part = Math.log(n / m) / Math.log((Dmax - 1) / m)
      return s * Math.min(m + Math.ceil(part * (half - 1 - m)), half - 1)
    }),
  )
  const least = Math.min(...signed.map((row) => Math.min(...row)))
  return signed.map((row) => row.map((b) => b - least))
}

/** Valid pairs of bucket count and greatest distance (validatePair). */
const settings = fc
  .tuple(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 0, max: 200 }))
  .map(([quarter, more]) => ({ buckets: 4 * quarter, maxDistance: quarter + 2 + more }))

describe('models/relative-position', (test) => {
  for (const name of presetNames) {
    const { buckets, maxDistance } = presets[name]
    test(`${name}: ${buckets} buckets to ${maxDistance}, as the recipe writes them for 512 tokens`, () => {
      const matrix = bucketMatrix(512, buckets, maxDistance)
      for (let i = 0; i < 512; i++)
        for (let j = 0; j < 512; j++) {
          const got = relativeBucket(j - i, buckets, maxDistance)
          if (got !== matrix[i]![j]) assert.is(got, matrix[i]![j], `row ${i}, column ${j}`)
        }
    })
  }

  test('values by hand, 32 buckets to 128: exact below 8, then the logarithm rounded up', () => {
    const ids = [0, 1, -1, 7, 8, 9, 127, 128, 1000, -1000].map((d) => relativeBucket(d, 32, 128))
    // 8 + ceil(ln(9/8) / ln(127/8) * 7) = 8 + ceil(0.298) = 9
    assert.equal(ids, [15, 16, 14, 22, 23, 24, 30, 30, 30, 0])
  })

  test('monotone, symmetric about the middle, exact near it, constant from maxDistance - 1 on, all ids in the table', () => {
    fc.assert(
      fc.property(settings, fc.integer({ min: 0, max: 600 }), ({ buckets, maxDistance }, d) => {
        const at = (n: number): number => relativeBucket(n, buckets, maxDistance)
        const middle = buckets / 2 - 1
        assert.is(at(0), middle)
        assert.is(at(d) + at(-d), 2 * middle)
        assert.ok(Number.isInteger(at(d)) && at(-d) >= 0 && at(d) <= buckets - 2, `bucket ${at(d)} of ${d}`)
        assert.ok(at(d + 1) >= at(d), `${d + 1} is not before ${d}`)
        if (d < buckets / 4) assert.is(at(d), middle + d)
        if (d >= maxDistance - 1) assert.is(at(d), buckets - 2)
      }),
      { seed: 2, numRuns: 500 },
    )
  })

  test('relativeBias[h, i, j] is the row of the bucket of j - i: it depends on the distance alone', () => {
    const [buckets, heads, T, maxDistance] = [16, 3, 30, 20]
    const table = Array.from({ length: buckets }, (_, r) => Array.from({ length: heads }, (__, h) => 100 * r + h))
    const bias = relativeBias(tensor(table), T, cocoBuckets(buckets, maxDistance))
    assert.equal(bias.aval.shape, [heads, T, T])
    const got = evaluateOne(bias)
    const matrix = bucketMatrix(40, buckets, maxDistance)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < T; i++)
        for (let j = 0; j < T; j++) assert.is(got[(h * T + i) * T + j], 100 * matrix[i]![j]! + h)
  })

  test('a longer text does not move the buckets of a shorter one', () => {
    const table = tensor(Array.from({ length: 16 }, (_, r) => [r]))
    const [short, long] = [
      evaluateOne(relativeBias(table, 5, cocoBuckets(16, 20))),
      evaluateOne(relativeBias(table, 40, cocoBuckets(16, 20))),
    ]
    for (let i = 0; i < 5; i++) for (let j = 0; j < 5; j++) assert.is(short[i * 5 + j], long[i * 40 + j])
  })
})
