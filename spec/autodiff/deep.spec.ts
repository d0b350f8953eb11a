import * as assert from 'uvu/assert'
import {
  add,
  evaluate,
  evaluateOne,
  input,
  mul,
  printProgram,
  sin,
  sum,
  tensor,
  topological,
  type Expr,
} from '../../core'
import { grad, hvp, jvp, remat, vmap } from '../../autodiff'
import { assertClose } from '../kit'
import { describe } from '../harness'

const depth = 10000
type One = { readonly x: Expr }

/** A chain of 20,000 nodes: x <- sin(x) + x / 1000, whose derivative is a product of as many factors. */
const chain = ({ x }: One): Expr => {
  let y = x
  const small = input('small', x.aval.shape)
  for (let i = 0; i < depth; i++) y = add(y, mul(y, small))
  return sum(y)
}
const small = 1e-5
const want = (1 + small) ** depth
const bound = (n: number) => new Map([['small', new Array<number>(n).fill(small)]])
const point: One = { x: tensor([2, 3]) }

describe('autodiff: graphs of 20,000 nodes and no recursion', (test) => {
  test('value, gradient and tangent', () => {
    const value = chain(point)
    assert.ok(topological([value]).length > 2 * depth)
    const g = grad(chain)(point).x
    const t = jvp(chain, point, { x: tensor([1, 0]) }).tangent
    const [v, dx, dt] = evaluate([value, g, t], bound(2))
    assertClose(v!, [5 * want], { tolerance: 1e-10 })
    assertClose(dx!, [want, want], { tolerance: 1e-10 })
    assertClose(dt!, [want], { tolerance: 1e-10 })
  })

  test('second order', () => {
    const f = (p: One): Expr => mul(chain(p), chain(p))
    const hv = hvp(f, point, { x: tensor([1, 0]) }).x
    assertClose(evaluateOne(hv, bound(2)), [2 * want ** 2, 2 * want ** 2], { tolerance: 1e-9 })
  })

  test('vmap, and a remat region of that depth', () => {
    const per = vmap((p: One) => chain({ x: mul(p.x, input('scale', [2])) }))({
      x: tensor([
        [2, 3],
        [1, 1],
      ]),
    })
    const data = bound(2).set('scale', [1, 1])
    assertClose(evaluateOne(per, data), [5 * want, 2 * want], { tolerance: 1e-10 })
    const g = grad((p: One) => remat((x) => chain({ x }))(p.x))(point).x
    assertClose(evaluateOne(g, bound(2)), [want, want], { tolerance: 1e-10 })
  })

  test('printing', () => assert.is(printProgram([chain(point)]).split('\n').length, 2 * depth + 4))

  test('a tree of sums 20,000 deep on the left, each with a branch of its own', () => {
    const f = ({ x }: One): Expr => {
      let y = sum(x)
      for (let i = 0; i < depth; i++) y = add(y, sin(sum(x)))
      return y
    }
    const [g] = evaluate([grad(f)(point).x])
    const slope = 1 + depth * Math.cos(5)
    assertClose(g!, [slope, slope], { tolerance: 1e-10 })
  })
})
