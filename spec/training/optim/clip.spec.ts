import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluateOne, mapExprs, mul, tensor, type ExprTree } from '../../../core'
import { clipByGlobalNorm, globalNorm } from '../../../training/optim'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { numbersOf, problems } from './roll-out'

const clipped = (gradient: ExprTree, maxNorm: number): readonly number[] =>
  numbersOf(clipByGlobalNorm(maxNorm).update(gradient, {}, gradient).updates)

const normOf = (x: readonly number[]): number => Math.sqrt(x.reduce((s, v) => s + v * v, 0))

const cases = fc.tuple(problems(1), fc.integer({ min: 1, max: 200 }))
const check = (body: (gradient: ExprTree, maxNorm: number) => void): void =>
  fc.assert(
    fc.property(cases, ([p, k]) => body(p.gradients[0]!, k / 8)),
    { seed: 9, numRuns: 150 },
  )

describe('training/optim/clip', (test) => {
  test('globalNorm is the norm of all leaves together', () =>
    check((g) => assertClose(evaluateOne(globalNorm(g)), [normOf(numbersOf(g))], { tolerance: 1e-13 })))

  test('a norm within the bound is left alone, to the bit; one beyond it becomes the bound, to fairseq’s 1e-6', () =>
    check((g, maxNorm) => {
      const before = numbersOf(g)
      const [was, is] = [normOf(before), normOf(clipped(g, maxNorm))]
      if (was <= maxNorm - 1e-6) assertClose(clipped(g, maxNorm), before)
      else {
        assert.ok(is <= maxNorm, `norm ${is} is at most ${maxNorm}`)
        assertClose([is], [(maxNorm * was) / (was + 1e-6)], { tolerance: 1e-13 })
      }
    }))

  test('the direction is kept: one factor in (0, 1] for all leaves', () =>
    check((g, maxNorm) => {
      const before = numbersOf(g)
      const after = clipped(g, maxNorm)
      const at = before.findIndex((x) => x !== 0)
      if (at < 0) return assert.ok(after.every((x) => x === 0))
      const factor = after[at]! / before[at]!
      assert.ok(factor > 0 && factor <= 1, `factor ${factor}`)
      return assertClose(
        after,
        before.map((x) => x * factor),
        { tolerance: 1e-13 },
      )
    }))

  test('clipping again changes little, and a larger gradient of the same direction ends in the same place', () =>
    check((g, maxNorm) => {
      const once = clipByGlobalNorm(maxNorm).update(g, {}, g).updates
      assertClose(clipped(once, maxNorm), numbersOf(once), { tolerance: 1e-5 })
      if (normOf(numbersOf(g)) <= maxNorm) return
      assertClose(
        clipped(
          mapExprs(g, (e) => mul(e, 64)),
          maxNorm,
        ),
        numbersOf(once),
        { tolerance: 2e-5 },
      )
    }))

  test('by hand: (3, 4) and 12 have norm 13; clipped at 6.5 they are halved', () => {
    const g = { a: tensor([3, 4]), b: tensor(12) }
    assert.is(evaluateOne(globalNorm(g))[0], 13)
    assertClose(
      clipped(g, 6.5),
      [1.5, 2, 6].map((x) => (x * 13) / (13 + 1e-6)),
      { tolerance: 1e-14 },
    )
  })
})
