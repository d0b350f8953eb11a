import * as assert from 'uvu/assert'
import {
  add,
  aval,
  cast,
  customVjp,
  evaluate,
  exp,
  exprLeaves,
  gelu,
  input,
  layerNorm,
  linear,
  matmul,
  mean,
  mul,
  ops,
  roundF16,
  scope,
  ShapeError,
  softmax,
  square,
  sum,
  tensor,
  topological,
  where,
  type Expr,
} from '../../../core'
import { remat, valueAndGrad } from '../../../autodiff'
import { withPolicy } from '../../../kernels'
import type { PairParams } from '../../../models'
import { tNlrV5 } from '../../../training/objectives'
import { describe } from '../../harness'
import { asInputs, drawPair, hostBatch, pair, runKey } from '../../training/objectives/specimens'

const half = { compute: 'f16' } as const
const values = new Map<string, readonly number[]>([
  ['x', [0.1, 0.2, 0.3, -0.4, 0.5, -0.6]],
  ['w', [0.7, -0.8, 0.9, 1.1, -1.2, 1.3]],
  ['b', [0.01, 0.02]],
])
const x = input('x', [2, 3])
const params = { weight: input('w', [3, 2]), bias: input('b', [2]) }
type Line = typeof params
const dtypesOf = (roots: readonly Expr[], name: string): readonly string[] =>
  topological(roots)
    .filter((e) => e.op.name === name)
    .map((e) => e.aval.dtype)
const numbers = (e: Expr): readonly number[] => [...evaluate([e], values)[0]!]

