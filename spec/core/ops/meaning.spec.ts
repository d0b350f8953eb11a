import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { allOps, evaluate, evaluateOne, full, input, InputError, makeNode, ops, tensor, type Expr } from '../../../core'
import { jvp, vjp } from '../../../autodiff'
import { assertClose, callsOf, type Call } from '../../kit'
import { describe } from '../../harness'
import { meaningOf, meanings, nd } from './meaning'

const numRuns = 200
const seed = 754

const meansWhatItSays = (call: Call): void => {
  const out = call.f(...call.args.map((a) => input(a.name, a.aval.shape, a.aval.dtype)))
  const got = evaluateOne(out, new Map(call.args.map((a) => [a.name, a.points[0]!])))
  const xs = call.args.map((a) => nd(a.aval.shape, a.points[0]!))
  assertClose(got, meaningOf(call.op.name, call.params, xs, out.aval), { tolerance: 1e-12, label: call.name })
}

/** Derivatives of a function of two arrays where it has a kink: the cotangents of ones, and the tangent of t = [1, 2, ...]. */
const atKink = (f: (x: Expr, y: Expr) => Expr, x: readonly number[], y: readonly number[]): readonly number[][] => {
  const of = (tree: { readonly x: Expr; readonly y: Expr }): Expr => f(tree.x, tree.y)
  const point = { x: tensor(x), y: tensor(y) }
  const { value, pullback } = vjp(of, point)
  const cts = pullback(full(1, value.aval.shape))
  const t = { x: tensor(x.map((_, i) => i + 1)), y: tensor(y.map((_, i) => 10 * (i + 1))) }
  return evaluate([cts.x, cts.y, jvp(of, point, t).tangent]).map((a) => [...a])
}

describe('core/ops: meaning', (test) => {
  test('every op has a formula, `input` aside, whose meaning is what it is given', () => {
    const names = allOps.map((op) => op.name).filter((name) => name !== 'input')
    assert.equal(Object.keys(meanings).sort(), names)
    const x = input('x', [2])
    assert.equal([...evaluateOne(x, new Map([['x', [3, 4]]]))], [3, 4])
    for (const [given, message] of [
      [new Map([['x', [3]]]), 'input "x": expected 2 numbers, got 1; given: x'],
      [new Map([['y', [3, 4]]]), 'input "x": expected 2 numbers, got none; given: y'],
    ] as const)
      assert.throws(
        () => evaluateOne(x, given),
        (e: unknown) => e instanceof InputError && e.message === message,
      )
  })

  for (const op of allOps)
    if (op.name !== 'input')
      test(`${op.name} is ${op.doc}`, () => fc.assert(fc.property(callsOf(op), meansWhatItSays), { seed, numRuns }))

  for (const op of allOps)
    if (op.arity === 0 && op.name !== 'input')
      test(`${op.name}: its batch is itself, repeated`, () => {
        const repeated = ({ params }: Call, size: number): void => {
          const one = makeNode(op, params, [])
          const many = op.batch([], params, size)
          assert.equal(many.aval, { shape: [size, ...one.aval.shape], dtype: one.aval.dtype })
          const data = [...evaluateOne(one)]
          assertClose(evaluateOne(many), Array.from({ length: size }, () => data).flat())
        }
        fc.assert(fc.property(callsOf(op), fc.nat({ max: 3 }), repeated), { seed, numRuns })
      })

  test('abs has derivative 0 at 0', () => {
    assert.equal(atKink((x) => ops.abs(x), [-2, 0, 2], [])[0], [-1, 0, 1])
    assert.equal(atKink((x) => ops.abs(x), [-2, 0, 2], [])[2], [-1, 0, 3])
  })

  test('max and min at a tie give the derivative to x', () => {
    assert.equal(atKink(ops.max, [1, 5, 2], [1, 2, 5]), [
      [1, 1, 0],
      [0, 0, 1],
      [1, 2, 30],
    ])
    assert.equal(atKink(ops.min, [1, 5, 2], [1, 2, 5]), [
      [1, 0, 1],
      [0, 1, 0],
      [1, 20, 3],
    ])
  })

  test('reduceMax shares the derivative equally among ties', () => {
    const [ct, , t] = atKink((x) => ops.reduceMax({ axes: [0] }, x), [2, 5, 5, 1, 5], [])
    assertClose(ct!, [0, 1 / 3, 1 / 3, 0, 1 / 3], { tolerance: 1e-15 })
    assertClose(t!, [(2 + 3 + 5) / 3], { tolerance: 1e-15 })
  })

  test('argmax at a tie is the first position, in NaN-free input', () =>
    assert.equal([...evaluateOne(ops.argmax({ axis: 0 }, tensor([1, 3, 3])))], [1]))

  test('where keeps what is not chosen out of value and derivative, NaN included', () => {
    const positive = tensor([1, 0], 'bool')
    const [ct] = atKink((x) => ops.where(positive, ops.log(x), x), [4, -1], [])
    assert.equal(ct, [0.25, 1])
  })
})
