import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  abs,
  add,
  attention,
  binaryCrossEntropy,
  broadcastTo,
  concat,
  crossEntropy,
  div,
  dropout,
  evaluateOne,
  exp,
  expandDims,
  gelu,
  iota,
  keyOf,
  layerNorm,
  le,
  linear,
  logSigmoid,
  logSoftmax,
  logSumExp,
  matmul,
  matrixTranspose,
  maximum,
  mean,
  minimum,
  mul,
  oneHot,
  pad,
  pick,
  reduceMax,
  reshape,
  sample,
  ShapeError,
  sigmoid,
  sliceAxis,
  softmax,
  softplus,
  square,
  stack,
  sub,
  sum,
  take,
  tensor,
  transpose,
  where,
  type Expr,
} from '../../core'
import * as functions from '../../core/functions'
import { jvp } from '../../autodiff'
import { withPolicy } from '../../kernels'
import {
  assertClose,
  distinct,
  ids,
  laws,
  offZero,
  problemsOf,
  reals,
  truths,
  type InputSpecs,
  type LawName,
  type Sizes,
} from '../kit'
import { describe } from '../harness'

const seed = 1606
/** At least 200 cases with elements for the laws of derivatives and of vmap, 100 for those that compare two programs. */
const runsOf = (law: LawName, sizes: Sizes = {}): number =>
  ['vmapGradient', 'remat', 'perturbations'].includes(law) ? 100 : sizes === empties ? 260 : 200

interface Case {
  readonly f: (...args: readonly Expr[]) => Expr
  readonly inputs: InputSpecs
  readonly sizes?: Sizes
}
const of = (f: (...args: never) => Expr, inputs: InputSpecs, sizes: Sizes = {}): Case => ({
  f: f as Case['f'],
  inputs,
  sizes,
})

const any = { x: { shape: ['...'] } }
const rows = { x: { shape: ['...', 'N'] } }
const empties = { '...': { min: 0 } }
const norm = { weight: { shape: ['D'] }, bias: { shape: ['D'] } }

