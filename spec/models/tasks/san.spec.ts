import * as assert from 'uvu/assert'
import {
  evaluate,
  evaluateOne,
  exprLeaves,
  keyOf,
  leavesOf,
  ops,
  withStream,
  type Expr,
  type ExprTree,
} from '../../../core'
import { grad } from '../../../autodiff'
import { pairConfig, sanForm, sanLogPosterior, sanSpecs, type SanForm, type SanParams } from '../../../models'
import { describe } from '../../harness'
import { assertClose, checkGradients } from '../../kit'
import { array, asHead, drawHead, drawn, headInputs, says } from './specimens'

const [B, T, D, C] = [2, 6, 3, 3]
const config = { ...pairConfig('tiny', 20, T), hidden: D, heads: 1 }
const specs = sanSpecs(config, C)
const params: SanParams = drawHead(specs, 3)
const hidden = drawn(8, [B, T, D])
const segmentsOf = [0, 1, 1, 1, 2, 0, 0, 1, 2, 2, 2, 0]
const segments = array(segmentsOf, 'i32', B, T)
const numbers = (e: Expr): readonly number[] => [...evaluateOne(e)]

type Vector = readonly number[]
const dot = (a: Vector, b: Vector): number => a.reduce((s, x, i) => s + x * b[i]!, 0)
const softmax = (x: Vector): Vector => {
  const total = x.reduce((s, v) => s + Math.exp(v), 0)
  return x.map((v) => Math.exp(v) / total)
}
const sigma = (x: number): number => 1 / (1 + Math.exp(-x))

/** The posteriors of all turns of one row, number by number. */
const byHand = (p: SanParams, turns: number, row: number): readonly Vector[] => {
  const of = new Map(leavesOf<Expr>(p as ExprTree).map(([path, e]) => [path, numbers(e)]))
  const line = (name: string, x: Vector): Vector => {
    const [w, b] = [of.get(`${name}/weight`)!, of.get(`${name}/bias`)!]
    return b.map((bj, j) => bj + x.reduce((s, xi, i) => s + xi * w[i * b.length + j]!, 0))
  }
  const h = numbers(hidden)
  const tokens = (segment: number): readonly Vector[] =>
    Array.from({ length: T }, (_, t) => t)
      .filter((t) => segmentsOf[row * T + t] === segment)
      .map((t) => h.slice((row * T + t) * D, (row * T + t + 1) * D))
  const weighed = (shares: Vector, of_: readonly Vector[]): Vector =>
    Array.from({ length: D }, (_, d) => of_.reduce((s, v, j) => s + shares[j]! * v[d]!, 0))
  const [first, second] = [tokens(1), tokens(2)]
  let s = weighed(softmax(second.map((m) => dot(of.get('summary/weight')!, m))), second)
  return Array.from({ length: turns }, () => {
    const query = line('attention', s)
    const x = weighed(softmax(first.map((m) => dot(query, m))), first)
    const [a, b] = [line('gru/input', x), line('gru/state', s)]
    s = s.map((sd, d) => {
      const [r, z] = [sigma(a[d]! + b[d]!), sigma(a[D + d]! + b[D + d]!)]
      const n = Math.tanh(a[2 * D + d]! + r * b[2 * D + d]!)
      return (1 - z) * n + z * sd
    })
    return softmax(line('out', [...s, ...x, ...s.map((v, d) => Math.abs(v - x[d]!)), ...s.map((v, d) => v * x[d]!)]))
  })
}
const meanOf = (votes: readonly Vector[]): Vector =>
  votes[0]!.map((_, c) => votes.reduce((s, v) => s + v[c]! / votes.length, 0))

const streams = (ids: readonly number[]) => ({
  lo: array(ids, 'i32', ids.length),
  hi: array(Array<number>(ids.length).fill(0), 'i32', ids.length),
})
const without: SanForm = { turns: 4, turnDropout: 0 }

