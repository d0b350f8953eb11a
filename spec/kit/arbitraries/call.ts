import fc from 'fast-check'
import {
  allOps,
  aval,
  makeNode,
  mul,
  ops,
  sizeOf,
  tanh,
  type Aval,
  type DType,
  type Expr,
  type OpSpec,
  type Params,
  type Shape,
} from '../../../core'
import type { Problem } from '../laws/problem'
import { framed, type Frame, type Slot } from './problem'
import { axisSize, fullAxisSize, shapes } from './shape'
import {
  ascending,
  distinct,
  ids,
  integers,
  limbs,
  offZero,
  permutations,
  positive,
  reals,
  truths,
  type Values,
} from './values'

/** A call of an op: the problem of its function, and the node's own parameters. */
export interface Call extends Problem {
  readonly op: OpSpec
  readonly params: Params
}

/** What an op is called with: parameters and inputs that fit its shape rule. */
interface Draft {
  readonly params?: Params
  readonly slots: readonly (readonly [Aval, Values])[]
  /** For markers, whose inputs belong together: what is called instead of the op on the inputs. */
  readonly f?: (...args: readonly Expr[]) => Expr
}

/** `smooth`: f32 only, and away from kinks, where the laws of differentiation hold. */
interface Kind {
  readonly smooth: boolean
}

type Drafts = (kind: Kind) => fc.Arbitrary<Draft>

// ------------------------------------------------------------------------------------------------ dtypes and values

const floatTypes = fc.constantFrom<DType>('f32', 'f32', 'f32', 'f16', 'bf16')
const floats = ({ smooth }: Kind): fc.Arbitrary<DType> => (smooth ? fc.constant('f32') : floatTypes)
const numbers = (kind: Kind): fc.Arbitrary<DType> =>
  kind.smooth ? floats(kind) : fc.oneof({ weight: 3, arbitrary: floatTypes }, fc.constant<DType>('i32'))
const anything = (kind: Kind): fc.Arbitrary<DType> =>
  kind.smooth ? floats(kind) : fc.oneof({ weight: 3, arbitrary: numbers(kind) }, fc.constant<DType>('bool'))

const valuesFor = (dtype: DType, real: Values = reals()): Values =>
  dtype === 'bool' ? truths : dtype === 'i32' ? integers() : real

/** Another input's number and a difference that is not 0: no ties. */
const apartFrom =
  (other: number): Values =>
  (shape, pick, dims) => {
    const gap = offZero()(shape, pick, dims)
    return reals()(shape, (i) => pick(i, other), dims).map((v, i) => v + gap[i]!)
  }

// ------------------------------------------------------------------------------------------------ shapes and axes

const matching =
  (arity: number, dtypes: (kind: Kind) => fc.Arbitrary<DType>, real?: Values, second?: Values): Drafts =>
  (kind) =>
    fc.record({ shape: shapes(), dtype: dtypes(kind) }).map(({ shape, dtype }) => ({
      slots: Array.from({ length: arity }, (_, i) => [
        aval(dtype, ...shape),
        valuesFor(dtype, i === 1 && kind.smooth ? (second ?? real) : real),
      ]),
    }))

/** A subset of [0, n), as bits say. */
const subset = (n: number, bits: number): readonly number[] =>
  Array.from({ length: n }, (_, i) => i).filter((i) => (bits >> i) & 1)

/** The permutation of [0, n) that `code` numbers. */
const permutation = (n: number, code: number): readonly number[] => {
  const left = Array.from({ length: n }, (_, i) => i)
  const out: number[] = []
  for (let rest = code; left.length > 0;) {
    const k = rest % left.length
    rest = Math.floor(rest / left.length)
    out.push(left.splice(k, 1)[0]!)
  }
  return out
}

const one = (dtype: DType, shape: Shape, values: Values, params: Params): Draft => ({
  params,
  slots: [[aval(dtype, ...shape), values]],
})

const reduction =
  (dtypes: (kind: Kind) => fc.Arbitrary<DType>, size = axisSize, values?: Values): Drafts =>
  (kind) =>
    fc
      .record({ shape: shapes({ size }), dtype: dtypes(kind), bits: fc.nat({ max: 15 }) })
      .map(({ shape, dtype, bits }) =>
        one(dtype, shape, valuesFor(dtype, kind.smooth ? values : undefined), { axes: subset(shape.length, bits) }),
      )