/** Functions of core/functions.ts by export; several entries of one function have a remark after its name. */
const fromFunctions: Readonly<Record<string, Case>> = {
  square: of(square, any, empties),
  sigmoid: of(sigmoid, any, empties),
  softplus: of(softplus, any, empties),
  logSigmoid: of(logSigmoid, any, empties),
  gelu: of(gelu, any, empties),
  logSumExp: of((x: Expr) => logSumExp(x), rows),
  'logSumExp of the first axis': of((x: Expr) => logSumExp(x, 0), { x: { shape: ['N', '...'] } }),
  logSoftmax: of((x: Expr) => logSoftmax(x), rows),
  softmax: of((x: Expr) => softmax(x), rows),
  'softmax of the first axis': of((x: Expr) => softmax(x, 0), { x: { shape: ['N', '...'] } }),
  // Rows that vary: where the variance is below eps the function bends within the step of a finite difference.
  layerNorm: of((x: Expr, weight: Expr, bias: Expr) => layerNorm({ weight, bias })(x), {
    x: { shape: ['...', 'D'], values: distinct },
    ...norm,
  }),
  'layerNorm with a large eps': of((x: Expr, weight: Expr, bias: Expr) => layerNorm({ weight, bias }, 0.5)(x), {
    x: { shape: ['...', 'D'] },
    ...norm,
  }),
  linear: of((x: Expr, weight: Expr, bias: Expr) => linear({ weight, bias })(x), {
    x: { shape: ['B', 'I'] },
    weight: { shape: ['I', 'O'] },
    bias: { shape: ['O'] },
  }),
  'linear on three axes': of((x: Expr, weight: Expr, bias: Expr) => linear({ weight, bias })(x), {
    x: { shape: ['B', 'T', 'I'] },
    weight: { shape: ['I', 'O'] },
    bias: { shape: ['O'] },
  }),
  dropout: of(dropout(0.4, keyOf(3)), any, empties),
  'dropout of rate 0': of(dropout(0, keyOf(3)), any, empties),
  attention: of((q: Expr, k: Expr, v: Expr) => attention(q, k, v), {
    q: { shape: ['B', 'T', 'd'] },
    k: { shape: ['B', 'T', 'd'] },
    v: { shape: ['B', 'T', 'd'] },
  }),
  'attention with bias and dropout': of(
    (q: Expr, k: Expr, v: Expr, bias: Expr) => attention(q, k, v, { bias, scale: 0.5, drop: dropout(0.25, keyOf(5)) }),
    {
      q: { shape: ['T', 'd'] },
      k: { shape: ['T', 'd'] },
      v: { shape: ['T', 'd'] },
      bias: { shape: ['T', 'T'] },
    },
  ),
  'attention that sees no key after the query': of(
    (q: Expr, k: Expr, v: Expr) => {
      const T = q.aval.shape[0]!
      return attention(q, k, v, { isSeen: le(iota([T, T], 1), iota([T, T], 0)) })
    },
    { q: { shape: ['T', 'd'] }, k: { shape: ['T', 'd'] }, v: { shape: ['T', 'd'] } },
  ),
  pick: of(pick, { logits: { shape: ['...', 'V'] }, targets: { shape: ['...'], dtype: 'i32', values: ids('V') } }),
  crossEntropy: of(crossEntropy, {
    logits: { shape: ['...', 'V'] },
    targets: { shape: ['...'], dtype: 'i32', values: ids('V') },
  }),
  binaryCrossEntropy: of(binaryCrossEntropy, {
    logits: { shape: ['...'] },
    targets: { shape: ['...'], values: reals(0, 1) },
  }),
}
const withoutDerivative: Readonly<Record<string, string>> = {
  oneHot: 'of integers',
  sample: 'gives positions',
}

/** The sugar of core/sugar.ts that does more than call an op. */
const fromSugar: Readonly<Record<string, Case>> = {
  'add, broadcasting': of(add, { x: { shape: ['M', 'N'] }, y: { shape: ['N'] } }),
  'sub, broadcasting both ways': of(sub, { x: { shape: ['M', 1] }, y: { shape: [1, 'N'] } }),
  'mul, broadcasting': of(mul, { x: { shape: [] }, y: { shape: ['...'] } }),
  'div, broadcasting': of(div, { x: { shape: ['M', 'N'] }, y: { shape: ['M', 1], values: offZero(1 / 2) } }),
  'maximum with a number': of((x: Expr) => maximum(x, 0), { x: { shape: ['...'], values: offZero() } }),
  'minimum with a number': of((x: Expr) => minimum(x, 0), { x: { shape: ['...'], values: offZero() } }),
  abs: of(abs, { x: { shape: ['...'], values: offZero() } }),
  'where, broadcasting': of(where, {
    cond: { shape: ['N'], dtype: 'bool', values: truths },
    x: { shape: ['M', 'N'] },
    y: { shape: ['M', 1] },
  }),
  broadcastTo: of((x: Expr) => broadcastTo(x, [2, ...x.aval.shape.slice(0, -1), 3]), { x: { shape: ['N', 1] } }),
  mean: of((x: Expr) => mean(x), rows),
  'mean over the first axis, kept': of((x: Expr) => mean(x, 0, true), { x: { shape: ['N', '...'] } }),
  sum: of((x: Expr) => sum(x, -1), rows),
  reduceMax: of((x: Expr) => reduceMax(x, -1, true), { x: { shape: ['...', 'N'], values: distinct } }),
  'matmul, one right-hand side': of(matmul, { x: { shape: ['B', 'M', 'K'] }, y: { shape: ['K', 'N'] } }),
  'matmul, batch axes that broadcast': of(matmul, { x: { shape: ['B', 1, 'M', 'K'] }, y: { shape: ['C', 'K', 'N'] } }),
  matrixTranspose: of(matrixTranspose, { x: { shape: ['...', 'M', 'N'] } }),
  transpose: of((x: Expr) => transpose(x, [2, 0, 1]), { x: { shape: ['A', 'B', 'C'] } }),
  reshape: of((x: Expr) => reshape(x, [-1, x.aval.shape[0]!]), { x: { shape: ['A', 'B', 'C'] } }),
  'concat along the last axis': of((x: Expr, y: Expr) => concat([x, y, x], -1), {
    x: { shape: ['M', 'N'] },
    y: { shape: ['M', 'K'] },
  }),
  stack: of((x: Expr, y: Expr) => stack([x, y, x]), { x: { shape: ['...'] }, y: { shape: ['...'] } }),
  expandDims: of((x: Expr) => expandDims(x, -1), any),
  sliceAxis: of((x: Expr) => sliceAxis(x, -1, 1, 1), { x: { shape: ['...', 'N'] } }, { N: { min: 2 } }),
  pad: of((x: Expr) => pad(x, [1, 0], [0, 2]), { x: { shape: ['M', 'N'] } }),
  take: of(take, { table: { shape: ['V', 'D'] }, ids: { shape: ['...'], dtype: 'i32', values: ids('V') } }),
  'a value used twice, thrice': of((x: Expr) => add(mul(x, x), mul(exp(x), mul(x, x))), any, empties),
}

