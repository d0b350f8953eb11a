import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  customVjp,
  definePlainOp,
  evaluateOne,
  exp,
  full,
  input,
  log,
  mul,
  ops,
  stopGradient,
  sum,
  tanh,
  topological,
  type Expr,
  type NoParams,
  type Op,
  type Rules,
} from '../../core'
import { pullback } from '../../autodiff'
import {
  dropsDerivatives,
  equalsItsRemat,
  isDual,
  isLinear,
  keepsPerturbationsApart,
  LawError,
  mapsGradientsOverStacks,
  mapsOverStacks,
  matchesFiniteDifferences,
  matchesSecondOrder,
  problemsOf,
  type Grad,
  type Problem,
} from '.'
import { describe } from '../harness'

const settings = { seed: 8, numRuns: 100 }
const holds = (law: (p: Problem) => void, f: (...args: readonly Expr[]) => Expr): void =>
  fc.assert(fc.property(problemsOf('specimen', f, { x: { shape: ['...', 'N'] } }), law), settings)

/** The law rejects the specimen, by its own name, in a case with few numbers. */
const rejects = (law: (p: Problem) => void, name: string, f: (...args: readonly Expr[]) => Expr, most = 1): void => {
  const problems = problemsOf('specimen', f, { x: { shape: ['...', 'N'] } })
  const run = fc.check(fc.property(problems, law), settings)
  const error = run.errorInstance
  assert.ok(run.failed && error instanceof LawError, `rejected: ${String(error)}`)
  assert.is(error.fault.law, name)
  const [problem] = run.counterexample!
  assert.ok(problem.args[0]!.points[0]!.length <= most, error.message)
}

/** An op of one input with rules as given: y = x³ by default, right in every rule. */
const cube = (rules: Partial<Rules<NoParams, 1>>): Op<NoParams, 1> => {
  const op: Op<NoParams, 1> = definePlainOp<1>({
    name: 'cube',
    doc: 'y = x³',
    arity: 1,
    smoothness: 'smooth',
    shape: ([x]) => x,
    vjp: (ct, { inputs: [x] }) => [mul(ct, mul(3, mul(x, x)))],
    jvp: ([t], { inputs: [x] }) => (t === null ? null : mul(t, mul(3, mul(x, x)))),
    batch: ([x]) => op(x.expr),
    eval: ([x]) => x.map((v) => v ** 3),
    lower: ([x]) => ({ kind: 'map', at: x }),
    ...rules,
  })
  return op
}

/** x minus its mean, with a batching rule that takes the mean over the whole stack. */
const centred: Op<NoParams, 1> = cube({
  name: 'centred',
  vjp: (ct) => [centred(ct)],
  jvp: 'linear',
  batch: ([x]) => centred(x.expr),
  eval: ([x]) => {
    const mean = x.reduce((a, b) => a + b, 0) / x.length
    return x.map((v) => v - mean)
  },
})

/** A gradient that takes every node of equal structure for the variable: an engine with perturbation confusion. */
const gradByStructure: Grad = (f) => (x) => {
  const vars = Object.fromEntries(Object.entries(x).map(([name, e]) => [name, ops.variable(e)]))
  const out = f(vars)
  return Object.fromEntries(
    Object.entries(vars).map(([name, v]) => {
      const alike = topological([out]).filter((e) => e.hash === v.hash)
      const cts = pullback([out], alike)([full(1, [])])
      return [name, cts.reduce<Expr>((total, ct) => (ct === null ? total : add(total, ct)), full(0, v.aval.shape))]
    }),
  )
}

