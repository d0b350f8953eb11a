import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import {
  add,
  concat,
  dropout,
  evaluate,
  exp,
  gelu,
  input,
  iota,
  keyOf,
  layerNorm,
  linear,
  matmul,
  mul,
  neg,
  ops,
  reshape,
  scope,
  ShapeError,
  softmax,
  stopGradient,
  sub,
  sum,
  tanh,
  transpose,
  type Expr,
} from '../../core'
import { grad, remat } from '../../autodiff'
import { compile, interpretPlan, planCache, simplify, type CompileOptions, type Plan } from '../../kernels'
import { describe } from '../harness'

const planOf = (
  values: readonly Expr[],
  options: CompileOptions & { readonly donated?: readonly string[] } = {},
): Plan => {
  const { donated = [], ...rest } = options
  const plan = compile(() => ({ outputs: values.map((value, i) => ({ name: `o${i}`, value })), donated }), rest)
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}

const stepNames = (plan: Plan): readonly string[] => plan.steps.map((s) => plan.kernels[s.kernel]!.name)

const values = (sizes: Readonly<Record<string, number>>): ReadonlyMap<string, Float64Array> =>
  new Map(
    Object.entries(sizes).map(([name, n], k) => [
      name,
      Float64Array.from({ length: n }, (_, i) => ((i * 7 + k * 3) % 11) / 8 - 0.5),
    ]),
  )

/** The plan computes what the interpreter says, fused and unfused, and reads nothing it has freed. */
const agrees = (
  roots: readonly Expr[],
  sizes: Readonly<Record<string, number>>,
  options: CompileOptions = {},
): void => {
  const inputs = values(sizes)
  const want = evaluate(roots, inputs)
  for (const fused of [true, false]) {
    const got = interpretPlan(planOf(roots, { ...options, fused, donated: Object.keys(sizes) }), inputs)
    want.forEach((w, i) => {
      const g = got.get(`o${i}`)!
      assert.is(g.length, w.length)
      w.forEach((x, k) =>
        assert.ok(Math.abs(x - g[k]!) <= 1e-12 * Math.max(1, Math.abs(x)), `o${i}[${k}]: got ${g[k]}, want ${x}`),
      )
    })
  }
}

const x = input('x', [4, 6])
const w = input('w', [6, 5])
const b = input('b', [5])

