import * as assert from 'uvu/assert'
import { evaluate, evaluateOne, keyOf, leavesOf, ops, withStream, type Expr } from '../../../core'
import {
  pairConfig,
  pooledLogits,
  pooledScore,
  pooledSpecs,
  spanLogits,
  spanMeans,
  spanPairLogits,
  spanPairSpecs,
  spanSpecs,
  type LinearParams,
  type ParameterSpec,
  type TwoLayers,
} from '../../../models'
import { describe } from '../../harness'
import { assertClose, checkGradients } from '../../kit'
import { array, asHead, drawHead, drawn, headInputs, says } from './specimens'

const [B, T, D, C] = [3, 5, 4, 3]
const config = { ...pairConfig('tiny', 20, T), hidden: D, heads: 2 }
const hidden = drawn(1, [B, T, D])
const numbers = (e: Expr): readonly number[] => [...evaluateOne(e)]
const [h] = evaluate([hidden]).map((x) => [...x]) as [number[]]
const state = (b: number, t: number): readonly number[] => h.slice((b * T + t) * D, (b * T + t + 1) * D)

/** x W + b by hand. */
const line = (p: { readonly weight: Expr; readonly bias: Expr }, x: readonly number[]): readonly number[] => {
  const [w, b] = [numbers(p.weight), numbers(p.bias)]
  return b.map((bj, j) => x.reduce((s, xi, i) => s + xi * w[i * b.length + j]!, bj))
}

const key = withStream(keyOf(5), { lo: array([4, 7, 9], 'i32', B), hi: array([0, 0, 0], 'i32', B) })

