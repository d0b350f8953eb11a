import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  cast,
  evaluate,
  exp,
  input,
  matmul,
  mul,
  scalar,
  scope,
  sin,
  softmax,
  square,
  stopGradient,
  sub,
  sum,
  take,
  tanh,
  tensor,
  topological,
  type Expr,
} from '../../core'
import { grad, hvp, jvp, valueAndGrad, valueAndGradAux, vjp } from '../../autodiff'
import { assertClose } from '../kit'
import { describe } from '../harness'
import { shapeErrorOf, values } from './specimens'

type One = { readonly x: Expr }
const at = (x: readonly number[]): One => ({ x: tensor(x) })
const gradAt = (f: (p: One) => Expr, x: readonly number[]): readonly number[] => values(grad(f)(at(x)).x)

describe('autodiff/grad: accumulation', (test) => {
  test('a value used twice gets the sum of its cotangents: d(x x) = 2x, d(x + x + x) = 3', () => {
    assert.equal(
      gradAt(({ x }) => sum(mul(x, x)), [3, -1]),
      [6, -2],
    )
    assert.equal(
      gradAt(({ x }) => sum(add(x, add(x, x))), [3, -1]),
      [3, 3],
    )
  })

  test('used twice as a node, and twice as equal nodes: the same', () => {
    const shared = ({ x }: One): Expr => {
      const e = exp(x)
      return sum(mul(e, e))
    }
    const twice = ({ x }: One): Expr => sum(mul(exp(x), exp(x)))
    assertClose(gradAt(shared, [0.5]), [2 * Math.exp(1)], { tolerance: 1e-14 })
    assert.equal(gradAt(twice, [0.5]), gradAt(shared, [0.5]))
  })

  test('a diamond of depth 20 sums 2^20 paths by 20 additions', () => {
    let [y, n] = [tensor([1]), 0]
    const f = ({ x }: One): Expr => {
      y = x
      for (n = 0; n < 20; n++) y = add(y, y)
      return sum(y)
    }
    const g = grad(f)(at([1])).x
    assert.equal(values(g), [2 ** 20])
    assert.ok(topological([g]).length < 100)
  })

  test('leaves of a tree are differentiated by name, and one that is not read has gradient 0', () => {
    const p = { b: tensor([1, 2]), a: { w: tensor([3, 4]), idle: tensor([[5]]) } }
    const { value, grads } = valueAndGrad((q: typeof p) => sum(mul(q.b, q.a.w)))(p)
    assert.equal([value, grads.b, grads.a.w, grads.a.idle].map(values), [[11], [3, 4], [1, 2], [0]])
    assert.equal(grads.a.idle.aval, { shape: [1, 1], dtype: 'f32' })
  })

  test('further arguments and what the function closes over are constants', () => {
    const [k, shift] = [tensor([10]), tensor([1])]
    const f = (p: One, scale: Expr): Expr => sum(mul(mul(p.x, scale), add(p.x, shift)))
    assert.equal(values(grad(f)(at([2]), k).x), [10 * (2 * 2 + 1)])
  })

  test('valueAndGradAux hands back what is not differentiated', () => {
    const f = ({ x }: One) => ({ loss: sum(square(x)), aux: { norm: x, label: 'n' } })
    const { value, grads, aux } = valueAndGradAux(f)(at([3]))
    assert.equal([value, grads.x, aux.norm].map(values), [[9], [6], [3]])
    assert.is(aux.label, 'n')
  })

  test('stopGradient: the value passes, no derivative does, in either mode', () => {
    const f = ({ x }: One): Expr => sum(mul(x, stopGradient(square(x))))
    assert.equal(gradAt(f, [3]), [9])
    assert.equal(
      gradAt(({ x }) => sum(stopGradient(x)), [3]),
      [0],
    )
    assert.equal(values(jvp(f, at([3]), at([1])).tangent), [9])
  })

  test('integers between floats stop the derivative', () =>
    assert.equal(
      gradAt(({ x }) => sum(mul(x, cast(cast(x, 'i32'), 'f32'))), [2.5, -1.5]),
      [2, -1],
    ))

  test('a derivative of a value that does not depend on the arguments is 0', () => {
    const c = tensor([1, 2])
    assert.equal(
      gradAt(() => sum(c), [3]),
      [0],
    )
    assert.equal(values(jvp(() => sum(c), at([3]), at([1])).tangent), [0])
  })

  test('of f16 is f16', () => {
    const g = grad((p: One) => cast(sum(square(p.x)), 'f32'))({ x: cast(tensor([1.5]), 'f16') }).x
    assert.is(g.aval.dtype, 'f16')
    assert.equal(values(g), [3])
  })
})

