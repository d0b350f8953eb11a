import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  allOps,
  broadcastTo,
  crossEntropy,
  gelu,
  isFloat,
  layerNorm,
  mul,
  sizeOf,
  softmax,
  softplus,
  type Expr,
} from '../../../core'
import { functionPrecision, opPrecision, roundingsOf } from '../../../kernels'
import { callsOf, halfArbitrary, LawError, problemsOf, roundsAtMost, type Call, type Problem } from '../../kit'
import { describe } from '../../harness'

const halves = ['f16', 'bf16'] as const

/** A problem with its float inputs replaced by halves of any size. */
const withHalves = <P extends Problem>(problem: P, numbers: readonly number[]): P => {
  let next = 0
  const args = problem.args.map((a) =>
    isFloat(a.aval.dtype)
      ? { ...a, points: [Array.from({ length: sizeOf(a.aval.shape) }, () => numbers[next++ % numbers.length]!)] }
      : a,
  )
  return { ...problem, args }
}
const onHalves = <P extends Problem>(problems: fc.Arbitrary<P>, dtype: 'f16' | 'bf16'): fc.Arbitrary<P> =>
  fc
    .tuple(
      problems,
      fc.array(halfArbitrary(dtype, { nan: false, infinities: false }), { minLength: 40, maxLength: 40 }),
    )
    .map(([p, numbers]) => withHalves(p, numbers))

const exempt: Readonly<Record<string, string>> = {
  cast: 'says its dtype',
  constant: 'says its dtype',
  input: 'says its dtype',
  iota: 'integers',
  literal: 'says its dtype',
  remat: 'rounded as the ops of its region are',
}

describe('kernels/precision: the rules', (test) => {
  test('every op has one, and no rule is without an op', () => {
    assert.equal(Object.keys(opPrecision).sort(), allOps.map((op) => op.name).sort())
  })

  for (const op of allOps.filter(({ name }) => !Object.hasOwn(exempt, name)))
    for (const dtype of halves)
      test(`${op.name} under ${dtype} is rounded as often as its rule says`, () => {
        const calls: fc.Arbitrary<Call> = onHalves(callsOf(op), dtype)
        fc.assert(fc.property(calls, roundsAtMost(roundingsOf(opPrecision[op.name]!), dtype)), {
          seed: 16,
          numRuns: 200,
        })
      })

  const row = { shape: ['...', 'N'] } as const
  const functions: Readonly<Record<string, fc.Arbitrary<Problem>>> = {
    softmax: problemsOf('softmax', (x) => softmax(x), { x: row }),
    layerNorm: problemsOf('layerNorm', (x, weight, bias) => layerNorm({ weight: weight, bias: bias })(x), {
      x: row,
      weight: { shape: ['N'] },
      bias: { shape: ['N'] },
    }),
    gelu: problemsOf('gelu', (x) => gelu(x), { x: row }),
    crossEntropy: problemsOf('crossEntropy', (x, t) => crossEntropy(x, t), {
      x: row,
      t: { shape: ['...'], dtype: 'i32', values: (shape) => Array.from({ length: sizeOf(shape) }, () => 0) },
    }),
    softplus: problemsOf('softplus', (x) => softplus(x), { x: row }),
  }

  test('every function with a rule of its own is held to it', () =>
    assert.equal(Object.keys(functions).sort(), Object.keys(functionPrecision).sort()))

  for (const [name, problems] of Object.entries(functions))
    for (const dtype of halves)
      test(`${name} under ${dtype} is computed in f32 and rounded as often as its rule says`, () =>
        fc.assert(fc.property(problems, roundsAtMost(roundingsOf(functionPrecision[name]!), dtype)), {
          seed: 16,
          numRuns: 200,
        }))

  test('the law rejects a function that rounds in between', () => {
    const twice = (x: Expr): Expr => mul(mul(x, broadcastTo(x, x.aval.shape)), 1 / 3)
    const run = fc.check(fc.property(problemsOf('twice', twice, { x: row }), roundsAtMost(1, 'f16')), { seed: 16 })
    assert.ok(run.errorInstance instanceof LawError && run.errorInstance.fault.law === 'precision')
  })
})