describe('models/tasks: heads', (test) => {
  test('parameters start as the heads of the pair do: N(0, initStd²), biases 0', () => {
    for (const specs of [pooledSpecs(config, C), spanSpecs(config), spanPairSpecs(config, C)])
      for (const [path, { init }] of leavesOf<ParameterSpec>(specs))
        assert.equal(init, path.endsWith('bias') ? 'zeros' : { std: config.initStd })
  })

  test('pooled: out(tanh(dense [CLS])), a score is its one output', () => {
    const p = drawHead<TwoLayers>(pooledSpecs(config, C), 2)
    const want = [0, 1, 2].flatMap((b) => line(p.out, line(p.dense, state(b, 0)).map(Math.tanh)))
    const logits = pooledLogits(p, hidden, null)
    assert.equal(logits.aval.shape, [B, C])
    assertClose(numbers(logits), want, { tolerance: 1e-12 })
    const one = drawHead<TwoLayers>(pooledSpecs(config, 1), 3)
    const score = pooledScore(one, hidden, null)
    assert.equal(score.aval.shape, [B])
    assertClose(
      numbers(score),
      [0, 1, 2].map((b) => line(one.out, line(one.dense, state(b, 0)).map(Math.tanh))[0]!),
      { tolerance: 1e-12 },
    )
    assert.throws(() => pooledScore(p, hidden, null), /reshape/, 'three outputs are no score')
  })

  test('span: one logit a token for each end; none at padding', () => {
    const p = drawHead<LinearParams>(spanSpecs(config), 4)
    const isToken = array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0], 'bool', B, T)
    const want = Array.from({ length: B * T }, (_, i) => line(p, h.slice(i * D, (i + 1) * D)))
    const free = spanLogits(p, hidden, null)
    assert.equal(free.aval.shape, [B, T, 2])
    assertClose(numbers(free), want.flat(), { tolerance: 1e-12 })
    const kept = numbers(isToken)
    assertClose(
      numbers(spanLogits(p, hidden, null, isToken)),
      want.flatMap((pair, i) => (kept[i] === 1 ? pair : [-1e9, -1e9])),
      { tolerance: 1e-12 },
    )
    const row = array([1, 1, 1, 0, 0], 'bool', 1, T)
    assert.throws(() => spanLogits(p, hidden, null, row), says('spanLogits: expected isToken bool[3,5], one a token, got bool[1,5] and f32[3,5,4]')) // prettier-ignore
  })

  test('span pair: [CLS] beside the means of both spans; an empty one is 0', () => {
    const p = drawHead<TwoLayers>(spanPairSpecs(config, 2), 5)
    const spans = [1, 3, 4, 5, 2, 2, 0, 5, 1, 2, 1, 2]
    const mean = (b: number, from: number, to: number): readonly number[] =>
      Array.from({ length: D }, (_, d) => {
        let total = 0
        for (let t = from; t < to; t++) total += state(b, t)[d]!
        return to > from ? total / (to - from) : 0
      })
    const meansOf = (b: number): readonly (readonly number[])[] =>
      [0, 2].map((k) => mean(b, spans[4 * b + k]!, spans[4 * b + k + 1]!))
    const at = array(spans, 'i32', B, 4)
    for (const i of [0, 1])
      assertClose(
        numbers(spanMeans(hidden, at, i)),
        [0, 1, 2].flatMap((b) => meansOf(b)[i]!),
        { tolerance: 1e-12 },
      )
    const want = [0, 1, 2].flatMap((b) =>
      line(p.out, line(p.dense, [...state(b, 0), ...meansOf(b).flat()]).map(Math.tanh)),
    )
    assertClose(numbers(spanPairLogits(p, hidden, at, null)), want, { tolerance: 1e-12 })
    const two = array([1, 2, 0, 1, 0, 1], 'i32', B, 2)
    assert.throws(() => spanPairLogits(p, hidden, two, null), says('spanPairLogits: expected spans i32[3,4]: from, to, from, to, got i32[3,2] and f32[3,5,4]')) // prettier-ignore
  })

  test('gradient laws', () => {
    const spans = array([1, 3, 3, 5, 0, 1, 2, 2], 'i32', 2, 4)
    const heads = {
      pooled: [pooledSpecs(config, C), (p: readonly Expr[], x: Expr) => pooledLogits(asHead(pooledSpecs(config, C), p), x, null)], // prettier-ignore
      span: [spanSpecs(config), (p: readonly Expr[], x: Expr) => spanLogits(asHead(spanSpecs(config), p), x, null)],
      spanPair: [spanPairSpecs(config, C), (p: readonly Expr[], x: Expr) => spanPairLogits(asHead(spanPairSpecs(config, C), p), x, spans, null)], // prettier-ignore
    } as const
    for (const [name, [specs, f]] of Object.entries(heads))
      checkGradients(
        (...args) => f(args.slice(0, -1), args.at(-1)!),
        { ...headInputs(specs), hidden: { shape: [2, T, D] } },
        { name, seed: 3, numRuns: 10, laws: ['finiteDifferences', 'duality', 'linearity', 'secondOrder', 'remat'] },
      )
  })

  test('dropout acts before both layers, belongs to the example, and is on average nothing', () => {
    const p = drawHead<TwoLayers>(pooledSpecs(config, C), 6)
    const d = { rate: 0.4, key }
    const dropped = numbers(pooledLogits(p, hidden, d))
    assert.not.equal(dropped, numbers(pooledLogits(p, hidden, null)))
    const one = withStream(keyOf(5), { lo: array([9], 'i32', 1), hi: array([0], 'i32', 1) })
    const last = pooledLogits(p, ops.slice({ start: [2, 0, 0], size: [1, T, D] }, hidden), { rate: 0.4, key: one })
    assert.equal(numbers(last), dropped.slice(2 * C))
    const spanOf = drawHead<LinearParams>(spanSpecs(config), 7)
    const n = 4000
    const many = withStream(keyOf(6), { lo: array(Array.from({ length: n }, (_, i) => i), 'i32', n), hi: array(Array(n).fill(0), 'i32', n) }) // prettier-ignore
    const same = ops.repeat({ axes: [0], sizes: [n] }, ops.slice({ start: [0, 0], size: [T, D] }, ops.reshape({ shape: [B * T, D] }, hidden))) // prettier-ignore
    const all = numbers(spanLogits(spanOf, same, { rate: 0.4, key: many }))
    const means = Array.from({ length: 2 * T }, (_, j) => all.filter((_x, i) => i % (2 * T) === j).reduce((a, x) => a + x / n, 0)) // prettier-ignore
    assertClose(means, numbers(spanLogits(spanOf, hidden, null)).slice(0, 2 * T), { tolerance: 0.06 })
  })
})