describe('autodiff/grad: higher orders', (test) => {
  const sumTree =
    (f: (p: One) => Expr) =>
    (p: One): Expr =>
      sum(f(p))
  test('grad(grad(grad(x⁴))) = 24 x', () => {
    const f = ({ x }: One): Expr => sum(square(square(x)))
    const d =
      (g: (p: One) => Expr) =>
      (p: One): Expr =>
        grad(sumTree(g))(p).x
    assertClose(values(d(d(d(f)))(at([0.5, -2]))), [12, -48], { tolerance: 1e-14 })
  })

  test('perturbation confusion: d/dx (x d/dy (x + y)) = 1', () => {
    const f = (p: One): Expr => mul(p.x, grad((q: One) => add(p.x, q.x))({ x: scalar(1) }).x)
    assert.equal(values(grad(f)({ x: scalar(1) }).x), [1])
    // Both variables stand for the very same node.
    const one = scalar(1)
    const g = (p: One): Expr => mul(p.x, grad((q: One) => mul(p.x, q.x))({ x: one }).x)
    assert.equal(values(grad(g)({ x: one }).x), [2])
    const forward = (p: One): Expr => mul(p.x, jvp((q: One) => add(p.x, q.x), { x: one }, { x: scalar(1) }).tangent)
    assert.equal(values(jvp(forward, { x: one }, { x: scalar(1) }).tangent), [1])
  })

  test('hvp is the finite difference of the gradient, and symmetric', () => {
    const eighths = fc.integer({ min: -16, max: 16 }).map((k) => k / 8)
    const three = fc.tuple(eighths, eighths, eighths)
    const w = tensor([
      [1, -2, 0.5],
      [0.25, 1, 3],
      [-1, 0, 2],
    ])
    const f = ({ x }: One): Expr => sum(mul(softmax(matmul(tanh(x), w)), sin(matmul(x, w))))
    const row = (x: readonly number[]): One => ({ x: tensor([x]) })
    const g = (x: readonly number[]): readonly number[] => values(grad(f)(row(x)).x)
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, v, i) => s + v * b[i]!, 0)
    const agrees = (x: readonly number[], v: readonly number[], u: readonly number[]): void => {
      const h = 1e-5
      const [up, down] = [1, -1].map((s) => g(x.map((xi, i) => xi + s * h * v[i]!)))
      const want = up!.map((a, i) => (a - down![i]!) / (2 * h))
      const hv = values(hvp(f, row(x), row(v)).x)
      assertClose(hv, want, { tolerance: 1e-5, label: 'H v' })
      const hu = values(hvp(f, row(x), row(u)).x)
      assertClose([dot(u, hv)], [dot(v, hu)], { tolerance: 1e-10, label: '<u, H v> = <v, H u>' })
    }
    fc.assert(fc.property(three, three, three, agrees), { seed: 5, numRuns: 100 })
  })

  test('vjp with a cotangent and jvp with a tangent: by hand', () => {
    const f = ({ x }: One): Expr => mul(x, x)
    const { value, pullback } = vjp(f, at([2, 3]))
    const { tangent } = jvp(f, at([2, 3]), at([1, 100]))
    assert.equal([value, pullback(tensor([1, 10])).x, tangent].map(values), [
      [4, 9],
      [4, 60],
      [4, 600],
    ])
  })
})

