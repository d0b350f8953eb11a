import * as assert from 'uvu/assert'
import {
  abs,
  add,
  customVjp,
  exp,
  layerNorm,
  log,
  matmul,
  maximum,
  mul,
  ops,
  reshape,
  sum,
  tanh,
  type Expr,
} from '../../core'
import {
  checkGradients,
  distinct,
  GradientError,
  lawNames,
  offZero,
  positive,
  type CheckOptions,
  type InputSpecs,
} from '.'
import { describe } from '../harness'

const failure = (
  f: (...args: readonly Expr[]) => Expr,
  inputs: InputSpecs,
  options: CheckOptions = {},
): GradientError => {
  try {
    checkGradients(f, inputs, { seed: 1, ...options })
  } catch (error) {
    if (error instanceof GradientError) return error
    throw error
  }
  throw new Error('checkGradients found nothing')
}

/** y = x³ with a derivative that has the wrong sign. */
const wrongCube = customVjp(
  'cube',
  (x) => mul(x, mul(x, x)),
  (ct, [x]) => [mul(ct, mul(-3, mul(x!, x!)))],
)

describe('spec/kit: checkGradients', (test) => {
  test('passes what is right: a function of two inputs, a customVjp, an op, an op with parameters, integers beside', () => {
    const runs = { seed: 1, numRuns: 40 }
    checkGradients((x, w) => tanh(matmul(x, w)), { x: { shape: ['B', 'I'] }, w: { shape: ['I', 'O'] } }, runs)
    checkGradients(
      (x, weight, bias) => layerNorm({ weight: weight, bias: bias })(x),
      { x: { shape: ['...', 'D'], values: distinct }, weight: { shape: ['D'] }, bias: { shape: ['D'] } },
      runs,
    )
    checkGradients(ops.log, { x: { shape: ['...'], values: positive } }, runs)
    checkGradients((x) => ops.reduceSum({ axes: [0] }, x), { x: { shape: [2, 'N'] } }, runs)
    checkGradients(
      (table, at) => ops.gather(table, at),
      { table: { shape: [3, 'D'] }, at: { shape: ['N'], dtype: 'i32' } },
      runs,
    )
    checkGradients((x) => exp(x), { x: { shape: ['N'] } }, { ...runs, sizes: { N: { min: 0, max: 2 } } })
  })

  test('a wrong sign: one message with the law, the shrunk input, got, want, and how to replay it', () => {
    const error = failure(wrongCube, { x: { shape: ['B', 'N'] } }, { name: 'wrongCube', seed: 42 })
    assert.is(error.law, 'finiteDifferences')
    assert.equal(error.counterexample.args[0]!.aval, { dtype: 'f32', shape: [1, 1] })
    assert.is(error.counterexample.args[0]!.points[0]!.length, 1)
    assert.is(error.seed, 42)
    const lines = error.message.split('\n')
    assert.match(
      lines[0]!,
      'wrongCube breaks the law of finite differences: <vjp w, t> = (φ(x + h t) - φ(x - h t)) / 2h with φ = <w, f>, h = 1e-5',
    )
    assert.equal(
      lines.slice(1).map((line) => line.trim().split(/\s+/)[0]),
      ['x', 't(x)', 'w', 'got', 'want', 'error', 'found', 'replay'],
    )
    const number = (name: string): number => Number(new RegExp(`^ +${name} +(\\S+)`, 'm').exec(error.message)?.[1])
    assert.ok(Math.abs(number('got') + number('want')) < 1e-6, 'got and want differ in sign')
    const x = error.counterexample.args[0]!.points[0]![0]!
    assert.ok(Math.abs(x) <= 1 / 4, `shrunk to a simple number: ${x}`)
  })

  test('the printed seed and path give the same case again, at once', () => {
    const inputs: InputSpecs = { x: { shape: ['B', 'N'] } }
    const first = failure(wrongCube, inputs, { seed: 7 })
    const again = failure(wrongCube, inputs, { seed: first.seed, path: first.path, laws: [first.law] })
    assert.equal(again.counterexample.args[0]!.points, first.counterexample.args[0]!.points)
    assert.ok(first.message.includes(`{ seed: 7, path: '${first.path}', laws: ['finiteDifferences'] }`))
  })

  test('runs only the laws asked for', () => {
    checkGradients(wrongCube, { x: { shape: ['N'] } }, { seed: 1, laws: ['linearity', 'vmap'] })
    assert.is(failure(wrongCube, { x: { shape: ['N'] } }, { laws: ['duality'] }).law, 'duality')
    assert.equal(lawNames.length, 8)
  })

  test('a wrong shape shrinks with both of its sizes, and is named', () => {
    const f = customVjp(
      'rowSum',
      (x) => sum(x, -1),
      (ct) => [reshape(ct, [...ct.aval.shape, 1])], // not repeated along the rows
    )
    const error = failure(f, { x: { shape: ['B', 'N'] } })
    assert.match(
      error.message,
      /^the function breaks the law of shapes: a cotangent has the shape and dtype of its input/,
    )
    assert.equal(error.counterexample.args[0]!.aval.shape, [1, 2])
    assert.match(error.message, /got +f32\[1,1\]\n +want +f32\[1,2\]/)
  })

  test('a function that throws is reported with the inputs it threw on', () => {
    const error = failure((x) => matmul(x, x), { x: { shape: ['M', 'N'] } }, { name: 'squareOf' })
    assert.match(
      error.message,
      /^squareOf throws while finiteDifferences is checked: matmul: expected rhs axis 0 of size/,
    )
    assert.match(error.message, /\n {2}x {8}f32\[1,2\] = /)
  })

  test('kinks: found in the default domain, out of it by `values`', () => {
    const relu = (x: Expr): Expr => maximum(x, 0)
    assert.is(failure(relu, { x: { shape: ['N'] } }, { name: 'relu' }).law, 'finiteDifferences')
    checkGradients(relu, { x: { shape: ['N'], values: offZero() } }, { seed: 1 })
  })

  test('a value that is not finite is named: the domain is at fault', () =>
    assert.match(
      failure((x) => log(abs(x)), { x: { shape: ['N'] } }).message,
      /breaks the law of finite values.*\n(.*\n)*.*at +element 0 of the value\n +got +-Infinity/,
    ))

  test('fixed inputs have no derivative; without any moving input there is nothing to check', () => {
    const f = customVjp(
      'scaled',
      (x, scale) => mul(x, scale),
      (ct, [, scale]) => [mul(ct, scale!), null],
    )
    checkGradients(f, { x: { shape: ['N'] }, scale: { shape: ['N'], fixed: true } }, { seed: 1 })
    assert.is(failure(f, { x: { shape: ['N'] }, scale: { shape: ['N'] } }).law, 'finiteDifferences')
    assert.throws(
      () => checkGradients(add, { a: { shape: [], dtype: 'i32' }, b: { shape: [], fixed: true } }),
      'checkGradients: expected at least one float input that is not fixed, got a, b',
    )
  })
})
