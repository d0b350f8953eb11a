import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  argsort,
  cast,
  crossEntropy,
  customVjp,
  dropout,
  evaluate,
  evaluateOne,
  input,
  keyOf,
  layerNorm,
  matmul,
  mul,
  ones,
  scope,
  softmax,
  square,
  stack,
  sum,
  take,
  tanh,
  tensor,
  type Expr,
} from '../../core'
import { grad, hvp, remat, vmap } from '../../autodiff'
import { assertClose } from '../kit'
import { describe } from '../harness'
import { shapeErrorOf, values } from './specimens'

type One = { readonly x: Expr }
const rows = [
  [1, 2, -0.5],
  [0.25, -1, 3],
  [0, 0, 1],
  [2, 2, 2],
]
const stacked: One = { x: tensor(rows) }

/** vmap(f) over the rows is the stack of f of each. */
const maps = (f: (p: One) => Expr): void => {
  const want = stack(rows.map((x) => f({ x: tensor(x) })))
  const got = vmap(f)(stacked)
  assert.equal(got.aval, want.aval)
  assertClose(evaluateOne(got), evaluateOne(want), { tolerance: 1e-12 })
}

const w = tensor([
  [1, 2],
  [-1, 0.5],
  [0.25, 3],
])
const loss = ({ x }: One): Expr => sum(square(softmax(matmul(tanh(mul(x, ones([1, 3]))), w))))

describe('autodiff/vmap', (test) => {
  test('of a function, of its gradient and of a product with its Hessian', () => {
    maps(loss)
    maps((p) => grad(loss)(p).x)
    maps((p) => hvp(loss, p, { x: tensor([1, -1, 0.5]) }).x)
  })

  test('gradient of a vmap: the stack of gradients', () => {
    const g = grad((p: One) => sum(vmap(loss)(p)))(stacked).x
    const want = rows.flatMap((x) => values(grad(loss)({ x: tensor(x) }).x))
    assertClose(evaluateOne(g), want, { tolerance: 1e-12 })
  })

  test('vmap of vmap', () => {
    const cube = { x: tensor([rows, rows.map((r) => r.map((v) => v / 2))]) }
    const once = vmap(vmap((p: One) => grad(loss)(p).x))(cube)
    assert.equal(once.aval.shape, [2, 4, 3])
    const flat = vmap((p: One) => grad(loss)(p).x)({ x: tensor([...rows, ...rows.map((r) => r.map((v) => v / 2))]) })
    assertClose(evaluateOne(once), evaluateOne(flat), { tolerance: 1e-12 })
  })

  test('of customVjp: the rule is mapped, not forgotten', () => {
    const marked = customVjp(
      'marked',
      (x) => mul(x, 2),
      (ct, [x]) => [mul(ct, add(x!, 100))],
    )
    const g = grad((p: One) => sum(vmap(({ x }: One) => marked(x))(p)))({ x: tensor([[1], [2]]) }).x
    assert.equal(values(g), [101, 102])
    maps((p) => layerNorm({ weight: tensor([1, 2, 3]), bias: tensor([0, 0, 1]) })(p.x))
    maps((p) => grad(({ x }: One) => sum(crossEntropy(mul(x, ones([1, 3])), tensor([1], 'i32'))))(p).x)
  })

  test('of remat, of dropout, of a table that differs for each entry', () => {
    maps((p) => grad(({ x }: One) => sum(remat((y) => tanh(square(y)))(x)))(p).x)
    maps((p) => dropout(0.5, keyOf(1))(p.x))
    maps((p) => take(p.x, tensor([2, 0, 0, 1], 'i32')))
    maps((p) => grad(({ x }: One) => sum(square(take(x, tensor([2, 0, 0], 'i32')))))(p).x)
  })

  test('of a gradient of gather whose ids differ for each entry', () => {
    const table = input('table', [4, 2])
    const f = (p: { readonly ids: Expr }): Expr => grad(({ x }: One) => sum(square(take(x, p.ids))))({ x: table }).x
    const idRows = [
      [3, 0, 3],
      [1, 1, 1],
      [0, 2, 3],
    ]
    const data = new Map([['table', [1, 2, 3, 4, 5, 6, 7, 8]]])
    const [got] = evaluate([vmap(f)({ ids: tensor(idRows, 'i32') })], data)
    const want = evaluate(
      idRows.map((ids) => f({ ids: tensor(ids, 'i32') })),
      data,
    )
    assertClose(
      got!,
      want.flatMap((v) => [...v]),
    )
  })

  test('of integers: argsort of each row', () => {
    const sorted = fc.array(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 4, maxLength: 4 }), {
      minLength: 1,
      maxLength: 4,
    })
    const each = (table: readonly (readonly number[])[]): void => {
      const got = values(vmap((p: One) => argsort(p.x))({ x: tensor(table, 'i32') }))
      const want = table.flatMap((row) => row.map((_, i) => i).sort((a, b) => row[a]! - row[b]! || a - b))
      assert.equal(got, want)
    }
    fc.assert(fc.property(sorted, each), { seed: 9, numRuns: 100 })
  })

  test('what does not depend on the argument is repeated; an empty stack gives an empty stack', () => {
    const constant = vmap(() => tensor([7, 8]))(stacked)
    assert.equal(values(constant), [7, 8, 7, 8, 7, 8, 7, 8])
    assert.equal(vmap(loss)({ x: input('none', [0, 3]) }).aval.shape, [0])
  })

  test('leaves without one batch axis are refused', () => {
    const f = (p: { readonly a: Expr; readonly b: Expr }): Expr => add(p.a, p.b)
    assert.is(
      shapeErrorOf(() => scope('examples', () => vmap(f)({ a: input('a', [2, 3]), b: input('b', [4, 3]) }))),
      [
        'vmap: expected leaves with one leading batch axis of equal size, got f32[2,3] and f32[4,3]',
        '  at examples',
      ].join('\n'),
    )
    assert.is(
      shapeErrorOf(() => vmap(({ x }: One) => x)({ x: input('x', []) })),
      'vmap: expected leaves with one leading batch axis of equal size, got f32[]',
    )
    assert.is(
      shapeErrorOf(() => vmap(({ x }: One) => cast(matmul(x, x), 'f32'))({ x: input('x', [5, 2, 3]) })),
      'matmul: expected rhs axis 0 of size 3, got f32[2,3] and f32[2,3]',
    )
  })
})
