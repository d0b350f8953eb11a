import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { vjp, vmap } from '../../../autodiff'
import {
  allGather,
  allReduce,
  evaluateOne,
  evaluateRanks,
  input,
  InputError,
  reduceScatter,
  reshape,
  ShapeError,
  sliceAxis,
  stack,
  type Expr,
} from '../../../core'
import { describe } from '../../harness'
import { assertClose } from '../../kit'

const collectives = {
  allReduce: { f: allReduce, goesIn: (n: number, k: number) => n * k, comesOut: (n: number, k: number) => n * k },
  reduceScatter: { f: reduceScatter, goesIn: (n: number, k: number) => n * k, comesOut: (_: number, k: number) => k },
  allGather: { f: allGather, goesIn: (_: number, k: number) => k, comesOut: (n: number, k: number) => n * k },
} as const

/** What rank r makes of the vectors of all: by the book. */
const meanings: { readonly [name: string]: (xs: readonly (readonly number[])[], r: number) => readonly number[] } = {
  allReduce: (xs) => xs.reduce((s, x) => s.map((v, i) => v + x[i]!)),
  reduceScatter: (xs, r) => {
    const total = xs.reduce((s, x) => s.map((v, i) => v + x[i]!))
    const k = total.length / xs.length
    return total.slice(r * k, (r + 1) * k)
  },
  allGather: (xs) => xs.flat(),
}

const numbers = (r: number, size: number, seed: number): readonly number[] =>
  Array.from({ length: size }, (_, i) => Math.sin(1 + i + 7 * r + seed) / 3)
const sizes = fc.record({ n: fc.integer({ min: 1, max: 5 }), k: fc.integer({ min: 0, max: 4 }), seed: fc.nat(100) })
const holds = (law: (n: number, k: number, seed: number) => void): void =>
  fc.assert(fc.property(sizes, ({ n, k, seed }) => law(n, k, seed)), { seed: 20211202, numRuns: 100 }) // prettier-ignore
const dot = (xs: readonly ArrayLike<number>[], ys: readonly ArrayLike<number>[]): number =>
  xs.reduce((s, x, r) => s + Array.from(x).reduce((t, v, i) => t + v * ys[r]![i]!, 0), 0)
const ranksOf = (n: number, given: (r: number) => readonly (readonly [string, readonly number[]])[]) =>
  Array.from({ length: n }, (_, r) => new Map(given(r)))

describe('core/ops: collectives', (test) => {
  for (const [name, { f, goesIn, comesOut }] of Object.entries(collectives)) {
    test(`${name}: of any number of ranks what it says, summed from the first rank on`, () =>
      holds((n, k, seed) => {
        const xs = Array.from({ length: n }, (_, r) => numbers(r, goesIn(n, k), seed))
        const y = f({ ranks: n }, input('x', [goesIn(n, k)]))
        assert.equal(y.aval.shape, [comesOut(n, k)])
        evaluateRanks([y], ranksOf(n, (r) => [['x', xs[r]!]])).forEach(([got], r) => assert.equal([...got!], [...meanings[name]!(xs, r)])) // prettier-ignore
      }))

    test(`${name}: its reverse rule is dual to it, over all ranks`, () =>
      holds((n, k, seed) => {
        const g = (x: Expr): Expr => f({ ranks: n }, x)
        const x = input('x', [goesIn(n, k)])
        const ct = input('ct', [comesOut(n, k)])
        const { value, pullback } = vjp(g, x)
        const given = ranksOf(n, (r) => [['x', numbers(r, goesIn(n, k), seed)], ['ct', numbers(r, comesOut(n, k), seed + 50)]]) // prettier-ignore
        const results = evaluateRanks([value, pullback(ct)], given)
        const [forward, back] = [results.map((of) => of[0]!), results.map((of) => of[1]!)]
        assertClose([dot(given.map((v) => v.get('ct')!), forward)], [dot(back, given.map((v) => v.get('x')!))], { label: name, tolerance: 1e-12 }) // prettier-ignore
      }))

    test(`${name}: mapped over rows it is each row's`, () =>
      holds((n, k, seed) => {
        const size = goesIn(n, k)
        const x = input('x', [3, size])
        const rows = Array.from({ length: 3 }, (_, i) => f({ ranks: n }, reshape(sliceAxis(x, 0, i, 1), [size])))
        const mapped = vmap((row: Expr) => f({ ranks: n }, row))(x)
        const given = ranksOf(n, (r) => [['x', numbers(r, 3 * size, seed)]])
        for (const [one, each] of evaluateRanks([mapped, stack(rows)], given)) assert.equal([...one!], [...each!])
      }))
  }

  test('what cannot be exchanged is refused: lengths, integers, no ranks, another number of ranks', () => {
    assert.throws(() => reduceScatter({ ranks: 2 }, input('x', [3])), (e: unknown) => e instanceof ShapeError) // prettier-ignore
    assert.throws(() => allReduce({ ranks: 2 }, input('x', [3], 'i32')), (e: unknown) => e instanceof ShapeError) // prettier-ignore
    assert.throws(() => allGather({ ranks: 0 }, input('x', [3])), (e: unknown) => e instanceof ShapeError) // prettier-ignore
    assert.throws(() => allGather({ ranks: 2 }, input('x', [3, 1])), (e: unknown) => e instanceof ShapeError) // prettier-ignore
    const y = allReduce({ ranks: 2 }, input('x', []))
    assert.throws(() => evaluateOne(y, new Map([['x', [1]]])), (e: unknown) => e instanceof InputError && /expected 2 ranks, got 1/.test(e.message)) // prettier-ignore
  })
})
