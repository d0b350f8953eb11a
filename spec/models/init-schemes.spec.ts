import * as assert from 'uvu/assert'
import { evaluateOne } from '../../core'
import { initNames, initParameters, pairConfig, type InitScheme, type PairConfig } from '../../models'
import { tNlrV5 } from '../../training'
import { describe } from '../harness'
import { asInputs, drawPair, hostBatch, pair, runKey } from '../training/objectives/specimens'

const layers = 4
const deviation = (x: ArrayLike<number>): number => Math.sqrt(Array.from(x).reduce((s, v) => s + v * v, 0) / x.length)

/** Weights of the main model's layers under a scheme, with an initStd of 1. */
const weightsOf = (init: InitScheme): ((layer: number, name: string) => Float32Array) => {
  const first = initParameters({ ...pairConfig('tiny', 30, 8), mainLayers: layers, init, initStd: 1 }, 5)
  return (layer, name) => first.get(`main/layers/layer0${layer}/${name}/weight`)!
}

/** Deviations of queries and keys, of values, of attention's way out, of the way into the feed-forward layer and out of it. */
const deviations = (init: InitScheme, layer: number): readonly number[] => {
  const at = weightsOf(init)
  const qkv = at(layer, 'attention/qkv') // [128, 3 * 128]
  const columns = (from: number, to: number): Float32Array => qkv.filter((_, i) => i % 384 >= from && i % 384 < to)
  const rest = ['attention/out', 'ffn/in', 'ffn/out'].map((name) => at(layer, name))
  return [columns(0, 256), columns(256, 384), ...rest].map(deviation)
}

describe('models: how weights start', (test) => {
  const less = (2 * layers) ** -0.5
  const beta = (8 * layers) ** -0.25
  for (const [init, want] of [
    ['normal', () => [1, 1, 1, 1, 1]],
    ['megatron', () => [1, 1, less, 1, less]],
    ['depth', (layer: number) => [1, 1, 1, 1, 1].map(() => (2 * (layer + 1)) ** -0.5)],
    ['deepnorm', () => [1, beta, beta, beta, beta]],
  ] as const)
    test(`${init}: the deviations of the first and the last layer`, () => {
      for (const layer of [0, layers - 1])
        deviations(init, layer).forEach((x, i) =>
          assert.ok(Math.abs(x / want(layer)[i]! - 1) < 0.03, `layer ${layer}, ${i}: ${x}, not ${want(layer)[i]}`),
        )
    })

  test('deepnorm multiplies the stream before each norm; no other scheme changes what is computed', () => {
    const batch = asInputs(hostBatch(0, 2))
    const lossOf = (config: PairConfig): number =>
      evaluateOne(tNlrV5(config)(drawPair(config, 1), batch, runKey).loss)[0]!
    const even = { ...pair, dropout: 0, attentionDropout: 0 }
    for (const init of initNames) assert.is(lossOf({ ...even, init }) === lossOf(even), init !== 'deepnorm', init)
  })

  test('a scheme scales what seed and path have drawn', () => {
    const [a, b] = [weightsOf('normal')(2, 'ffn/out'), weightsOf('megatron')(2, 'ffn/out')]
    a.forEach((x, i) => assert.ok(Math.abs(b[i]! - x * less) <= 1e-6 * Math.abs(x)))
  })
})