describe('models/tasks: SAN', (test) => {
  for (const turns of [1, 2, 5])
    test(`the log of the mean of ${turns} turns' posteriors, as loops over numbers have it`, () => {
      const got = sanLogPosterior({ turns, turnDropout: 0 }, params, hidden, segments, null)
      assert.equal(got.aval.shape, [B, C])
      const want = [0, 1].flatMap((b) => meanOf(byHand(params, turns, b)).map(Math.log))
      assertClose(numbers(got), want, { tolerance: 1e-12 })
    })

  test('posteriors add up to one, with and without dropped turns; far logits stay finite', () => {
    const far = { ...params, out: { weight: ops.mul(params.out.weight, ops.literal({ value: 1e4, shape: [4 * D, C], dtype: 'f32' })), bias: params.out.bias } } // prettier-ignore
    const d = { rate: 0.3, key: withStream(keyOf(1), streams([0, 1])) }
    for (const p of [params, far])
      for (const drop of [null, d]) {
        const logs = numbers(sanLogPosterior(sanForm, p, hidden, segments, drop))
        assert.ok(logs.every(Number.isFinite), logs.join())
        for (const b of [0, 1])
          assertClose([logs.slice(b * C, (b + 1) * C).reduce((s, x) => s + Math.exp(x), 0)], [1], { tolerance: 1e-9 })
      }
  })

  test('what is neither text has no influence and no gradient', () => {
    const logits = (x: Expr): Expr => sanLogPosterior(without, params, x, segments, null)
    const weights = drawn(99, [B, C])
    const g = evaluateOne(grad((x: Expr) => ops.reduceSum({ axes: [0, 1] }, ops.mul(logits(x), weights)))(hidden))
    segmentsOf.forEach((segment, place) => {
      const isStill = g.slice(place * D, (place + 1) * D).every((v) => v === 0)
      assert.is(isStill, segment === 0, `place ${place}`)
    })
  })

  test('while training a mean over those turns that a draw leaves, one at least, each row by its example', () => {
    const form: SanForm = { turns: 3, turnDropout: 0.5 }
    const d = (ids: readonly number[]) => ({ rate: 0, key: withStream(keyOf(11), streams(ids)) })
    const n = 256
    const repeated = (e: Expr): Expr => ops.repeat({ axes: [0], sizes: [n] }, ops.reshape({ shape: e.aval.shape.slice(1) }, ops.slice({ start: e.aval.shape.map(() => 0), size: [1, ...e.aval.shape.slice(1)] }, e))) // prettier-ignore
    const ids = Array.from({ length: n }, (_, i) => i)
    const drawnRows = numbers(sanLogPosterior(form, params, repeated(hidden), repeated(segments), d(ids)))
    const votes = byHand(params, 3, 0)
    const subsets = [1, 2, 3, 4, 5, 6, 7].map((bits) => meanOf(votes.filter((_, k) => ((bits >> k) & 1) === 1)))
    const seen = new Map<number, number>()
    for (const i of ids) {
      const row = drawnRows.slice(i * C, (i + 1) * C).map(Math.exp)
      const which = subsets.findIndex((s) => s.every((v, c) => Math.abs(v - row[c]!) < 1e-9))
      assert.ok(which >= 0, `row ${i} is a mean of turns: ${row.join()}`)
      seen.set(which, (seen.get(which) ?? 0) + 1)
    }
    // One turn is kept for certain, each other one with probability 1/2: two of them a mean of 2 turns out of 3.
    assert.is(seen.size, 7)
    const kept = [...seen].reduce((s, [which, times]) => s + times * [1, 2, 3].filter((k) => (((which + 1) >> (k - 1)) & 1) === 1).length, 0) / n // prettier-ignore
    assert.ok(Math.abs(kept - 2) < 0.15, `${kept} turns a row`)
    const alone = numbers(sanLogPosterior(form, params, ops.slice({ start: [0, 0, 0], size: [1, T, D] }, hidden), ops.slice({ start: [0, 0], size: [1, T] }, segments), d([17]))) // prettier-ignore
    assert.equal(alone, drawnRows.slice(17 * C, 18 * C))
  })

  test('gradient laws with respect to all parameters and states', () => {
    checkGradients(
      (...args) => sanLogPosterior(without, asHead(specs, args.slice(0, -1)), args.at(-1)!, segments, null),
      { ...headInputs(specs), hidden: { shape: [B, T, D] } },
      // |s - x| has a kink where both are equal, as they are where all numbers are 0: finite differences are below, off it.
      { seed: 4, numRuns: 15, laws: ['duality', 'linearity', 'remat'] },
    )
    const leaves = [...exprLeaves(params), hidden]
    const value = (xs: readonly Expr[]): Expr =>
      ops.reduceSum({ axes: [0, 1] }, ops.mul(sanLogPosterior(without, asHead(specs, xs.slice(0, -1)), xs.at(-1)!, segments, null), drawn(5, [B, C]))) // prettier-ignore
    const tree = Object.fromEntries(leaves.map((e, i) => [`x${i}`, e]))
    const ofTree = (t: { readonly [name: string]: Expr }): Expr => value(leaves.map((_, i) => t[`x${i}`]!))
    const grads = grad(ofTree)(tree)
    leaves.forEach((e, i) => {
      const direction = drawn(70 + i, e.aval.shape, 1)
      const moved = (step: number): number => {
        const along = ops.mul(direction, ops.literal({ value: step, shape: e.aval.shape, dtype: 'f32' }))
        return evaluateOne(ofTree({ ...tree, [`x${i}`]: ops.add(e, along) }))[0]!
      }
      const [g, t] = evaluate([grads[`x${i}`]!, direction])
      assertClose([dotOf(g!, t!)], [(moved(1e-5) - moved(-1e-5)) / 2e-5], { tolerance: 1e-8, label: `leaf ${i}` })
    })
  })

  test('segments that are not one a token, and no turns at all, are refused', () => {
    const row = array([0, 1, 1, 2, 2, 0], 'i32', 1, T)
    assert.throws(() => sanLogPosterior(without, params, hidden, row, null), says('sanLogPosterior: expected segments i32[2,6], one a token, got i32[1,6] and f32[2,6,3]')) // prettier-ignore
    const none = { turns: 0, turnDropout: 0 }
    assert.throws(() => sanLogPosterior(none, params, hidden, segments, null), says('sanLogPosterior: expected a whole number of turns, 1 or more, got 0')) // prettier-ignore
  })
})

const dotOf = (a: Float64Array, b: Float64Array): number => a.reduce((s, x, i) => s + x * b[i]!, 0)