const cases = { ...fromFunctions, ...fromSugar }

describe('core/functions: laws', (test) => {
  test('every function is held to the laws or named here', () => {
    const exported = Object.keys(functions).sort()
    const held = Object.keys(fromFunctions).filter((name) => Object.hasOwn(functions, name))
    assert.equal([...held, ...Object.keys(withoutDerivative)].sort(), exported)
    for (const [name, why] of Object.entries(withoutDerivative)) console.log(`  ${name}: exempt, ${why}`)
  })

  test('at least 200 of the drawn cases have elements', () => {
    for (const [name, { f, inputs, sizes }] of Object.entries(cases)) {
      const drawn = fc.sample(problemsOf(name, f, inputs, sizes), { numRuns: runsOf('finiteDifferences', sizes), seed })
      const full = drawn.filter(({ args }) => args.some((a) => a.points[0]!.length > 0))
      assert.ok(full.length >= 200, `${name}: ${full.length} of ${drawn.length}`)
    }
  })

  for (const [name, { f, inputs, sizes }] of Object.entries(cases))
    for (const law of Object.keys(laws) as readonly LawName[])
      test(`${name}: ${law}`, () => {
        fc.assert(fc.property(problemsOf(name, f, inputs, sizes), laws[law]), { seed, numRuns: runsOf(law, sizes) })
      })
})

const value = (e: Expr): readonly number[] => [...evaluateOne(e)]

