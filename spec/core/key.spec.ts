import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  bernoulli,
  dropout,
  evaluateOne,
  foldIn,
  full,
  gumbel,
  keyOf,
  normal,
  ones,
  randomBelow,
  randomBits,
  ShapeError,
  splitKey,
  tensor,
  threefry2x32,
  uniform,
  withStream,
  type Expr,
  type Key,
} from '../../core'
import { keys } from '../kit'
import { describe } from '../harness'

const settings = { seed: 2011, numRuns: 60 }
const values = (e: Expr): readonly number[] => [...evaluateOne(e)]
const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length
const variance = (xs: readonly number[]): number => {
  const centre = mean(xs)
  return mean(xs.map((x) => (x - centre) ** 2))
}

/** The key of given examples: their global numbers as two limbs. */
const ofExamples = (key: Key, examples: readonly number[]): Key =>
  withStream(key, {
    lo: tensor(
      examples.map((n) => n % 65536),
      'i32',
    ),
    hi: tensor(
      examples.map((n) => Math.floor(n / 65536)),
      'i32',
    ),
  })

/** Five standard errors of a mean: a fixed seed passes or fails for good, so this is no flake. */
const isNear = (got: number, want: number, deviation: number, n: number): void =>
  assert.ok(Math.abs(got - want) < (5 * deviation) / Math.sqrt(n), `got ${got}, want ${want}`)

