import * as assert from 'uvu/assert'
import {
  add,
  customVjp,
  exp,
  matmul,
  mul,
  sin,
  square,
  sub,
  sum,
  tanh,
  tensor,
  topological,
  type Expr,
} from '../../core'
import { grad, jvp, remat } from '../../autodiff'
import { assertClose } from '../kit'
import { describe } from '../harness'
import { shapeErrorOf, values } from './specimens'

type Two = { readonly x: Expr; readonly y: Expr }
const point: Two = { x: tensor([0.5, -1]), y: tensor([2, 0.25]) }

/** remat changes neither value nor gradient nor tangent. */
const sameAs = (plain: (p: Two) => Expr, marked: (p: Two) => Expr): void => {
  const [a, b] = [plain, marked].map((f) => {
    const g = grad((p: Two) => sum(f(p)))(point)
    return [f(point), g.x, g.y, jvp(f, point, { x: tensor([1, 2]), y: tensor([-1, 3]) }).tangent].map(values)
  })
  b!.forEach((got, i) => assertClose(got, a![i]!, { tolerance: 1e-14, label: ['value', 'dx', 'dy', 'tangent'][i]! }))
}

const block = (x: Expr, y: Expr): Expr => tanh(mul(exp(x), sin(y)))

describe('autodiff/remat', (test) => {
  test('equals the plain function', () =>
    sameAs(
      ({ x, y }) => block(x, y),
      ({ x, y }) => remat(block)(x, y),
    ))

  test('a region that reads more than it names still gives the rest its gradient', () => {
    sameAs(
      ({ x, y }) => block(x, y),
      ({ x, y }) => remat((a) => block(a, y))(x),
    )
    sameAs(
      ({ x, y }) => block(x, mul(y, y)),
      ({ x, y }) => remat((a) => block(a, mul(y, y)))(x),
    )
  })

  test('a region that returns what it closes over, or its argument, gives the gradient through', () => {
    sameAs(
      ({ y }) => y,
      ({ x, y }) => remat(() => y)(x),
    )
    sameAs(
      ({ y }) => exp(y),
      ({ x, y }) => remat(() => exp(y))(x),
    )
    sameAs(
      ({ x }) => x,
      ({ x }) => remat((a) => a)(x),
    )
  })

  test('regions in a row, nested, and one value given twice', () => {
    sameAs(
      ({ x, y }) => block(block(x, y), y),
      ({ x, y }) => remat(block)(remat(block)(x, y), y),
    )
    sameAs(
      ({ x, y }) => exp(block(x, y)),
      ({ x, y }) => remat((a: Expr) => exp(remat(block)(a, y)))(x),
    )
    sameAs(
      ({ x }) => block(x, x),
      ({ x }) => remat(block)(x, x),
    )
  })

  test('second order equals that of the plain function', () => {
    const second = (f: (p: Two) => Expr): readonly number[] =>
      values(grad((p: Two) => sum(square(grad((q: Two) => sum(f(q)))(p).x)))(point).y)
    assertClose(
      second(({ x, y }) => remat(block)(x, y)),
      second(({ x, y }) => block(x, y)),
      { tolerance: 1e-13 },
    )
  })

  test('the backward pass computes the region again instead of reading its values', () => {
    const count = (f: (p: Two) => Expr): number =>
      topological([grad((p: Two) => sum(f(p)))(point).x]).filter((e) => e.op.name === 'exp').length
    assert.is(
      count(({ x, y }) => block(x, y)),
      1,
    )
    const g = grad((p: Two) => sum(remat(block)(p.x, p.y)))(point).x
    assert.is(topological([g]).filter((e) => e.op.name === 'exp').length, 1) // the fenced one alone
    assert.ok(topological([g]).some((e) => e.op.name === 'fence'))
  })
})

describe('autodiff: customVjp', (test) => {
  test('the rule replaces the derivative of the function, in reverse mode only', () => {
    const clip = customVjp(
      'clip',
      (x) => mul(x, 3),
      (ct) => [mul(ct, 100)],
    )
    const f = ({ x }: Two): Expr => sum(clip(x))
    assert.equal(values(grad(f)(point).x), [100, 100])
    assert.equal(values(jvp(f, point, { x: tensor([1, 1]), y: tensor([0, 0]) }).tangent), [6])
  })

  test('the rule may read arguments and the value, and leave out an argument', () => {
    const f = customVjp(
      'f',
      (x, y) => exp(sub(x, y)),
      (ct, [, y], out) => [mul(ct, mul(out, y!)), null],
    )
    const g = grad((p: Two) => sum(f(p.x, p.y)))(point)
    assertClose(values(g.x), [Math.exp(-1.5) * 2, Math.exp(-1.25) * 0.25], { tolerance: 1e-14 })
    assert.equal(values(g.y), [0, 0])
  })

  test('a rule is differentiated in its turn', () => {
    const sq = customVjp(
      'sq',
      (x) => mul(x, x),
      (ct, [x]) => [mul(ct, mul(5, x!))],
    )
    const g = (p: Two): Expr => sum(grad((q: Two) => sum(sq(q.x)))(p).x)
    assert.equal(values(grad(g)(point).x), [5, 5])
  })

  test('a rule with the wrong number of cotangents is refused by name', () => {
    const f = customVjp(
      'pair',
      (x, y) => add(x, y),
      (ct) => [ct],
    )
    assert.is(
      shapeErrorOf(() => grad((p: Two) => sum(f(p.x, p.y)))(point)),
      ['pair: expected 2 cotangents, one per argument, got 1 from its rule', '  at ∂'].join('\n'),
    )
    assert.is(values(sum(matmul(tensor([[1]]), tensor([[2]]))))[0], 2)
  })
})