describe('kernels/precision: withPolicy', (test) => {
  test('in f32 it is the function itself, bit by bit, with its gradient', () => {
    const f = (p: Line): Expr => mean(gelu(linear(p)(x)))
    const plain = valueAndGrad(f)(params)
    const under = valueAndGrad(withPolicy({ compute: 'f32' })(f))(params)
    const all = ({ value, grads }: typeof plain): readonly Expr[] => [value, ...exprLeaves(grads)]
    assert.equal(evaluate(all(under), values), evaluate(all(plain), values))
  })

  test('products read halves and give halves; a bias takes their dtype; the function gives f32', () => {
    const y = withPolicy(half)((p: Line) => linear(p)(x))(params)
    assert.is(y.aval.dtype, 'f32')
    assert.equal(dtypesOf([y], 'matmul'), ['f16'])
    assert.equal(dtypesOf([y], 'add'), ['f16'])
    const [w, b] = [values.get('w')!.map(roundF16), values.get('b')!.map(roundF16)]
    const xs = values.get('x')!.map(roundF16)
    const product = (i: number, j: number): number =>
      roundF16(xs[3 * i]! * w[j]! + xs[3 * i + 1]! * w[2 + j]! + xs[3 * i + 2]! * w[4 + j]!)
    assert.equal(
      numbers(y),
      [0, 1].flatMap((i) => [0, 1].map((j) => roundF16(product(i, j) + b[j]!))),
    )
  })

  test('parameters keep their dtype, and so do their gradients', () => {
    const { grads } = valueAndGrad(withPolicy(half)((p: Line) => mean(linear(p)(x))))(params)
    assert.equal(
      exprLeaves(grads).map((g) => g.aval.dtype),
      ['f32', 'f32'],
    )
  })

  test('sums and what grows exponentially are f32, and stay so', () => {
    const y = withPolicy(half)((p: Line) => sum(exp(linear(p)(x))))(params)
    assert.equal(dtypesOf([y], 'exp'), ['f32'])
    assert.equal(dtypesOf([y], 'reduceSum'), ['f32'])
  })

  test('a function known by name is computed in f32 and rounded once', () => {
    const y = withPolicy({ compute: 'f16', output: 'f16' })((p: Line) => softmax(linear(p)(x)))(params)
    const logits = withPolicy(half)((p: Line) => linear(p)(x))(params)
    assert.equal(numbers(y), numbers(softmax(logits)).map(roundF16))
  })

  test('a norm reads its own weights in f32', () => {
    const norm = { weight: tensor([1 / 3, 1 / 3]), bias: tensor([0, 0]) }
    const y = withPolicy(half)((p: { line: Line; norm: Line }) => layerNorm(p.norm)(linear(p.line)(x)))({
      line: params,
      norm,
    })
    const casts = topological([y]).filter((e) => e.op.name === 'cast' && e.inputs[0]!.op.name === 'variable')
    assert.equal(
      casts.map((e) => e.inputs[0]!.inputs[0]!.op.name),
      ['input', 'input'],
    ) // the line's, not the norm's
  })

  test('a constant that halves cannot hold keeps an op in f32', () => {
    const of = (constant: number): string =>
      dtypesOf([withPolicy(half)((p: Line) => mul(matmul(x, p.weight), constant))(params)], 'mul')[0]!
    assert.equal([0.1, 65504, 1e5, 1e-9, Infinity, 0].map(of), ['f16', 'f16', 'f32', 'f32', 'f16', 'f16'])
  })

  test('a mask of -1e9 stays one: no row of -Infinity', () => {
    const mask = where(tensor([[0, 0]], 'bool'), 0, -1e9)
    const y = withPolicy(half)((p: Line) => softmax(add(matmul(x, p.weight), mask)))(params)
    assert.ok(numbers(y).every(Number.isFinite), String(numbers(y)))
  })

  test('an explicit cast is left as it is', () => {
    const y = withPolicy({ compute: 'bf16' })((p: Line) => cast(cast(matmul(x, p.weight), 'f32'), 'f16'))(params)
    assert.equal(dtypesOf([y], 'cast').filter((d) => d === 'f16').length, 1)
    assert.equal(dtypesOf([y], 'matmul'), ['bf16'])
  })

  test('integers and truth values are given back as they are', () => {
    const y = withPolicy(half)((p: Line) => ({ at: ops.argmax({ axis: 1 }, linear(p)(x)), value: sum(p.bias) }))(params)
    assert.equal([y.at.aval, y.value.aval], [aval('i32', 2), aval('f32')])
  })

  test('scopes compute in a dtype of their own; the longest name counts', () => {
    const f = (p: Line): Expr =>
      scope('model', () => {
        const first = scope('layer0', () => matmul(x, p.weight))
        return add(sum(first), sum(scope('layer1', () => scope('out', () => matmul(x, p.weight)))))
      })
    const y = withPolicy({ compute: 'f16', scopes: { layer1: 'f32', 'layer1/out': 'bf16', layer0: 'f32' } })(f)(params)
    assert.equal([...dtypesOf([y], 'matmul')].sort(), ['bf16', 'f32'])
  })

  test('a scope that the function has not is refused, by name', () => {
    const make = (): unknown =>
      withPolicy({ compute: 'f16', scopes: { layer9: 'f32' } })((p: Line) => linear(p)(x))(params)
    assert.throws(
      make,
      (e: unknown) => e instanceof ShapeError && /scopes that the function builds in, got layer9/.test(e.message),
    )
  })

  test("a reverse rule of one's own follows the policy, whatever dtypes it was written for", () => {
    const doubled = customVjp(
      'product',
      (a, b) => matmul(a, b),
      (ct, [a, b]) => [
        matmul(ct, ops.transpose({ perm: [1, 0] }, b!)),
        mul(
          matmul(ops.transpose({ perm: [1, 0] }, a!), ct),
          tensor([
            [2, 2],
            [2, 2],
            [2, 2],
          ]),
        ),
      ],
    )
    const { grads } = valueAndGrad(withPolicy(half)((p: Line) => sum(doubled(square(x), p.weight))))(params)
    const { grads: plain } = valueAndGrad((p: Line) => sum(doubled(square(x), p.weight)))(params)
    assert.equal([...new Set(dtypesOf([grads.weight], 'matmul'))], ['f16'])
    const [got, want] = [numbers(grads.weight), numbers(plain.weight)]
    got.forEach((g, i) => assert.ok(Math.abs(g - want[i]!) <= 2 ** -9 * Math.abs(want[i]!), `${g} for ${want[i]}`))
  })

  test('remat changes no bit', () => {
    const layer =
      (p: Line) =>
      (h: Expr): Expr =>
        gelu(linear(p)(h))
    const f = (p: Line): Expr => mean(layer(p)(x))
    const again = (p: Line): Expr =>
      mean(remat((h, weight, bias) => layer({ weight: weight, bias: bias })(h))(x, p.weight, p.bias))
    const gradients = (g: (p: Line) => Expr): readonly Float64Array[] =>
      evaluate(exprLeaves(valueAndGrad(withPolicy(half)(g))(params).grads), values)
    assert.equal(gradients(again), gradients(f))
  })

  for (const [compute, most] of [
    ['f16', 0.01],
    ['bf16', 0.08],
  ] as const)
    test(`the gradient of t-nlrv5 under ${compute} is within ${most} of f32's, by norm`, () => {
      const batch = asInputs(hostBatch(0, 4))
      const gradient = (of: 'f32' | 'f16' | 'bf16'): readonly number[] => {
        const loss = withPolicy({ compute: of })(tNlrV5(pair))
        const { grads } = valueAndGrad((p: PairParams) => loss(p, batch, runKey).loss)(drawPair(pair, 3))
        return evaluate(exprLeaves(grads)).flatMap((g) => [...g])
      }
      const [got, want] = [gradient(compute), gradient('f32')]
      const norm = (v: readonly number[]): number => Math.hypot(...v)
      const error = norm(got.map((g, i) => g - want[i]!)) / norm(want)
      assert.ok(error > 1e-5 && error < most, `relative error ${error}`)
    })
})