describe('spec/kit: every law holds for a right rule and rejects a broken one', (test) => {
  const right = cube({})
  const reversible = {
    'finite differences': matchesFiniteDifferences,
    duality: isDual,
    linearity: isLinear,
    'second order': matchesSecondOrder,
    vmap: mapsOverStacks,
    'vmap of the gradient': mapsGradientsOverStacks,
    remat: equalsItsRemat,
    'perturbation confusion': (p: Problem): void => keepsPerturbationsApart(p),
  }
  for (const [name, law] of Object.entries(reversible)) test(`${name} holds for x³`, () => holds(law, right))

  test('finite differences alone reject a rule that is wrong by a constant in both modes', () => {
    const wrong = cube({
      vjp: (ct, { inputs: [x] }) => [mul(ct, mul(2, mul(x, x)))],
      jvp: ([t], { inputs: [x] }) => (t === null ? null : mul(t, mul(2, mul(x, x)))),
    })
    for (const law of [isDual, isLinear, matchesSecondOrder, mapsGradientsOverStacks]) holds(law, wrong)
    rejects(matchesFiniteDifferences, 'finite differences', wrong)
  })

  test('finite differences reject a derivative that forgets one element', () => {
    const forgets = cube({ vjp: (ct, { inputs: [x] }) => [mul(ct, mul(3, mul(x, stopFirst(x))))] })
    const stopFirst = (x: Expr): Expr => {
      const flat = ops.reshape({ shape: [sizeOfExpr(x)] }, x)
      const tail = ops.slice({ start: [1], size: [sizeOfExpr(x) - 1] }, flat)
      return ops.reshape({ shape: x.aval.shape }, ops.pad({ before: [1], after: [0] }, tail))
    }
    const sizeOfExpr = (x: Expr): number => x.aval.shape.reduce((n, s) => n * s, 1)
    rejects(matchesFiniteDifferences, 'finite differences', forgets)
  })

  test('duality rejects modes that disagree', () =>
    rejects(isDual, 'duality', cube({ jvp: ([t], { inputs: [x] }) => (t === null ? null : mul(t, mul(x, x))) })))

  test('linearity rejects a rule with a constant and one that squares', () => {
    rejects(isLinear, 'linearity', cube({ vjp: (ct) => [add(ct, 1)] }))
    rejects(isLinear, 'linearity', cube({ vjp: (ct) => [mul(ct, ct)] }))
  })

  test('second order rejects a right derivative that cannot be differentiated', () => {
    const blocked = cube({ vjp: (ct, { inputs: [x] }) => [mul(ct, mul(3, stopGradient(mul(x, x))))] })
    holds(matchesFiniteDifferences, blocked)
    rejects(matchesSecondOrder, 'second order', blocked)
  })

  test('vmap rejects a batching rule that mixes the entries of the stack', () => {
    holds(matchesFiniteDifferences, centred)
    rejects(mapsOverStacks, 'vmap', centred)
  })

  test('vmap of the gradient rejects a rule that cannot be batched, though its function can', () => {
    const f = customVjp(
      'hides',
      (x) => mul(x, 1),
      (ct) => [centred(ct)],
    )
    holds(mapsOverStacks, f)
    rejects(mapsGradientsOverStacks, 'vmap of the gradient', f)
  })

  test('remat rejects a function that is another one each time it is called', () => {
    let times = 0
    rejects(equalsItsRemat, 'remat', (x) => mul(x, ++times))
  })

  test('perturbation confusion is found in an engine that knows variables by their structure', () => {
    const confused = (p: Problem): void => keepsPerturbationsApart(p, gradByStructure)
    rejects(confused, 'perturbation confusion', tanh)
  })

  test('no derivative: holds for floor, rejects a derivative in either mode', () => {
    holds(dropsDerivatives, ops.floor)
    rejects(dropsDerivatives, 'no derivative', right)
    rejects(dropsDerivatives, 'no derivative', cube({ vjp: null }))
    rejects(dropsDerivatives, 'no derivative', cube({ jvp: null }))
  })

  test('a cotangent of another shape than its input is a fault, however the numbers come out', () => {
    for (const law of [matchesFiniteDifferences, isDual, isLinear, matchesSecondOrder])
      rejects(law, 'shapes', cube({ vjp: (ct) => [sum(ct)] }))
  })

  test('values that are not finite are a fault: finite differences of them would say nothing', () => {
    rejects(matchesFiniteDifferences, 'finite values', (x) => log(x))
    rejects(matchesFiniteDifferences, 'finite values', (x) => exp(exp(exp(exp(add(x, 10))))))
  })

  test('a function without floats has no derivative to check', () =>
    rejects(matchesFiniteDifferences, 'types', (x) => ops.lt(x, x)))

  test('a function that reads no input has derivative 0', () => {
    for (const law of Object.values(reversible)) holds(law, (x) => full(2, x.aval.shape))
    assert.is(evaluateOne(input('x', []), new Map([['x', [1]]]))[0], 1)
  })
})
