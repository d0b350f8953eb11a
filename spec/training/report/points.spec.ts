import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { drawn, smoothed, thinning } from '../../../training/report/points'
import { describe } from '../../harness'

const value = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: -80, max: 80 }).map((n) => n / 8) }, { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) }) // prettier-ignore
const values = fc.array(value, { minLength: 1, maxLength: 60 })
const runs = { seed: 20240502, numRuns: 300 }

describe('training/report/points', (test) => {
  test('smoothed is the weighted mean that its formula says', () =>
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 20 }), (vs, steps) => {
        const got = smoothed(vs, steps)
        vs.forEach((v, i) => {
          if (!Number.isFinite(v)) return assert.ok(Number.isNaN(got[i]!))
          let [sum, weight] = [0, 0]
          vs.forEach((w, j) => {
            if (!Number.isFinite(w)) return
            sum += Math.exp(-Math.abs(i - j) / steps) * w
            weight += Math.exp(-Math.abs(i - j) / steps)
          })
          assert.ok(Math.abs(got[i]! - sum / weight) < 1e-9, `at ${i}: expected ${sum / weight}, got ${got[i]}`)
        })
      }),
      runs,
    ))

  test('thinning keeps the limit, the order, the first and the last, and every bucket’s lowest and highest', () =>
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 70 }), (vs, limit) => {
        const thin = thinning(vs.length, limit)
        const steps = thin.ends(vs.map((_, i) => i))
        const got = thin.extremes(vs)
        assert.is(got.length, steps.length)
        assert.ok(steps.length <= limit, `expected at most ${limit} points, got ${steps.length}`)
        assert.is(steps[0], 0)
        assert.is(steps.at(-1), vs.length - 1)
        steps.forEach((step, i) => assert.ok(i === 0 || steps[i - 1]! <= step))
        if (vs.length <= limit) return assert.equal(got, vs)
        for (let from = 0; from < vs.length; from += thin.size) {
          const bucket = vs.slice(from, from + thin.size).filter((v) => Number.isFinite(v))
          const pair = got.slice((2 * from) / thin.size, (2 * from) / thin.size + 2)
          if (bucket.length === 0) assert.ok(pair.every((v) => !Number.isFinite(v)))
          else assert.equal([Math.min(...pair), Math.max(...pair)], [Math.min(...bucket), Math.max(...bucket)])
        }
      }),
      runs,
    ))

  test('what is not finite is a gap', () => assert.equal(drawn([1 / 3, NaN, Infinity, 0]), [0.33333, null, null, 0]))
})
