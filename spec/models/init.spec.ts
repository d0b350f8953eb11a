import * as assert from 'uvu/assert'
import { leavesOf, sizeOf } from '../../core'
import {
  bucketsOf,
  initParameters,
  localBias,
  pairConfig,
  parameterSpecs,
  relativeBucket,
  type ParameterSpec,
} from '../../models'
import { describe } from '../harness'

const config = pairConfig('tiny', 3000, 64)
const specs = new Map(leavesOf<ParameterSpec>(parameterSpecs(config)))
const first = initParameters(config, 7)
const favoured = localBias(bucketsOf(config)!, config.heads, config.locality)

const mean = (x: ArrayLike<number>, f: (v: number) => number): number =>
  Array.from(x).reduce((s, v) => s + f(v), 0) / x.length

/** Of two samples with mean 0. */
const correlation = (x: Float32Array, y: Float32Array): number => {
  const product = x.reduce((s, v, i) => s + v * y[i]!, 0) / x.length
  return product / Math.sqrt(mean(x, (v) => v * v) * mean(y, (v) => v * v))
}

describe('models/init', (test) => {
  test('every parameter has its numbers, in f32 and finite', () => {
    assert.equal([...first.keys()].sort(), [...specs.keys()].sort())
    for (const [path, data] of first) {
      assert.is(data.length, sizeOf(specs.get(path)!.aval.shape), path)
      assert.ok(data.every(Number.isFinite), path)
    }
  })

  test('norm weights are 1, biases 0 (recipe 1.10)', () => {
    for (const [path, data] of first) {
      const want = path.endsWith('/bias') ? 0 : /norm\d?\/weight$/.test(path) ? 1 : null
      if (want !== null)
        assert.ok(
          data.every((x) => x === want),
          path,
        )
      else assert.ok(typeof specs.get(path)!.init === 'object' && new Set(data).size > 0.99 * data.length, path)
    }
  })

  // A normal sample's mean has deviation σ/√n, its variance 2σ⁴/n, its fourth moment (about 3σ⁴) 96σ⁸/n.
  test('weights are N(0, initStd²), the relative bias around where it starts: moments within five deviations, tails included', () => {
    for (const [path, data] of first) {
      if (typeof specs.get(path)!.init !== 'object') continue
      const n = data.length
      const mean0 = path.endsWith('relativeBias') ? favoured : undefined
      const z = Float64Array.from(data, (x, i) => (x - (mean0?.[i] ?? 0)) / config.initStd)
      assert.ok(Math.abs(mean(z, (v) => v)) < 5 / Math.sqrt(n), `${path}: mean`)
      assert.ok(Math.abs(mean(z, (v) => v * v) - 1) < 5 * Math.sqrt(2 / n), `${path}: variance`)
      assert.ok(Math.abs(mean(z, (v) => v ** 3)) < 5 * Math.sqrt(15 / n), `${path}: third moment`)
      assert.ok(Math.abs(mean(z, (v) => v ** 4) - 3) < 5 * Math.sqrt(96 / n), `${path}: fourth moment`)
    }
    const table = first.get('embedding/token')!
    const far = table.filter((x) => Math.abs(x) > 3 * config.initStd).length
    const expected = 0.0026998 * table.length // outside three deviations
    assert.ok(
      Math.abs(far - expected) < 5 * Math.sqrt(expected),
      `${far} beyond three deviations, expected ${expected}`,
    )
  })

  test('initStd scales weights and tables, and nothing else', () => {
    const even = { ...config, locality: 0 }
    const before = initParameters(even, 7)
    for (const [path, data] of initParameters({ ...even, initStd: 2 * config.initStd }, 7)) {
      const factor = typeof specs.get(path)!.init === 'object' ? 2 : 1
      data.forEach((x, i) => assert.ok(Math.abs(x - factor * before.get(path)![i]!) <= 1e-6 * Math.abs(x), path))
    }
  })

  test('locality: head h begins by looking at its neighbour, -1, 1, -2, 2, and falls off from there', () => {
    const { buckets, heads } = config
    const bias = localBias(bucketsOf(config)!, heads, 0.5)
    const at = (distance: number, head: number): number =>
      bias[relativeBucket(distance, buckets, config.maxDistance) * heads + head]!
    for (const [head, neighbour] of [-1, 1, -2, 2].entries()) {
      assert.is(at(neighbour, head), 0)
      for (let far = 1; far <= 5; far++)
        for (const side of [-far, far]) assert.is(at(neighbour + side, head), -0.5 * far)
      assert.is(at(-neighbour * 60, head), -4)
    }
    assert.ok(localBias(bucketsOf(config)!, heads, 0).every((x) => x === 0))
  })

  test('a function of seed and path: the same again, another for another seed, unmoved by other sizes', () => {
    assert.equal(initParameters(pairConfig('tiny', 50, 8), 3), initParameters(pairConfig('tiny', 50, 8), 3))
    const deeper = initParameters({ ...config, mainLayers: 1, auxLayers: 3, vocab: 40 }, 7)
    const path = 'main/layers/layer00/ffn/in/weight'
    assert.equal(deeper.get(path), first.get(path))
  })

  test('different paths, layers and seeds are not correlated; nor are neighbours', () => {
    const at = (path: string, seed = 7): Float32Array => initParameters({ ...config, mainLayers: 2 }, seed).get(path)!
    const x = at('main/layers/layer00/ffn/in/weight')
    const others: readonly (readonly [string, Float32Array])[] = [
      ['next layer', at('main/layers/layer01/ffn/in/weight')],
      ['auxiliary', at('aux/layers/layer00/ffn/in/weight')],
      ['next seed', at('main/layers/layer00/ffn/in/weight', 8)],
      ['next number', Float32Array.from({ length: x.length }, (_, i) => x[(i + 1) % x.length]!)],
      ['the one after', Float32Array.from({ length: x.length }, (_, i) => x[(i + 2) % x.length]!)],
    ]
    for (const [name, y] of others) assert.ok(Math.abs(correlation(x, y)) < 5 / Math.sqrt(x.length), name)
    assert.ok(Math.abs(correlation(x, x) - 1) < 1e-9, 'control: itself')
  })
})