describe('kernels/compile', (test) => {
  test('a chain of element-wise ops is one step', () => {
    assert.equal(stepNames(planOf([tanh(mul(add(x, 1), 2))])), ['add+mul+tanh'])
  })

  test('bias, gelu and residual join the matmul', () => {
    const y = add(tanh(linear({ weight: w, bias: b })(x)), 1)
    assert.equal(stepNames(planOf([y])), ['matmul+add+tanh'])
    agrees([y], { x: 24, w: 30, b: 5 })
  })

  test('a transposed operand is read in place', () => {
    assert.equal(stepNames(planOf([matmul(transpose(w, [1, 0]), transpose(x, [1, 0]))])), ['transpose+matmul'])
    agrees([matmul(transpose(w, [1, 0]), transpose(x, [1, 0]))], { x: 24, w: 30 })
  })

  test('a prologue joins a reduction, but is computed once when a matmul would repeat it', () => {
    assert.equal(stepNames(planOf([sum(exp(x), 1)])), ['exp+reduceSum'])
    assert.equal(stepNames(planOf([matmul(exp(x), w)])), ['exp', 'matmul'])
  })

  test('one reduction a kernel: softmax keeps its maximum and its sum apart', () => {
    const plan = planOf([softmax(x)])
    for (const kernel of plan.kernels) assert.ok(!/reduceMax.*reduceSum/.test(kernel.name))
    agrees([softmax(x), sum(mul(softmax(x), x), 0)], { x: 24 })
  })

  test('a value that is read twice across kernels is stored once', () => {
    const h = gelu(x)
    agrees([matmul(h, w), sum(h)], { x: 24, w: 30 })
    const gelus = stepNames(planOf([matmul(h, w), sum(h)])).filter((n) => n.includes('erf'))
    assert.is(gelus.length, 1)
  })

  test('equal expressions built twice are one step', () => {
    assert.is(planOf([tanh(add(x, 1)), tanh(add(x, 1))]).steps.length, 1)
  })

  test('equal kernels on different buffers are one kernel', () => {
    const plan = planOf([tanh(input('p', [3])), tanh(input('q', [3]))])
    assert.is(plan.steps.length, 2)
    assert.is(plan.kernels.length, 1)
  })

  test('a reshape of a stored value is the same buffer', () => {
    const h = matmul(x, w)
    const plan = planOf([h, reshape(h, [20])])
    assert.is(plan.steps.length, 1)
    assert.is(plan.outputs[0]!.buffer, plan.outputs[1]!.buffer)
  })

  test('an output that is an input is no step', () => {
    const plan = planOf([x])
    assert.is(plan.steps.length, 0)
    assert.is(plan.outputs[0]!.buffer, plan.inputs[0]!.buffer)
  })

  test('intermediates are freed after their last use, inputs only when donated, outputs never', () => {
    const h = exp(x)
    const y = matmul(h, w)
    const freed = (plan: Plan): readonly string[] =>
      plan.steps.flatMap((s) =>
        s.frees.map((f) => plan.inputs.find((i) => i.buffer === f)?.name ?? plan.buffers[f]!.source),
      )
    assert.equal(freed(planOf([y])), ['step'])
    assert.equal([...freed(planOf([y], { donated: ['x', 'w'] }))].sort(), ['step', 'w', 'x'])
    assert.equal(freed(planOf([y, h], { donated: ['w'] })), ['w'])
  })

  test('no kernel reads more arrays than the device allows', () => {
    const parts = Array.from({ length: 20 }, (_, i) => input(`p${i}`, [3]))
    const total = parts.reduce((a, p) => add(a, p))
    for (const root of [total, concat(parts)]) {
      const plan = planOf([root], { maxInputs: 4 })
      assert.ok(plan.kernels.every((k) => k.inputs.length <= 4))
    }
    agrees([total, concat(parts)], Object.fromEntries(parts.map((_, i) => [`p${i}`, 3])), { maxInputs: 4 })
  })

  test('a gradient with remat plans the region twice and agrees', () => {
    const f = (z: Expr): Expr => sum(remat((y) => tanh(matmul(tanh(y), w)))(z))
    const plain = (z: Expr): Expr => sum(tanh(matmul(tanh(z), w)))
    agrees([f(x), grad(f)(x)], { x: 24, w: 30 })
    assert.ok(planOf([f(x), grad(f)(x)]).cost.flops > planOf([plain(x), grad(plain)(x)]).cost.flops)
  })

  test('dropout, layer norm, integer ids and iota agree with the interpreter', () => {
    const p = { weight: input('g', [6]), bias: input('c', [6]) }
    const y = dropout(0.5, keyOf(3))(layerNorm(p)(x))
    agrees([y, grad((z: Expr) => sum(dropout(0.5, keyOf(3))(layerNorm(p)(z))))(x)], { x: 24, g: 6, c: 6 })
    agrees([ops.gather(x, iota([4])), grad((z: Expr) => sum(mul(ops.gather(z, iota([4])), z)))(x)], { x: 24 })
  })

  test('a shape error raised while building is a Left with its scope', () => {
    const result = compile(() => ({ outputs: [{ name: 'y', value: scope('ffn', () => matmul(x, x)) }] }))
    assert.ok(E.isLeft(result) && result.left instanceof ShapeError)
    assert.is(result.left.message, 'matmul: expected rhs axis 0 of size 6, got f32[4,6] and f32[4,6]\n  at ffn')
  })

  test('any other error is a bug and is thrown', () => {
    assert.throws(
      () =>
        compile(() => {
          throw new RangeError('boom')
        }),
      /boom/,
    )
  })

  test('two inputs of one name and different shapes are refused', () => {
    const result = compile(() => ({ outputs: [{ name: 'y', value: add(sum(input('x', [2])), sum(input('x', [3]))) }] }))
    assert.ok(E.isLeft(result))
  })

  test('the cache gives the same plan for the same program, another for other options', () => {
    const cached = planCache()
    const build = () => ({ outputs: [{ name: 'y', value: tanh(x) }] })
    const plan = (o?: CompileOptions) => {
      const result = cached(build, o)
      return E.isRight(result) ? result.right : undefined
    }
    assert.is(plan(), plan())
    assert.is.not(plan(), plan({ fused: false }))
  })

  test('cost counts a matmul as 2 M N K and its peak as what is alive', () => {
    const { cost } = planOf([matmul(x, w)])
    assert.is(cost.flops, 2 * 4 * 6 * 5)
    assert.is(cost.peakBytes, 4 * (24 + 30 + 20))
  })
})

describe('kernels/simplify', (test) => {
  const simple = (e: Expr): Expr => simplify([e])[0]!
  test('markers go, so do pairs that undo each other', () => {
    assert.is(simple(stopGradient(x)), x)
    assert.is(simple(neg(neg(x))), x)
    assert.is(simple(ops.transpose({ perm: [1, 0] }, ops.transpose({ perm: [1, 0] }, x))), x)
    assert.is(simple(ops.reshape({ shape: [4, 6] }, ops.reshape({ shape: [24] }, x))), x)
    assert.is(simple(mul(x, 1)), x)
    assert.is(simple(sub(x, 0)), x)
  })
  test('x + 0 stays: it is not x when x is -0', () => {
    assert.is(simple(add(x, 0)).op.name, 'add')
  })
  test('sums of sums are one sum', () => {
    const y = simple(ops.reduceSum({ axes: [0] }, ops.reduceSum({ axes: [0, 2] }, input('t', [2, 3, 4]))))
    assert.equal(y.params.axes, [0, 1, 2])
  })
})
