import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  allOps,
  concat,
  definePlainOp,
  div,
  erase,
  Expr,
  full,
  input,
  makeNode,
  mul,
  neg,
  ops,
  requireFloat,
  sizeOf,
  sum,
  tensor,
  topological,
  unary,
  type Index,
  type NoParams,
  type Op,
  type Scalar,
} from '../../core'
import { simplify, type Kernel, type Plan } from '../../kernels'
import { describe } from '../harness'
import { opsOf, programs, showTensorProgram, type TensorProgram } from '../kit/arbitraries/program'
import { agreesInFloat64, planOf, type MakePlan } from './compare-programs'

const sampled = (limits: Parameters<typeof programs>[0], numRuns: number): readonly TensorProgram[] =>
  fc.sample(programs(limits), { seed: 20, numRuns })

/** A program of given expressions with given inputs, as a counterexample names them. */
const agree = (outputs: readonly Expr[], inputs: Readonly<Record<string, readonly number[]>> = {}): void =>
  agreesInFloat64()({
    outputs,
    inputs: new Map(Object.entries(inputs).map(([name, data]) => [name, Float64Array.from(data)])),
  })

describe('spec/kit/programs', (test) => {
  test('every op occurs, with every dtype that a program can hold', () => {
    const all = sampled({}, 400).flatMap(({ outputs }) => topological(outputs))
    const names = new Set(all.map((e) => e.op.name))
    assert.equal(
      allOps.map((op) => op.name).filter((name) => !names.has(name)),
      [],
    )
    assert.equal([...new Set(all.map((e) => e.aval.dtype))].sort(), ['bf16', 'bool', 'f16', 'f32', 'i32'])
    assert.equal([...new Set(all.map((e) => e.aval.shape.length))].sort(), [0, 1, 2, 3, 4])
    assert.ok(all.some((e) => sizeOf(e.aval.shape) === 0))
  })

  test('the number of ops is what was asked for, and all are needed', () => {
    for (const program of sampled({ minOps: 7, maxOps: 7 }, 50)) assert.is(opsOf(program).length, 7)
    const counts = sampled({}, 200).map((p) => opsOf(p).length)
    assert.is(Math.min(...counts), 1)
    assert.is(Math.max(...counts), 30)
  })

  test('values are read more than once, outputs are several, and one may be an input', () => {
    const drawn = sampled({}, 200)
    const isShared = ({ outputs }: TensorProgram): boolean => {
      const read = topological(outputs).flatMap((e) => e.inputs)
      return new Set(read).size < read.length
    }
    assert.ok(drawn.filter(isShared).length > 100)
    assert.ok(drawn.filter((p) => p.outputs.length > 1).length > 100)
    assert.ok(drawn.some((p) => p.outputs.some((e) => e.op.name === 'input')))
  })

  test('a counterexample prints as a program and the values of its inputs', () => {
    const text = showTensorProgram({
      outputs: [neg(input('x0', [2]))],
      inputs: new Map([['x0', Float64Array.of(1 / 8, 0)]]),
    })
    assert.is(text, '%0 = input {"name":"x0"} : f32[2]\n%1 = neg %0 : f32[2]\nreturn %1\nx0 = [0.125, 0]')
    const { counterexample } = fc.check(
      fc.property(programs(), () => false),
      { seed: 3 },
    )
    assert.match(fc.stringify(counterexample), /%0 = [^]*\nreturn %/)
  })
})

// ------------------------------------------------------------------------------------------------ specimens

/** The op with another lowering in the place of its own, wherever a program has it. */
const withLowering = (name: string, lower: Expr['op']['lower']): MakePlan => {
  return (values, options) => {
    const made = new Map<Expr, Expr>()
    for (const e of topological(values)) {
      const op = e.op.name === name ? { ...e.op, lower } : e.op
      const inputs = e.inputs.map((x) => made.get(x)!)
      const isSame = op === e.op && inputs.every((x, i) => x === e.inputs[i])
      made.set(e, isSame ? e : new Expr(op, e.params, inputs, e.aval, `${e.hash}'`, e.path))
    }
    return planOf(
      values.map((v) => made.get(v)!),
      options,
    )
  }
}

/** A plan with its kernels changed. */
const withKernels =
  (change: (kernel: Kernel, plan: Plan) => Kernel, only: (fused: boolean) => boolean = () => true): MakePlan =>
  (values, options) => {
    const plan = planOf(values, options)
    return only(options.fused !== false) ? { ...plan, kernels: plan.kernels.map((k) => change(k, plan)) } : plan
  }

const mapScalar = (s: Scalar, f: (s: Scalar) => Scalar): Scalar => {
  const of = (x: Scalar): Scalar => mapScalar(x, f)
  switch (s.tag) {
    case 'unary':
      return f({ ...s, x: of(s.x), key: `${s.key}'` })
    case 'binary':
      return f({ ...s, x: of(s.x), y: of(s.y), key: `${s.key}'` })
    case 'select':
      return f({ ...s, cond: of(s.cond), x: of(s.x), y: of(s.y), key: `${s.key}'` })
    default:
      return f(s)
  }
}