describe('core/functions: values', (test) => {
  test('sigmoid, softplus and logSigmoid do not overflow', () => {
    const x = tensor([-1000, -40, 0, 40, 1000])
    assertClose(value(sigmoid(x)), [0, 0, 0.5, 1, 1], { tolerance: 1e-15 })
    assertClose(value(softplus(x)), [0, 0, Math.LN2, 40, 1000], { tolerance: 1e-15 })
    assertClose(value(logSigmoid(x)), [-1000, -40, -Math.LN2, 0, 0], { tolerance: 1e-15 })
  })

  test('softplus has derivative 1/2 at 0 in forward mode too, though its pieces have kinks there', () => {
    const at0 = jvp((p: { readonly x: Expr }) => softplus(p.x), { x: tensor([0]) }, { x: tensor([1]) })
    assert.equal(value(at0.tangent), [0.5])
  })

  test('softmax, logSoftmax and logSumExp: by hand, and shifted by 10^4', () => {
    const [a, b] = [1 / (1 + Math.E), Math.E / (1 + Math.E)]
    assertClose(value(softmax(tensor([10000, 10001]))), [a, b], { tolerance: 1e-12 })
    assertClose(value(logSoftmax(tensor([-10000, -9999]))), [Math.log(a), Math.log(b)], { tolerance: 1e-12 })
    assertClose(value(logSumExp(tensor([[0, 0, 0]]))), [Math.log(3)], { tolerance: 1e-15 })
  })

  test('gelu: x Φ(x) with Φ(1) = 0.841344746068542948585...', () =>
    assertClose(value(gelu(tensor([1, -1, 0]))), [0.8413447460685429, -0.15865525393145705, 0], { tolerance: 1e-15 }))

  test('layerNorm: rows of mean 0 and variance 1, then scaled', () => {
    const p = { weight: tensor([2, 2]), bias: tensor([10, 10]) }
    assertClose(value(layerNorm(p, 0)(tensor([[1, 3]]))), [8, 12], { tolerance: 1e-15 })
  })

  test('crossEntropy of equal logits is ln V, and of a certain one 0', () => {
    const logits = tensor([
      [0, 0, 0, 0],
      [0, 1000, 0, 0],
    ])
    assertClose(value(crossEntropy(logits, tensor([2, 1], 'i32'))), [Math.log(4), 0], { tolerance: 1e-15 })
    assert.throws(
      () => crossEntropy(logits, tensor([2, 1])),
      (e: unknown) =>
        e instanceof ShapeError &&
        e.message === 'crossEntropy: expected float logits [..., V] and i32 targets [...], got f32[2,4] and f32[2]',
    )
  })

  test('binaryCrossEntropy is -t ln σ(x) - (1 - t) ln(1 - σ(x))', () => {
    const [x, t] = [0.75, 0.25]
    const s = 1 / (1 + Math.exp(-x))
    const want = -t * Math.log(s) - (1 - t) * Math.log(1 - s)
    assertClose(value(binaryCrossEntropy(tensor([x]), tensor([t]))), [want], { tolerance: 1e-14 })
  })

  test('attention with equal scores averages; a bias of -10^9 hides a place', () => {
    const [q, k, v] = [tensor([[0], [0]]), tensor([[1], [2]]), tensor([[10], [30]])]
    assertClose(value(attention(q, k, v)), [20, 20])
    const bias = tensor([
      [0, -1e9],
      [-1e9, 0],
    ])
    assertClose(value(attention(q, k, v, { bias })), [10, 30])
  })

  test('attention: a key that is not seen has no part, whatever its logit; in no dtype a row is lost', () => {
    const [q, k, v] = [tensor([[8], [8]]), tensor([[1], [100]]), tensor([[10], [30]])]
    const seen = (rows: readonly (readonly number[])[]) => ({ isSeen: tensor(rows, 'bool') })
    const first = [[1, 0]] // of every query
    assert.equal(value(attention(q, k, v, seen(first))), [10, 10])
    assert.equal(value(attention(q, k, v, seen([[0, 1], [1, 0]]))), [30, 10]) // prettier-ignore
    assertClose(value(attention(q, mul(k, 0), v, seen([[0, 0]]))), [20, 20], { label: 'none is seen: all alike' })
    for (const compute of ['f16', 'bf16'] as const) {
      const half = withPolicy({ compute })((x: Expr) => attention(x, k, v, seen(first)))
      assert.equal(value(half(q)), [10, 10], compute)
    }
  })

  test('oneHot, pick and sample', () => {
    assert.equal(value(oneHot(tensor([2, 0], 'i32'), 3)), [0, 0, 1, 1, 0, 0])
    assert.equal(value(pick(tensor([[1, 2, 3]]), tensor([1], 'i32'))), [2])
    assert.equal(value(sample(tensor([[0, 5, 0]]), tensor([[0, -9, 1]]))), [2])
  })
})
