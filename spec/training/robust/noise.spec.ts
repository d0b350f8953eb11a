import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluateOne, keyOf, ops, withStream, zeros, type Expr } from '../../../core'
import { noiseNorms, ofLength, ofLengthOne, withinBall, type NoiseNorm } from '../../../training/robust'
import { normalLike } from '../../../training/robust/noise'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { says } from '../../models/tasks/specimens'

const [B, T, D] = [2, 3, 4]
const array = (data: readonly number[]): Expr => ops.constantArray({ data, shape: [B, T, D], dtype: 'f32' })
const numbers = (e: Expr): readonly number[] => [...evaluateOne(e)]

const length: Readonly<Record<NoiseNorm, (v: readonly number[]) => number>> = {
  l2: (v) => Math.sqrt(v.reduce((s, x) => s + x * x, 0)),
  l1: (v) => v.reduce((s, x) => s + Math.abs(x), 0),
  linf: (v) => Math.max(...v.map(Math.abs)),
}
/** The numbers of each token, or of each sequence. */
const parts = (v: readonly number[], unit: 'tok' | 'seq'): readonly (readonly number[])[] => {
  const size = unit === 'tok' ? D : T * D
  return Array.from({ length: v.length / size }, (_, i) => v.slice(i * size, (i + 1) * size))
}
const eighths = fc.integer({ min: -16, max: 16 }).map((k) => k / 8)
const values = fc.array(eighths, { minLength: B * T * D, maxLength: B * T * D })
const ramp = Array.from({ length: B * T * D }, (_, i) => Math.sin(i + 1))

const streams = (ids: readonly number[]) =>
  withStream(keyOf(4), {
    lo: ops.constantArray({ data: ids, shape: [ids.length], dtype: 'i32' }),
    hi: ops.constantArray({ data: ids.map(() => 0), shape: [ids.length], dtype: 'i32' }),
  })

describe('training/robust/noise', (test) => {
  for (const norm of noiseNorms)
    for (const unit of ['tok', 'seq'] as const)
      test(`${norm} by ${unit}: along the given, of length one; 0 where it is 0`, () =>
        fc.assert(
          fc.property(values, (v) => {
            const want = parts(v, unit).flatMap((part) => {
              const size = length[norm](part)
              return part.map((x) => (size === 0 ? 0 : x / size))
            })
            assertClose(numbers(ofLengthOne(norm, unit, array(v))), want, { tolerance: 1e-14 })
          }),
          { seed: 6, numRuns: 60 },
        ))

  test('of a length: eps a token, eps a sequence; both: √eps a sequence and eps a token', () => {
    const v = array(ramp)
    const [tok, seq] = [numbers(ofLengthOne('l2', 'tok', v)), numbers(ofLengthOne('l2', 'seq', v))]
    assertClose(numbers(ofLength('l2', 'tok', 0.01, v)), tok.map((x) => 0.01 * x)) // prettier-ignore
    assertClose(numbers(ofLength('l2', 'seq', 0.01, v)), seq.map((x) => 0.01 * x)) // prettier-ignore
    const both = tok.map((x, i) => 0.1 * seq[i]! + 0.01 * x)
    assertClose(numbers(ofLength('l2', 'tok+seq', 0.01, v)), both, { tolerance: 1e-15 })
  })

  test('the scale of what it goes along does not matter, not even where a square would overflow or vanish', () => {
    for (const norm of noiseNorms)
      for (const scale of [1e-35, 1e-9, 1e30])
        assertClose(
          numbers(ofLengthOne(norm, 'tok', array(ramp.map((x) => scale * x)))),
          numbers(ofLengthOne(norm, 'tok', array(ramp))),
          { tolerance: 1e-12 },
        )
  })

  for (const norm of noiseNorms)
    test(`withinBall, ${norm}: what is inside stays; what is outside comes to the boundary, no nearer`, () =>
      fc.assert(
        fc.property(values, fc.constantFrom(0.25, 1, 3), (v, radius) => {
          const got = parts(numbers(withinBall(norm, radius, array(v))), 'tok')
          parts(v, 'tok').forEach((before, i) => {
            const [was, is] = [length[norm](before), length[norm](got[i]!)]
            if (was <= radius) assert.equal(got[i], before)
            else assertClose([is], [radius], { tolerance: 1e-14 })
          })
        }),
        { seed: 7, numRuns: 60 },
      ))

  test('draws belong to examples, whatever their batch is and however wide it is padded; readings of an example differ', () => {
    const rows = (ids: readonly number[], B_ = ids.length, width = T): readonly number[] =>
      numbers(normalLike(streams(ids), zeros([B_, width, D])))
    const both = rows([5, 9])
    assert.equal(rows([9]), both.slice(T * D))
    assert.equal(rows([9], 1, T + 2).slice(0, T * D), both.slice(T * D))
    const readings = rows([5, 9], 4)
    assert.equal(rows([9], 2), readings.slice(2 * T * D))
    assert.not.equal(readings.slice(0, T * D), readings.slice(T * D, 2 * T * D))
    assert.throws(() => rows([5, 9], 3), says('noise: expected rows a multiple of the 2 examples of the batch, got f32[3,3,4]')) // prettier-ignore
  })
})