const margins = fc.array(fc.nat({ max: 2 }), { minLength: 4, maxLength: 4 })

/** Other shapes of `size` elements: one factor moved to another axis, axes of size 1 put in or dropped. */
const regrouped = (shape: Shape, code: number): Shape => {
  const flat = shape.filter((n) => n !== 1)
  const merged = flat.length > 1 && code % 2 === 1 ? [flat[0]! * flat[1]!, ...flat.slice(2)] : flat
  return code % 3 === 0 ? [1, ...merged] : code % 3 === 1 ? [...merged, 1] : merged
}

// ------------------------------------------------------------------------------------------------ every op

const source =
  (values: fc.Arbitrary<Draft>): Drafts =>
  () =>
    values

const drafts: Readonly<Record<string, Drafts>> = {
  // sources
  literal: source(
    fc
      .record({
        shape: shapes(),
        dtype: fc.constantFrom<DType>('f32', 'f16', 'bf16', 'i32', 'bool'),
        value: fc.oneof(
          fc.integer({ min: -24, max: 24 }).map((k) => k / 8),
          fc.constant(1 / 3),
        ),
      })
      .map((params) => ({ params, slots: [] })),
  ),
  constant: source(
    fc
      .record({ shape: shapes(), dtype: fc.constantFrom<DType>('f32', 'f16', 'i32', 'bool'), k: fc.nat({ max: 9 }) })
      .map(({ shape, dtype, k }) => {
        const data = Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + k) % 11) - 5)
        return { params: { shape, dtype, data }, slots: [] }
      }),
  ),
  input: source(shapes().map((shape) => ({ params: { name: 'x', shape, dtype: 'f32' }, slots: [] }))),
  iota: source(
    fc
      .record({ shape: shapes({ minAxes: 1 }), axis: fc.nat({ max: 3 }) })
      .map(({ shape, axis }) => ({ params: { shape, axis: axis % shape.length }, slots: [] })),
  ),

  // real functions
  neg: matching(1, numbers),
  exp: matching(1, floats),
  log: matching(1, floats, positive),
  tanh: matching(1, floats),
  erf: matching(1, floats),
  sqrt: matching(1, floats, positive),
  sin: matching(1, floats),
  cos: matching(1, floats),
  abs: (kind) => matching(1, numbers, kind.smooth ? offZero() : reals())(kind),
  floor: matching(1, floats),
  sign: matching(1, numbers),
  add: matching(2, numbers),
  sub: matching(2, numbers),
  mul: matching(2, numbers),
  div: (kind) =>
    fc.record({ shape: shapes(), dtype: floats(kind) }).map(({ shape, dtype }) => ({
      slots: [
        [aval(dtype, ...shape), reals()],
        [aval(dtype, ...shape), offZero(1 / 2)],
      ],
    })),
  max: matching(2, numbers, reals(), apartFrom(0)),
  min: matching(2, numbers, reals(), apartFrom(0)),
  eq: matching(2, anything),
  lt: matching(2, anything),
  le: matching(2, anything),
  and: matching(2, () => fc.constant<DType>('bool')),
  or: matching(2, () => fc.constant<DType>('bool')),
  not: matching(1, () => fc.constant<DType>('bool')),
  where: (kind) =>
    fc.record({ shape: shapes(), dtype: anything(kind) }).map(({ shape, dtype }) => ({
      slots: [
        [aval('bool', ...shape), truths],
        [aval(dtype, ...shape), valuesFor(dtype)],
        [aval(dtype, ...shape), valuesFor(dtype)],
      ],
    })),
  cast: (kind) =>
    fc
      .record({ shape: shapes(), from: anything(kind), to: anything(kind) })
      .map(({ shape, from, to }) => one(from, shape, valuesFor(from), { dtype: to })),
  threefry: () =>
    fc
      .record({
        shape: shapes({ maxAxes: 2 }),
        site: fc.nat({ max: 0xffffffff }),
        word: fc.constantFrom(0, 1),
        bits: fc.integer({ min: 1, max: 24 }),
        shift: fc.nat({ max: 8 }),
      })
      .map(({ shape, ...params }) => ({
        params,
        slots: Array.from({ length: 5 }, () => [aval('i32', ...shape), limbs] as const),
      })),

  // structure
  reduceSum: reduction(floats),
  repeat: (kind) =>
    fc
      .record({
        shape: shapes({ maxAxes: 3 }),
        dtype: anything(kind),
        bits: fc.nat({ max: 31 }),
        sizes: fc.array(axisSize, { minLength: 5, maxLength: 5 }),
      })
      .map(({ shape, dtype, bits, sizes }) => {
        const added = Math.min(2, subset(5, bits).length)
        const axes = subset(shape.length + added, bits).slice(0, added)
        const all = axes.length === added ? axes : Array.from({ length: added }, (_, i) => i)
        return one(dtype, shape, valuesFor(dtype), { axes: all, sizes: sizes.slice(0, added) })
      }),
  reshape: (kind) =>
    fc
      .record({ shape: shapes(), dtype: anything(kind), code: fc.nat({ max: 11 }) })
      .map(({ shape, dtype, code }) => one(dtype, shape, valuesFor(dtype), { shape: regrouped(shape, code) })),
  transpose: (kind) =>
    fc
      .record({ shape: shapes(), dtype: anything(kind), code: fc.nat({ max: 23 }) })
      .map(({ shape, dtype, code }) => one(dtype, shape, valuesFor(dtype), { perm: permutation(shape.length, code) })),
  slice: (kind) =>
    fc
      .record({ size: shapes(), dtype: anything(kind), before: margins, after: margins })
      .map(({ size, dtype, before, after }) => {
        const shape = size.map((n, i) => n + before[i]! + after[i]!)
        return one(dtype, shape, valuesFor(dtype), { start: before.slice(0, size.length), size })
      }),
  pad: (kind) =>
    fc
      .record({ shape: shapes({ maxAxes: 3 }), dtype: anything(kind), before: margins, after: margins })
      .map(({ shape, dtype, before, after }) =>
        one(dtype, shape, valuesFor(dtype), {
          before: before.slice(0, shape.length),
          after: after.slice(0, shape.length),
        }),
      ),
  concat: (kind) =>
    fc
      .record({
        shape: shapes({ minAxes: 1, maxAxes: 3 }),
        dtype: anything(kind),
        axis: fc.nat({ max: 2 }),
        sizes: fc.array(axisSize, { minLength: 1, maxLength: 4 }),
      })
      .map(({ shape, dtype, axis, sizes }) => {
        const at = axis % shape.length
        return {
          params: { axis: at },
          slots: sizes.map((n) => [aval(dtype, ...shape.map((s, i) => (i === at ? n : s))), valuesFor(dtype)]),
        }
      }),

  // reductions, products
  reduceMax: reduction(floats, fullAxisSize, distinct),
  argmax: (kind) =>
    fc
      .record({ shape: shapes({ minAxes: 1, size: fullAxisSize }), dtype: numbers(kind), axis: fc.nat({ max: 3 }) })
      .map(({ shape, dtype, axis }) => one(dtype, shape, valuesFor(dtype), { axis: axis % shape.length })),
  matmul: (kind) =>
    fc
      .record({ batch: shapes({ maxAxes: 2 }), dtype: floats(kind), m: axisSize, k: axisSize, n: axisSize })
      .map(({ batch, dtype, m, k, n }) => ({
        slots: [
          [aval(dtype, ...batch, m, k), reals()],
          [aval(dtype, ...batch, k, n), reals()],
        ],
      })),

  // indexing
  gather: (kind) =>
    fc
      .record({
        rows: fullAxisSize,
        rest: shapes({ maxAxes: 2 }),
        at: shapes({ maxAxes: 2 }),
        dtype: anything(kind),
      })
      .map(({ rows, rest, at, dtype }) => ({
        slots: [
          [aval(dtype, rows, ...rest), valuesFor(dtype)],
          [aval('i32', ...at), ids(rows)],
        ],
      })),
  sortRank: () => shapes({ minAxes: 1 }).map((shape) => ({ slots: [[aval('i32', ...shape), integers(-2, 2)]] })),
  invertPermutation: () => shapes({ minAxes: 1 }).map((shape) => ({ slots: [[aval('i32', ...shape), permutations]] })),
  searchSorted: () =>
    fc.record({ n: axisSize, queries: shapes({ maxAxes: 2 }) }).map(({ n, queries }) => ({
      slots: [
        [aval('i32', n), ascending(6)],
        [aval('i32', ...queries), integers(-1, 7)],
      ],
    })),
  countLess: () =>
    shapes({ minAxes: 1 }).map((shape) => ({
      slots: [
        [aval('i32', ...shape), integers()],
        [aval('i32', ...shape), integers()],
      ],
    })),
  // Every row of x in one segment, as its derivative asks.
  segmentSum: (kind) =>
    fc.record({ n: axisSize, d: axisSize, v: fullAxisSize, dtype: floats(kind) }).map(({ n, d, v, dtype }) => ({
      slots: [
        [aval(dtype, n, d), reals()],
        [aval('i32', n), permutations],
        [aval('i32', v + 1), ascending(n, true)],
      ],
    })),

  // collectives, of one rank: laws of more are in spec/core/ops/collective.spec.ts
  allReduce: (kind) =>
    fc
      .record({ shape: shapes(), dtype: floats(kind) })
      .map(({ shape, dtype }) => ({ slots: [[aval(dtype, ...shape), reals()]], params: { ranks: 1 } })),
  reduceScatter: (kind) =>
    fc
      .record({ n: axisSize, dtype: floats(kind) })
      .map(({ n, dtype }) => ({ slots: [[aval(dtype, n), reals()]], params: { ranks: 1 } })),
  allGather: (kind) =>
    fc
      .record({ n: axisSize, dtype: floats(kind) })
      .map(({ n, dtype }) => ({ slots: [[aval(dtype, n), reals()]], params: { ranks: 1 } })),

  // markers
  stopGradient: matching(1, anything),
  variable: matching(1, anything),
  fence: matching(2, anything),
  remat: () =>
    shapes().map((shape) => ({
      slots: [
        [aval('f32', ...shape), reals()],
        [aval('f32', ...shape), reals()],
      ],
      // As `remat` of emend/autodiff makes it: a value and what its region was computed from.
      f: (x, y) => {
        const held = [x, y].map((e) => ops.variable(e))
        return ops.rematRegion(mul(tanh(held[0]!), held[1]!), ...held)
      },
    })),
}

