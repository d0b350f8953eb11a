import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { div, evaluateOne, mul, ops, sqrt, sum, type Expr } from '../../../core'
import { contrastHead } from '../../../models'
import {
  batchKey,
  cocoLm,
  contrastLoss,
  contrastWeight,
  cropped,
  cropVectors,
  type PretrainInputs,
} from '../../../training/objectives'
import { describe } from '../../harness'
import { assertClose, checkGradients } from '../../kit'
import { asInputs, drawPair, hostBatch, pair, runKey } from './specimens'

const rows = (data: readonly (readonly number[])[]): Expr =>
  ops.constantArray({ data: data.flat(), shape: [data.length, data[0]!.length], dtype: 'f32' })

/** A batch of which only the counts are read: B rows of T tokens here, of `all` in the whole batch. */
const counted = (B: number, T: number, all: number): PretrainInputs => ({
  ...asInputs(hostBatch(0, 1)),
  tokens: ops.literal({ value: 0, shape: [B, T], dtype: 'i32' }),
  tokenCount: ops.literal({ value: all * T, shape: [], dtype: 'f32' }),
})

const unit = fc.integer({ min: 0, max: 15 }).map((k) => [Math.cos((k * Math.PI) / 8), Math.sin((k * Math.PI) / 8)])

/** Every view by itself: ½ Σ -ln(e^{z·z⁺} / Σ_{others} e^{z·z'}) / rows. */
const byHand = (a: readonly (readonly number[])[], b: readonly (readonly number[])[], all: number): number => {
  const z = [...a, ...b]
  const dot = (i: number, j: number): number => z[i]!.reduce((s, x, d) => s + x * z[j]![d]!, 0)
  return z.reduce((total, _, i) => {
    const other = (i + a.length) % z.length
    const sumOfOthers = z.reduce((s, _v, j) => s + (j === i ? 0 : Math.exp(dot(i, j))), 0)
    return total + (0.5 * -Math.log(Math.exp(dot(i, other)) / sumOfOthers)) / all
  }, 0)
}

describe('training/objectives/contrast', (test) => {
  test('contrastLoss: each view finds the other one of its text among the 2B - 1 that are not itself', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }).chain((B) => {
          const views = fc.array(unit, { minLength: B, maxLength: B })
          return fc.record({ a: views, b: views, more: fc.nat(5) })
        }),
        ({ a, b, more }) => {
          const all = a.length + more
          const got = evaluateOne(contrastLoss(rows(a), rows(b), counted(a.length, 6, all)))
          assertClose(got, [byHand(a, b, all)], { tolerance: 1e-11 })
        },
      ),
      { seed: 5, numRuns: 200 },
    ))

  test('two texts at right angles, views alike: ln((e + 2) / e) a row', () => {
    const z = [
      [1, 0],
      [0, 1],
    ]
    const got = evaluateOne(contrastLoss(rows(z), rows(z), counted(2, 6, 2)))
    assertClose(got, [Math.log((Math.E + 2) / Math.E)], { tolerance: 1e-12 })
    const turned = evaluateOne(contrastLoss(rows(z), rows([...z].reverse()), counted(2, 6, 2)))
    assert.ok(turned[0]! > got[0]!, 'control: views that are mixed up cost more')
  })

  test('one row alone has nothing to be told from: 0', () =>
    assertClose(evaluateOne(contrastLoss(rows([[1, 0]]), rows([[0, 1]]), counted(1, 6, 4))), [0]))

  test('gradient laws hold through the length of vectors', () => {
    const normal = (x: Expr): Expr => div(x, sqrt(sum(mul(x, x), -1, true)))
    const away = { shape: ['B', 2] } as const
    checkGradients(
      (a, b) => {
        const [x, y] = [a, b].map((v, i) => normal(addOffset(v, i + 5)))
        return contrastLoss(x!, y!, counted(a.aval.shape[0]!, 3, 4))
      },
      { a: away, b: away },
      { seed: 11, numRuns: 12, sizes: { B: { min: 1, max: 3 } }, laws: ['finiteDifferences', 'duality', 'linearity', 'secondOrder', 'remat'] }, // prettier-ignore
    )
  })

  test('a crop is [CLS] and one span of 90 % of the row; it belongs to its example, and all places come', () => {
    const host = hostBatch(3, 8)
    const batch = asInputs(host)
    const at = (h: typeof host): readonly (readonly number[])[] => {
      const inputs = asInputs(h)
      const ids = [...evaluateOne(cropped(inputs, batchKey(runKey, inputs)).ids)]
      const width = ids.length / (h.tokens.length / 12)
      return Array.from({ length: ids.length / width }, (_, b) => ids.slice(b * width, (b + 1) * width))
    }
    const crops = at(host)
    const starts = crops.map((crop, b) => {
      const row = [...host.tokens.subarray(b * 12, (b + 1) * 12)]
      assert.is(crop.length, 1 + 10) // round(0.9 · 11)
      assert.is(crop[0], row[0])
      const start = [1, 2].find((s) => row.slice(s, s + 10).join() === crop.slice(1).join())
      assert.ok(start !== undefined, `${crop.join()} of ${row.join()}`)
      return start
    })
    assert.equal([...new Set(starts)].sort(), [1, 2])
    assert.equal([...at(hostBatch(3, 8, [0, 3])), ...at(hostBatch(3, 8, [3, 8]))], crops)
    assert.equal(batch.tokens.aval.shape, [8, 12])
  })

  test('vectors have length 1; the term is the loss of corrupted texts against crops, with its weight in the loss', () => {
    const params = drawPair({ ...pair, dropout: 0, attentionDropout: 0 }, 3, [contrastHead])
    const batch = asInputs(hostBatch(2, 4))
    const vectors = evaluateOne(cropVectors(pair, params, batch, batchKey(runKey, batch)))
    for (let b = 0; b < 4; b += 1)
      assertClose([vectors.subarray(b * 8, b * 8 + 8).reduce((s, x) => s + x * x, 0)], [1], { tolerance: 1e-9 })
    const { loss, metrics } = cocoLm(pair)(params, batch, runKey)
    const [whole, mlm, clm, rtd, scl] = [loss, metrics['mlm']!, metrics['clm']!, metrics['rtd']!, metrics['scl']!].map(
      (e) => evaluateOne(e)[0]!,
    )
    assert.ok(scl! > 0)
    assertClose([whole!], [mlm! + clm! + 50 * rtd! + contrastWeight * scl!], { tolerance: 1e-12 })
  })
})

/** Away from the vector 0, which has no direction. */
const addOffset = (x: Expr, offset: number): Expr => ops.add(x, ops.literal({ value: offset, shape: x.aval.shape, dtype: 'f32' })) // prettier-ignore
