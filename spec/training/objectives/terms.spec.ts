import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluateOne, ops, type DType, type Expr } from '../../../core'
import { detectionLoss, maskedCrossEntropy, type PretrainInputs } from '../../../training/objectives'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { asInputs, hostBatch } from './specimens'

const array = (data: readonly number[], dtype: DType, ...shape: readonly number[]): Expr =>
  ops.constantArray({ data, shape, dtype })

const eighths = fc.integer({ min: -80, max: 80 }).map((k) => k / 8)

const specimen = fc
  .record({ B: fc.integer({ min: 1, max: 3 }), K: fc.integer({ min: 1, max: 4 }), V: fc.integer({ min: 2, max: 6 }) })
  .chain(({ B, K, V }) => {
    const list = <A>(n: number, a: fc.Arbitrary<A>) => fc.array(a, { minLength: n, maxLength: n })
    return fc.record({
      size: fc.constant({ B, K, V }),
      logits: list(B * K * V, eighths),
      targets: list(B * K, fc.nat(V - 1)),
      weights: list(B * K, fc.constantFrom(0, 1)),
      original: list(B * K, fc.constantFrom(0, 1)),
      more: fc.nat(20), // masked places of other micro-batches
    })
  })

const base = asInputs(hostBatch(0, 1))

describe('training/objectives/terms', (test) => {
  test('maskedCrossEntropy: sum of -ln softmax over the slots that count, by the count of the whole batch', () =>
    fc.assert(
      fc.property(specimen, ({ size: { B, K, V }, logits, targets, weights, more }) => {
        const maskCount = weights.reduce<number>((a, b) => a + b, 0) + more + 1
        const batch: PretrainInputs = {
          ...base,
          targets: array(targets, 'i32', B, K),
          weights: array(weights, 'f32', B, K),
          maskCount: array([maskCount], 'f32'),
        }
        let want = 0
        weights.forEach((w, slot) => {
          const row = logits.slice(slot * V, (slot + 1) * V)
          const p = Math.exp(row[targets[slot]!]!) / row.reduce((s, z) => s + Math.exp(z), 0)
          want += (w * -Math.log(p)) / maskCount
        })
        const got = evaluateOne(maskedCrossEntropy(array(logits, 'f32', B * K, V), batch))
        assertClose(got, [want], { tolerance: 1e-11 })
      }),
      { seed: 3, numRuns: 200 },
    ))

  test('detectionLoss: -ln σ(x) at originals, -ln (1 - σ(x)) elsewhere, by the count of all tokens', () =>
    fc.assert(
      fc.property(specimen, ({ size: { B, K }, logits, original, more }) => {
        const tokenCount = B * K + more
        const x = logits.slice(0, B * K)
        const batch: PretrainInputs = { ...base, tokenCount: array([tokenCount], 'f32') }
        const want = x.reduce((s, z, i) => {
          const sigma = 1 / (1 + Math.exp(-z))
          return s - Math.log(original[i] === 1 ? sigma : 1 / (1 + Math.exp(z))) / tokenCount
        }, 0)
        const got = evaluateOne(detectionLoss(array(x, 'f32', B, K), array(original, 'bool', B, K), batch))
        assertClose(got, [want], { tolerance: 1e-11 })
      }),
      { seed: 4, numRuns: 200 },
    ))

  test('far logits cost what they are wrong by, and stay finite', () => {
    const batch: PretrainInputs = { ...base, tokenCount: array([1], 'f32') }
    const cost = (x: number, isOriginal: number): number =>
      evaluateOne(detectionLoss(array([x], 'f32', 1, 1), array([isOriginal], 'bool', 1, 1), batch))[0]!
    assert.equal([cost(-1000, 1), cost(1000, 0), cost(1000, 1), cost(-1000, 0)], [1000, 1000, 0, 0])
  })
})
