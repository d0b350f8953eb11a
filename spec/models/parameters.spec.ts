import * as assert from 'uvu/assert'
import { leavesOf, sizeOf } from '../../core'
import {
  countParameters,
  pairConfig,
  parameterAvals,
  parameterSpecs,
  presetNames,
  type PairConfig,
  type ParameterSpec,
} from '../../models'
import { describe } from '../harness'

/** The vocabulary of T-NLRv5 and the longest text of the recipe's count. */
const [vocab, maxLength] = [128_000, 512]

/** Layers and widths by recipe 1.2 and 1.3; of `xxl` the published figure is 5.4B, its shape is one of the candidates. */
const sizes = {
  base: { layers: 12, hidden: 768, aux: 4, millions: 184 },
  large: { layers: 24, hidden: 1024, aux: 6, millions: 434 },
  xl: { layers: 48, hidden: 1536, aux: 8, millions: 1557 },
} as const

/** 12H² + 13H a layer: attention 4H² + 4H, feed-forward 8H² + 5H, two norms 4H (recipe 1.2). */
const perLayer = (H: number): number => 12 * H * H + 13 * H

/** Encoder as in recipe 1.2: layers, positions, embedding norm; and our table of relative positions. */
const encoderSize = (c: PairConfig, layers: number): number =>
  layers * perLayer(c.hidden) + c.maxLength * c.hidden + 2 * c.hidden + c.buckets * c.heads

describe('models/parameters', (test) => {
  test("a layer's parts by the recipe's figures: 7,087,872 of base, 12,596,224 of large", () => {
    assert.is(perLayer(768), 7_087_872)
    assert.is(perLayer(1024), 12_596_224)
    for (const name of ['base', 'large'] as const) {
      const layer = leavesOf<ParameterSpec>(parameterSpecs(pairConfig(name, vocab, maxLength)))
        .filter(([path]) => path.startsWith('main/layers/layer00/'))
        .reduce((n, [, { aval }]) => n + sizeOf(aval.shape), 0)
      assert.is(layer, perLayer(sizes[name].hidden))
    }
  })

  for (const [name, { layers, hidden, aux, millions }] of Object.entries(sizes))
    test(`${name}: ${millions}M in the main model with a vocabulary of 128000`, () => {
      const c = pairConfig(name as keyof typeof sizes, vocab, maxLength)
      assert.equal(
        [c.mainLayers, c.hidden, c.auxLayers, c.ffn, c.hidden / c.heads],
        [layers, hidden, aux, 4 * hidden, 64],
      )
      const { main } = countParameters(c)
      assert.is(Math.round(main / 1e6), millions)
      const heads = vocab + (hidden + 1) // the language head's bias; detection
      assert.is(main, vocab * hidden + encoderSize(c, layers) + heads)
    })

  test('xxl: 5.4B in its layers', () => {
    const c = pairConfig('xxl', vocab, maxLength)
    assert.is((c.mainLayers * perLayer(c.hidden)) / 1e9 > 5.4, true)
    const encoder = countParameters(c).parts.find((p) => p.part === 'main/layers')!.parameters
    assert.is(encoder, c.mainLayers * perLayer(c.hidden))
    assert.is((encoder / 1e9).toFixed(1), '5.4')
  })

  for (const name of presetNames)
    test(`${name}: the parts add up to the total, which is main, auxiliary and its head; the table is counted once`, () => {
      const c = pairConfig(name, 1000, 64)
      const { parts, main, total } = countParameters(c)
      assert.is(
        parts.reduce((n, p) => n + p.parameters, 0),
        total,
      )
      const H = c.hidden
      const mlmHead = H * H + H + 2 * H + 1000 // dense, norm, bias
      assert.is(total - main, encoderSize(c, c.auxLayers) + mlmHead)
      assert.is(parts.filter((p) => p.part === 'embedding/token').length, 1)
      const tables = leavesOf<ParameterSpec>(parameterSpecs(c)).filter(
        ([, p]) => p.aval.shape[0] === 1000 && p.aval.shape[1] === H,
      )
      assert.equal(
        tables.map(([path]) => path),
        ['embedding/token'],
      )
    })

  test('sorted order is depth order, and paths are those of checkpoints', () => {
    const c = pairConfig('large', 1000, 64)
    const paths = leavesOf(parameterAvals(c)).map(([path]) => path)
    assert.equal([...new Set(paths)], paths)
    const depths = paths.flatMap((p) => /^main\/layers\/layer(\d+)\/norm1\/bias$/.exec(p)?.[1] ?? [])
    assert.equal(
      depths.map(Number),
      Array.from({ length: 24 }, (_, i) => i),
    )
    for (const path of [
      'aux/embedding/position',
      'aux/layers/layer00/attention/qkv/weight',
      'embedding/token',
      'head/mlm/dense/weight',
      'head/rtd/bias',
      'main/relativeBias',
      'main/layers/layer23/ffn/out/bias',
    ])
      assert.ok(paths.includes(path), path)
  })
})