describe('core/key', (test) => {
  test('bits are threefry under (seed, site) and (element, stream), from the top of the first word', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (seed, example) => {
          const key = ofExamples(keyOf(seed), [example])
          const want = [0, 1, 2].map((element) => threefry2x32(seed, 0, element, example)[0] >>> 8)
          assert.equal(values(randomBits(key, [1, 3])), want)
        },
      ),
      settings,
    ))

  test('the same bits whatever the split of the batch, and whatever else is in it', () =>
    fc.assert(
      fc.property(
        keys,
        fc.uniqueArray(fc.integer({ min: 0, max: 200000 }), { minLength: 2, maxLength: 6 }),
        fc.nat({ max: 5 }),
        (key, examples, cut) => {
          const at = 1 + (cut % (examples.length - 1))
          const draw = (part: readonly number[]): readonly number[] =>
            values(dropout(0.5, ofExamples(key, part))(ones([part.length, 2, 3])))
          const whole = draw(examples)
          assert.equal([...draw(examples.slice(0, at)), ...draw(examples.slice(at))], whole)
          assert.equal(draw([...examples].reverse()).slice(0, 6), whole.slice(-6))
        },
      ),
      settings,
    ))

  test('examples, splits and labels draw different bits; equal keys equal ones', () =>
    fc.assert(
      fc.property(keys, (key) => {
        const bits = (k: Key): string => values(randomBits(k, [8])).join()
        const [a, b] = splitKey(key) as readonly [Key, Key]
        const drawn = [key, a, b, foldIn(key, 'a'), foldIn(a, 'a'), foldIn(foldIn(key, 'a'), 'b')].map(bits)
        assert.is(new Set(drawn).size, drawn.length)
        assert.is(bits(foldIn(key, 'a')), bits(foldIn(key, 'a')))
        assert.is(
          new Set([0, 1, 65535, 65536, 65537].map((n) => values(randomBits(ofExamples(key, [n]), [1, 8])).join())).size,
          5,
        )
      }),
      settings,
    ))

  test('seed and stream as expressions give the bits of the numbers', () => {
    const limbs = { lo: tensor(0x5678, 'i32'), hi: tensor(0x1234, 'i32') }
    assert.equal(values(randomBits(keyOf(limbs), [9])), values(randomBits(keyOf(0x12345678), [9])))
  })

  const n = 20000
  test('uniform: in (0, 1), mean 1/2, variance 1/12, every 16th of the range as often', () => {
    const u = values(uniform(keyOf(1), [n]))
    assert.ok(
      u.every((x) => x > 0 && x < 1 && Math.fround(x) === x),
      'in (0, 1) and exact in f32',
    )
    isNear(mean(u), 0.5, Math.sqrt(1 / 12), n)
    isNear(variance(u), 1 / 12, Math.sqrt(1 / 180), n)
    const counts = new Array<number>(16).fill(0)
    for (const x of u) counts[Math.floor(16 * x)]! += 1
    const chi2 = counts.reduce((sum, c) => sum + (c - n / 16) ** 2 / (n / 16), 0)
    assert.ok(chi2 < 37.7, `chi² with 15 degrees of freedom (p = 0.001 at 37.7): ${chi2}`)
  })

  test('gumbel: mean γ, variance π²/6', () => {
    const g = values(gumbel(keyOf(2), [n]))
    isNear(mean(g), 0.5772156649, Math.PI / Math.sqrt(6), n)
    isNear(variance(g), Math.PI ** 2 / 6, Math.sqrt(4.4) * (Math.PI ** 2 / 6), n) // kurtosis 5.4
  })

  test('normal: mean 0, variance 1, third moment 0, fourth 3; as many within one deviation as there should be', () => {
    const n = 20000
    const draws = values(normal(keyOf(9), [n]))
    isNear(mean(draws), 0, 1, n)
    isNear(mean(draws.map((x) => x ** 2)), 1, Math.sqrt(2), n)
    isNear(mean(draws.map((x) => x ** 3)), 0, Math.sqrt(15), n)
    isNear(mean(draws.map((x) => x ** 4)), 3, Math.sqrt(96), n)
    isNear(draws.filter((x) => Math.abs(x) < 1).length / n, 0.682689, 0.465, n)
    isNear(mean(draws.map((x, i) => x * draws[(i + 1) % n]!)), 0, 1, n)
  })

  test('bernoulli: how often p says; never for 0, always for 1', () => {
    for (const p of [0.1, 0.5, 0.9]) {
      const x = values(bernoulli(keyOf(3), p, [n]))
      isNear(mean(x), p, Math.sqrt(p * (1 - p)), n)
    }
    assert.equal(values(bernoulli(keyOf(3), 0, [200])), new Array(200).fill(0))
    assert.equal(values(bernoulli(keyOf(3), 1, [200])), new Array(200).fill(1))
  })

  test('dropout: keeps 1 - rate of the elements, divided by it, so that the mean stays', () => {
    const rate = 0.3
    const y = values(dropout(rate, keyOf(4))(full(2, [n])))
    assert.ok(y.every((v) => v === 0 || Math.abs(v - 2 / (1 - rate)) < 1e-12))
    isNear(mean(y), 2, 2 * Math.sqrt(rate / (1 - rate)), n)
    const neighbours = mean(y.slice(1).map((v, i) => (v === 0 && y[i] === 0 ? 1 : 0)))
    isNear(neighbours, rate ** 2, 2 * rate, n)
    assert.throws(
      () => dropout(1, keyOf(4))(full(2, [3])),
      (e: unknown) => e instanceof ShapeError && e.message === 'dropout: expected a rate in [0, 1), got 1',
    )
  })

  test('randomBelow: whole numbers in [0, n), each as often', () => {
    const x = values(randomBelow(keyOf(5), 7, [n]))
    const counts = new Array<number>(7).fill(0)
    for (const k of x) {
      assert.ok(Number.isInteger(k) && k >= 0 && k < 7, String(k))
      counts[k]! += 1
    }
    const chi2 = counts.reduce((sum, c) => sum + (c - n / 7) ** 2 / (n / 7), 0)
    assert.ok(chi2 < 22.5, `chi² with 6 degrees of freedom (p = 0.001 at 22.5): ${chi2}`)
  })

  test('randomBelow an expression: each element below its own', () => {
    const bounds = [7, 1, 300]
    const each = values(randomBelow(keyOf(5), tensor(bounds.map((b) => [b]), 'i32'), [3, 50])) // prettier-ignore
    bounds.forEach((bound, row) => {
      const alike = values(randomBelow(keyOf(5), bound, [3, 50]))
      assert.equal(each.slice(row * 50, (row + 1) * 50), alike.slice(row * 50, (row + 1) * 50))
    })
  })

  test('a shape that does not begin with the stream is refused', () =>
    assert.throws(
      () => randomBits(ofExamples(keyOf(1), [1, 2]), [3, 2]),
      (e: unknown) =>
        e instanceof ShapeError && e.message === `random: expected a shape that begins with the key's [2], got [3,2]`,
    ))
})