const names = ['x', 'y', 'z', 'u', 'v'] as const

const callsFrom = (op: OpSpec, kind: Kind): fc.Arbitrary<Call> => {
  const draft = Object.hasOwn(drafts, op.name) ? drafts[op.name]!(kind) : undefined
  if (draft === undefined)
    throw new Error(`no arbitrary calls of "${op.name}": add them to spec/kit/arbitraries/call.ts`)
  const frames = draft.map(({ params = {}, slots, f }): Frame & { readonly params: Params } => ({
    name: Object.keys(params).length === 0 ? op.name : `${op.name} ${JSON.stringify(params)}`,
    f: f ?? ((...args) => makeNode(op, params, args)),
    slots: slots.map(([a, values], i): Slot => ({ name: names[i] ?? `x${i}`, aval: a, values })),
    params,
  }))
  return framed(frames).map(({ frame, problem }) => ({ ...problem, op, params: frame.params }))
}

/** Calls of an op with all dtypes and values that its shape rule allows, ties and kinks among them. */
export const callsOf = (op: OpSpec): fc.Arbitrary<Call> => callsFrom(op, { smooth: false })

/** Calls of an op on f32 inputs away from its kinks: where the laws of differentiation hold. */
export const smoothCallsOf = (op: OpSpec): fc.Arbitrary<Call> => callsFrom(op, { smooth: true })

/** Calls of any op that computes something from inputs. */
export const calls: fc.Arbitrary<Call> = fc.oneof(
  ...allOps.filter((op) => op.arity !== 0 && Object.hasOwn(drafts, op.name)).map(callsOf),
)

/** Whether calls of an op can be drawn. */
export const hasCalls = (op: OpSpec): boolean => Object.hasOwn(drafts, op.name)
