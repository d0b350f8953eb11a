import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { leavesOf, mapExprs, type Expr, type ExprTree } from '../../../core'
import { adamW, linearWarmupDecay, resting, scaleByPath } from '../../../training/optim'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { keepsStateInF32, keepsStructure } from './laws'
import { numbersOf, problems, rollOut } from './roll-out'

const config = { b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay: 0.1, clipNorm: 1, rate: linearWarmupDecay(0.1, 2, 6) }
const inner = adamW(config)
const half = resting((path) => path.startsWith('still'), inner)
const twice = (tree: ExprTree): ExprTree => ({ moving: tree, still: mapExprs(tree, (e) => e) })
const part = (tree: ExprTree, name: 'moving' | 'still'): ExprTree => (tree as Readonly<Record<string, ExprTree>>)[name]!
const stateOf = (tree: ExprTree, name: string): readonly Expr[] =>
  leavesOf<Expr>(tree).flatMap(([path, e]) => (path.includes(`/${name}/`) || path.endsWith(`/${name}`) ? [e] : []))

const check = (body: (p: { readonly params: ExprTree; readonly gradients: readonly ExprTree[] }) => void): void =>
  fc.assert(
    fc.property(problems(), (p) => body(p)),
    { seed: 5, numRuns: 40 },
  )

describe('training/optim/by-path', (test) => {
  test('what rests keeps its value and its moments, whatever its gradient; the rest moves as if it were alone', () =>
    check(({ params, gradients }) => {
      const alone = rollOut(inner, { params, gradients })
      const both = rollOut(half, { params: twice(params), gradients: gradients.map(twice) })
      both.forEach((step, i) => {
        assert.equal(numbersOf(part(step.params, 'still')), numbersOf(params))
        for (const e of stateOf(step.state, 'still')) assert.ok(numbersOf(e).every((x) => x === 0))
        assertClose(numbersOf(part(step.params, 'moving')), numbersOf(alone[i]!.params), { label: `step ${i}` })
      })
      assert.is(stateOf(both[0]!.state, 'still').length, 2 * leavesOf<Expr>(params).length)
    }))

  test('control: the optimizer itself moves both', () =>
    check(({ params, gradients }) => {
      const [first] = rollOut(inner, { params: twice(params), gradients: gradients.map(twice) })
      const still = numbersOf(part(first!.params, 'still'))
      assertClose(still, numbersOf(part(first!.params, 'moving')), { label: 'both' })
    }))

  test('rates by path: an update is so many times the plain one; decay goes with it, moments do not', () =>
    check(({ params, gradients }) => {
      const factor = (path: string): number => (path.startsWith('still') ? 0.25 : 1)
      const problem = { params: twice(params), gradients: gradients.slice(0, 1).map(twice) }
      const [plain] = rollOut(inner, problem)
      const [scaled] = rollOut(adamW({ ...config, rateFactor: factor }), problem)
      assertClose(
        numbersOf(part(scaled!.updates, 'still')),
        numbersOf(part(plain!.updates, 'still')).map((u) => u / 4),
        { label: 'still' },
      )
      assertClose(numbersOf(part(scaled!.updates, 'moving')), numbersOf(part(plain!.updates, 'moving')), {
        label: 'moving',
      })
      assertClose(numbersOf(scaled!.state), numbersOf(plain!.state), { label: 'state' })
    }))

  test('the laws of a transformation hold', () =>
    check(({ params, gradients }) => {
      const problem = { params: twice(params), gradients: gradients.map(twice) }
      for (const transform of [half, scaleByPath((path) => path.length)]) {
        keepsStructure(transform, problem)
        keepsStateInF32(transform, problem)
      }
    }))
})
