import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { rocAuc, smoothedUnigram, unigramCrossEntropy, unigramEntropy, unigramScorer } from '../../training/metrics'
import { describe } from '../harness'

/** Few distinct scores, so that ties are common; ±0 and infinities among them. */
const score = fc.constantFrom(-Infinity, -1.5, -0, 0, 0.25, 1, 3, Infinity)
const scored = fc.array(fc.tuple(score, fc.constantFrom(0, 1)), { minLength: 2, maxLength: 40 })
const near = (got: number, want: number, tolerance = 1e-12) =>
  assert.ok(Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want)), `expected ${want}, got ${got}`)

describe('training/metrics', (test) => {
  test('rocAuc is the share of pairs in the right order, ties one half', () =>
    fc.assert(
      fc.property(scored, (rows) => {
        let [won, pairs] = [0, 0]
        for (const [s, a] of rows)
          for (const [r, b] of rows)
            if (a === 1 && b === 0) {
              pairs += 1
              won += s > r ? 1 : s === r ? 0.5 : 0
            }
        const got = rocAuc(rows.map(([s]) => s), rows.map(([, label]) => label)) // prettier-ignore
        if (pairs === 0) assert.is(got, undefined)
        else near(got!, won / pairs)
      }),
    ))

  test('rocAuc by hand: 0.75 (the example of scikit-learn), perfect, reversed, constant', () => {
    near(rocAuc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])!, 0.75)
    assert.is(rocAuc([1, 2, 3], [0, 0, 1]), 1)
    assert.is(rocAuc([1, 2, 3], [1, 0, 0]), 0)
    assert.is(rocAuc([7, 7, 7], [1, 0, 0]), 0.5)
  })

  test('rocAuc refuses what it cannot rank', () => {
    assert.is(rocAuc([1, 2], [1, 1]), undefined)
    assert.is(rocAuc([], []), undefined)
    assert.throws(() => rocAuc([1, NaN], [1, 0]), /got NaN at 1/)
    assert.throws(() => rocAuc([1, 2], [1, 2]), /got 2 at 1/)
    assert.throws(() => rocAuc([1, 2], [1]), /each of 2 scores, got 1/)
  })

  test('entropy of n equal counts is log n; unseen tokens add nothing', () => {
    near(unigramEntropy([5, 5, 5, 5]), Math.log(4))
    near(unigramEntropy([5, 0, 5]), Math.log(2))
    near(unigramEntropy([3, 1]), 0.5623351446188083) // 0.75 ln(4/3) + 0.25 ln 4
    assert.is(unigramEntropy([9]), 0)
    assert.is(unigramEntropy([]), 0)
  })

  test('the smoothed unigram is a distribution, and cross entropy is least (Gibbs) at the counts themselves', () => {
    const counts = fc.array(fc.nat(50), { minLength: 2, maxLength: 20 }).filter((c) => c.some((x) => x > 0))
    fc.assert(
      fc.property(counts, fc.constantFrom(0.1, 1, 3), (c, alpha) => {
        const logP = smoothedUnigram(c, alpha)
        near(logP.reduce((sum, x) => sum + Math.exp(x), 0), 1, 1e-9) // prettier-ignore
        assert.ok(unigramCrossEntropy(logP, c) >= unigramEntropy(c) - 1e-12)
        near(unigramCrossEntropy(smoothedUnigram(c, 1e-12), c), unigramEntropy(c), 1e-6)
      }),
    )
    near(unigramCrossEntropy(smoothedUnigram([2, 0]), [1, 3]), (Math.log(4 / 3) + 3 * Math.log(4)) / 4)
  })

  test('the unigram scorer gives the rarer token the higher score', () => {
    const scorer = unigramScorer(smoothedUnigram([90, 9, 0]))
    const [common, rare, unseen] = scorer([0, 1, 2])
    assert.ok(common! < rare! && rare! < unseen!)
  })
})