describe('autodiff/grad: faults', (test) => {
  const x = input('x', [2, 3])

  test('the gradient of what is no scalar', () => {
    assert.is(
      shapeErrorOf(() => grad((p: One) => scope('head', () => scope('loss', () => mul(p.x, 2))))({ x })),
      [
        'grad: expected a scalar float to differentiate (f32[]), got f32[2,3]',
        '  at head/loss',
        '  help: reduce it first: sum(x) or mean(x); or use vjp with a cotangent',
      ].join('\n'),
    )
    assert.is(
      shapeErrorOf(() => grad((p: One) => cast(sum(p.x), 'i32'))({ x })),
      [
        'grad: expected a scalar float to differentiate (f32[]), got i32[]',
        '  help: reduce it first: sum(x) or mean(x); or use vjp with a cotangent',
      ].join('\n'),
    )
  })

  test('the gradient with respect to integers', () =>
    assert.is(
      shapeErrorOf(() =>
        scope('model', () =>
          grad((p: { readonly a: { readonly ids: Expr } }) => sum(cast(p.a.ids, 'f32')))({
            a: { ids: input('ids', [4], 'i32') },
          }),
        ),
      ),
      [
        'grad: expected float leaves to differentiate with respect to, got i32[4]',
        '  at model',
        '  help: at a/ids',
      ].join('\n'),
    ))

  test('float indices', () =>
    assert.is(
      shapeErrorOf(() => scope('embed', () => grad((p: One) => sum(take(p.x, input('at', [5]))))({ x }))),
      [
        'gather: expected indices of dtype i32, got f32[5]',
        '  at embed',
        "  help: cast(x, 'i32') truncates towards zero",
      ].join('\n'),
    ))

  test('an index that is known to be out of range', () => {
    const embed = (ids: readonly number[]): string =>
      shapeErrorOf(() => scope('embed', () => scope('tokens', () => take(x, tensor(ids, 'i32')))))
    assert.is(
      embed([0, 1, 2]),
      ['take: expected indices in [0, 2), got index 2 into f32[2,3]', '  at embed/tokens'].join('\n'),
    )
    assert.is(
      embed([-1]),
      ['take: expected indices in [0, 2), got index -1 into f32[2,3]', '  at embed/tokens'].join('\n'),
    )
    assert.is(embed([0, 1]), 'nothing thrown')
  })

  test('a shape that does not fit', () => {
    assert.is(
      shapeErrorOf(() =>
        scope('encoder', () => scope('layer3', () => grad((p: One) => sum(matmul(p.x, input('w', [4, 5]))))({ x }))),
      ),
      ['matmul: expected rhs axis 0 of size 3, got f32[2,3] and f32[4,5]', '  at encoder/layer3'].join('\n'),
    )
    assert.is(
      shapeErrorOf(() => scope('residual', () => add(x, input('h', [3, 2])))),
      ['add: expected shapes that broadcast, got f32[2,3] and f32[3,2]', '  at residual'].join('\n'),
    )
    assert.is(
      shapeErrorOf(() => exp(input('ids', [2], 'i32'))),
      ['exp: expected floats, got i32[2]', "  help: cast integers first: cast(x, 'f32')"].join('\n'),
    )
  })

  test('cotangents, tangents and vectors of another shape than what they belong to', () => {
    const f = (p: One): Expr => square(p.x)
    assert.is(
      shapeErrorOf(() => scope('head', () => vjp(f, { x }).pullback(input('ct', [3])))),
      ['vjp: expected a cotangent like the value, f32[2,3], got f32[3]', '  at head'].join('\n'),
    )
    assert.is(
      shapeErrorOf(() => scope('head', () => jvp(f, { x }, { x: input('t', [3]) }))),
      ['jvp: expected a tangent like its primal, got f32[2,3] and f32[3]', '  at head', '  help: at x'].join('\n'),
    )
    assert.is(
      shapeErrorOf(() => hvp((p: One) => sum(f(p)), { x }, { x: input('v', [3]) })),
      ['hvp: expected a vector like the point, got f32[2,3] and f32[3]', '  help: at x'].join('\n'),
    )
  })

  test('nodes of a gradient carry the scope of their primal, marked', () => {
    const g = grad((p: One) => scope('loss', () => sum(sub(exp(p.x), 1))))({ x }).x
    assert.equal(g.path, ['loss', '∂'])
    assert.equal(
      evaluate([g], new Map([['x', [0, 0, 0, 0, 0, 0]]])).map((v) => [...v]),
      [[1, 1, 1, 1, 1, 1]],
    )
  })
})