const specimens: Readonly<Record<string, MakePlan>> = {
  'a constant that is changed by a thousandth': withKernels((k) => ({
    ...k,
    body: mapScalar(k.body, (s) =>
      s.tag === 'const' && s.type === 'real' ? { ...s, value: s.value * 1.001, key: `${s.key}'` } : s,
    ),
  })),
  'a transpose that permutes the wrong way': withLowering('transpose', ([x], { params }) => ({
    kind: 'map',
    at: (coords) => x!((params.perm as readonly number[]).map((p) => coords[p]!)),
  })),
  'a maximum that takes the first of two for the greater': withLowering('max', ([x]) => ({ kind: 'map', at: x! })),
  'a sum without its last term, when fused': withKernels(
    (k) => {
      const { reduce } = k
      const last = reduce?.axes.at(-1)
      if (reduce?.fn !== 'sum' || last === undefined || last.size < 2) return k
      return { ...k, reduce: { ...reduce, axes: [...reduce.axes.slice(0, -1), { ...last, size: last.size - 1 }] } }
    },
    (fused) => fused,
  ),
  'halves that are not rounded': withKernels((k) => ({
    ...k,
    body: mapScalar(k.body, (s) => (s.tag === 'unary' && s.fn.startsWith('round') ? s.x : s)),
  })),
  'a buffer that is freed too early': (values, options) => {
    const plan = planOf(values, options)
    const kept = new Set(plan.outputs.map((o) => o.buffer))
    const early = (b: number): boolean => plan.buffers[b]!.source === 'step' && !kept.has(b)
    return { ...plan, steps: plan.steps.map((s) => ({ ...s, frees: [...s.frees, ...s.inputs.filter(early)] })) }
  },
}

describe('kernels/programs', (test) => {
  test('fused = unfused = evaluate, to 1e-12 and to the sign of zero', () =>
    fc.assert(fc.property(programs(), agreesInFloat64()), { seed: 1, numRuns: 500 }))

  test('programs of 30 ops', () =>
    fc.assert(fc.property(programs({ minOps: 30 }), agreesInFloat64()), { seed: 2, numRuns: 60 }))

  test('kernels that may read two arrays only', () =>
    fc.assert(fc.property(programs({ maxOps: 12 }), agreesInFloat64(planOf, { maxInputs: 2 })), {
      seed: 3,
      numRuns: 100,
    }))

  for (const [title, plan] of Object.entries(specimens))
    test(`control: ${title} is rejected, and shrunk to a few ops`, () => {
      const result = fc.check(fc.property(programs(), agreesInFloat64(plan)), { seed: 4, numRuns: 300 })
      assert.ok(result.failed, 'no program shows it')
      assert.match(String(result.errorInstance), /differ at index|is read before it is written or after it is freed/)
      const smallest = opsOf(result.counterexample![0])
      assert.ok(smallest.length <= 8, showTensorProgram(result.counterexample![0]))
    })

  test('control: an op of one’s own with a wrong lowering is rejected', () => {
    const half: Op<NoParams, 1> = definePlainOp<1>({
      name: 'half',
      doc: 'y = x / 2',
      arity: 1,
      smoothness: 'smooth',
      shape: ([x]) => {
        requireFloat('half', x)
        return x
      },
      vjp: (ct) => [mul(ct, 1 / 2)],
      jvp: 'linear',
      batch: ([x]) => makeNode(erase(half.spec), {}, [x.expr]),
      eval: ([x]) => x.map((v) => v / 2),
      lower: ([x]) => ({ kind: 'map', at: (coords: readonly Index[]) => unary('neg', x(coords)) }),
    })
    const y = half(input('x', [2]))
    assert.throws(() => agree([y], { x: [1, 2] }), /output 0: fused, and evaluate, differ at index 0: got -1, want 0.5/)
  })
})

// What random programs found, each by its smallest program.
describe('kernels/programs: found', (test) => {
  test('a constant is stored as its dtype holds it', () => {
    agree([tensor([0.1, 1 / 3], 'f16'), tensor([3, 0], 'bool'), tensor([2.5, -2.5], 'i32'), tensor([0.1], 'bf16')])
  })

  test('arithmetic on equal numbers of half precision is rounded', () => {
    const x = full(2.375, [2], 'bf16')
    agree([div(x, ops.abs(neg(ops.sqrt(x)))), mul(full(0.1, [], 'f16'), full(0.7, [], 'f16'))])
  })

  test('a sum of sums of half precision is rounded twice', () => {
    const x = input('x', [4, 4], 'bf16')
    const data = Array.from({ length: 16 }, (_, i) => 1 + i / 8)
    agree([sum(sum(x, 0), 0)], { x: data })
    const [merged] = simplify([sum(sum(input('y', [4, 4]), 0), 0)])
    assert.is(topological([merged!]).length, 2)
  })

  test('a sum over no axes makes 0 of -0', () => {
    agree([ops.reduceSum({ axes: [] }, input('x', [2])), ops.reduceSum({ axes: [] }, full(1, [2]))], { x: [-0, 1] })
  })

  test('inputs of half precision are rounded when they come', () => {
    const x = input('x', [2], 'f16')
    agree([x, add(x, x), concat([x, x])], { x: [0.1, 1 / 3] })
  })
})
