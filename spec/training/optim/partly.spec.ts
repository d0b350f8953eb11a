import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { exprLeaves, leavesOf, mapExprs, type Expr, type ExprTree } from '../../../core'
import { adamW, linearWarmupDecay, partly } from '../../../training/optim'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { keepsStateInF32, keepsStructure } from './laws'
import { numbersOf, problems, rollOut } from './roll-out'

const inner = adamW({ b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay: 0.1, clipNorm: 1, rate: linearWarmupDecay(0.1, 2, 6) })
/** Two copies of a tree; one of them is frozen. */
const twice = (tree: ExprTree): ExprTree => ({ moving: tree, still: mapExprs(tree, (e) => e) })
const half = partly((path) => path.startsWith('still'), inner)
const part = (tree: ExprTree, name: 'moving' | 'still'): ExprTree => (tree as Readonly<Record<string, ExprTree>>)[name]!

const check = (body: (p: { readonly params: ExprTree; readonly gradients: readonly ExprTree[] }) => void): void =>
  fc.assert(
    fc.property(problems(), (p) => body(p)),
    { seed: 4, numRuns: 40 },
  )

describe('training/optim/partly', (test) => {
  test('what is frozen does not move, is not decayed and has no state; what is not moves as if it were alone', () =>
    check(({ params, gradients }) => {
      const alone = rollOut(inner, { params, gradients })
      const both = rollOut(half, { params: twice(params), gradients: gradients.map(twice) })
      both.forEach((step, i) => {
        assert.equal(numbersOf(part(step.params, 'still')), numbersOf(params))
        assertClose(numbersOf(part(step.params, 'moving')), numbersOf(alone[i]!.params), { label: `step ${i}` })
        assert.is(exprLeaves(step.state).length, exprLeaves(alone[i]!.state).length)
        assert.ok(leavesOf<Expr>(step.state).every(([path]) => !path.includes('still')))
      })
    }))

  test('control: the optimizer itself moves both', () =>
    assert.throws(() =>
      check(({ params, gradients }) => {
        const [last] = rollOut(inner, { params: twice(params), gradients: gradients.map(twice) }).slice(-1)
        assert.equal(numbersOf(part(last!.params, 'still')), numbersOf(params))
      }),
    ))

  test('the laws of a transformation hold', () =>
    check(({ params, gradients }) => {
      const problem = { params: twice(params), gradients: gradients.map(twice) }
      keepsStructure(half, problem)
      keepsStateInF32(half, problem)
    }))
})
