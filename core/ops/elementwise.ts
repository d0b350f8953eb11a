import { isFloat, sameShape, showAval, sizeOf, type Aval, type DType } from '../aval'
import { shapeError } from '../error'
import { erf as erf64 } from '../erf'
import { binary, select, threefryBits, unary as unaryScalar, type Index, type Scalar } from '../loop'
import {
  asList,
  asTuple,
  defineOp,
  definePlainOp,
  makeNode,
  erase,
  requireFloat,
  type Batched,
  type Expr,
  type NoParams,
  type Op,
  type Rules,
  type Tuple,
} from '../op'
import { threefry2x32 } from '../threefry'
import { asStored, literal } from './source'
import { alignBatch, zerosLike } from './structural'

/** Times the local derivative: how a cotangent or a tangent passes through one input. */
type Partial1 = (ct: Expr) => Expr

interface Elementwise<N extends number> {
  readonly name: string
  readonly doc: string
  readonly arity: N
  readonly smoothness: 'smooth' | 'piecewise' | 'none'
  readonly dtype: (op: string, inputs: readonly Aval[]) => DType
  /** One per input, null for an input without derivative. null altogether: the op has none. */
  readonly partials: ((inputs: Tuple<Expr, N>, out: Expr) => Tuple<Partial1 | null, N>) | null
  readonly value: (a: number, b: number, c: number) => number
  readonly scalar: (inputs: Tuple<Scalar, N>) => Scalar
}

/** Rules of an op that computes each element from the elements at the same place; its partials give both derivatives. */
const elementwise = <N extends number>(def: Elementwise<N>): Op<NoParams, N> => {
  const { partials } = def
  const rules: Rules<NoParams, N> = {
    name: def.name,
    doc: def.doc,
    arity: def.arity,
    smoothness: def.smoothness,
    shape: (inputs) => {
      const avals = asList<Aval, N>(inputs)
      const shape = avals[0]?.shape ?? []
      if (!avals.every((a) => sameShape(a.shape, shape)))
        shapeError(def.name, 'inputs of one shape', avals, 'primitives never broadcast; the functions of emend/core do')
      return { shape, dtype: def.dtype(def.name, avals) }
    },
    vjp:
      partials === null
        ? null
        : (ct, { inputs, out }) =>
            asTuple<Expr | null, N>(
              asList<Partial1 | null, N>(partials(inputs, out)).map((d) => (d === null ? null : d(ct))),
            ),
    jvp:
      partials === null
        ? null
        : (tangents, { inputs, out }) => {
            const ds = asList<Partial1 | null, N>(partials(inputs, out))
            let sum: Expr | null = null
            asList<Expr | null, N>(tangents).forEach((t, i) => {
              const d = ds[i] ?? null
              if (t === null || d === null) return
              sum = sum === null ? d(t) : add(sum, d(t))
            })
            return sum
          },
    batch: (inputs, _, size) => makeNode(erase(rules), {}, alignBatch(asList<Batched, N>(inputs), size)),
    eval: (inputs, { aval }) => {
      const [a, b, c] = asList<Float64Array, N>(inputs)
      const out = new Float64Array(sizeOf(aval.shape))
      for (let i = 0; i < out.length; i++)
        out[i] = def.value(a![i]!, b === undefined ? 0 : b[i]!, c === undefined ? 0 : c[i]!)
      return out
    },
    lower: (inputs) => ({
      kind: 'map',
      at: (coords) =>
        def.scalar(asTuple<Scalar, N>(asList<(at: readonly Index[]) => Scalar, N>(inputs).map((x) => x(coords)))),
    }),
  }
  return definePlainOp(rules)
}

// ------------------------------------------------------------------------------------------------ dtype rules

const sameDtype = (op: string, avals: readonly Aval[]): DType => {
  const { dtype } = avals[0]!
  if (!avals.every((a) => a.dtype === dtype)) shapeError(op, 'inputs of one dtype', avals, 'cast one of them')
  return dtype
}
const floats = (op: string, avals: readonly Aval[]): DType => {
  requireFloat(op, ...avals)
  return sameDtype(op, avals)
}
const numbers = (op: string, avals: readonly Aval[]): DType => {
  const dtype = sameDtype(op, avals)
  return dtype === 'bool' ? shapeError(op, 'numbers', avals, "cast(x, 'f32') makes 0 and 1 of truth values") : dtype
}
const toBool = (op: string, avals: readonly Aval[]): DType => {
  sameDtype(op, avals)
  return 'bool'
}
const bools = (op: string, avals: readonly Aval[]): DType => {
  if (!avals.every((a) => a.dtype === 'bool')) shapeError(op, 'truth values (bool)', avals)
  return 'bool'
}

/** A constant in the shape and dtype of `e`. */
const fill = (value: number, e: Expr): Expr => literal({ value, shape: e.aval.shape, dtype: e.aval.dtype })
const zeroWhere = (cond: Expr, ct: Expr): Expr => where(cond, ct, zerosLike(ct))

// ------------------------------------------------------------------------------------------------ real functions

const unary = (
  name: 'neg' | 'exp' | 'log' | 'tanh' | 'erf' | 'sqrt' | 'sin' | 'cos' | 'abs' | 'floor' | 'sign',
  value: (a: number) => number,
  partial: ((x: Expr, out: Expr) => Partial1) | null,
  more: { readonly smoothness?: 'piecewise'; readonly integers?: true } = {},
): Op<NoParams, 1> =>
  elementwise({
    name,
    doc: `y = ${name}(x)`,
    arity: 1,
    smoothness: partial === null ? 'none' : (more.smoothness ?? 'smooth'),
    dtype: more.integers ? numbers : floats,
    partials: partial === null ? null : ([x], out) => [isFloat(x.aval.dtype) ? partial(x, out) : null],
    value,
    scalar: ([x]) => unaryScalar(name, x),
  })

/** y = -x */
export const neg = unary(
  'neg',
  (a) => -a,
  () => (ct) => neg(ct),
  { integers: true },
)
/** y = e^x; dy = y dx */
export const exp = unary('exp', Math.exp, (_, y) => (ct) => mul(ct, y))
/** y = ln x, x > 0; dy = dx / x */
export const log = unary('log', Math.log, (x) => (ct) => div(ct, x))
/** y = tanh x; dy = (1 - y²) dx */
export const tanh = unary('tanh', Math.tanh, (_, y) => (ct) => mul(ct, sub(fill(1, y), mul(y, y))))
/** y = erf x = 2/√π ∫₀ˣ e^{-t²} dt; dy = 2/√π e^{-x²} dx */
export const erf = unary(
  'erf',
  erf64,
  (x) => (ct) => mul(ct, mul(fill(2 / Math.sqrt(Math.PI), x), exp(neg(mul(x, x))))),
)
/** y = √x, x > 0; dy = dx / 2y */
export const sqrt = unary('sqrt', Math.sqrt, (_, y) => (ct) => div(ct, mul(fill(2, y), y)))
/** y = sin x; dy = cos x dx */
export const sin = unary('sin', Math.sin, (x) => (ct) => mul(ct, cos(x)))
/** y = cos x; dy = -sin x dx */
export const cos = unary('cos', Math.cos, (x) => (ct) => neg(mul(ct, sin(x))))
/** y = |x|; dy = sign(x) dx, 0 at 0 */
export const abs = unary('abs', Math.abs, (x) => (ct) => mul(ct, sign(x)), { smoothness: 'piecewise', integers: true })
/** y = the greatest whole number ≤ x; no derivative */
export const floor = unary('floor', Math.floor, null)
/** y = -1, 0 or 1; no derivative */
export const sign = unary('sign', Math.sign, null, { integers: true })

const arithmetic = (
  name: 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min',
  doc: string,
  value: (a: number, b: number) => number,
  partials: (x: Expr, y: Expr, out: Expr) => readonly [Partial1, Partial1],
  more: { readonly smoothness?: 'piecewise'; readonly floatsOnly?: true } = {},
): Op<NoParams, 2> =>
  elementwise({
    name,
    doc,
    arity: 2,
    smoothness: more.smoothness ?? 'smooth',
    dtype: more.floatsOnly ? floats : numbers,
    partials: ([x, y], out) => (isFloat(x.aval.dtype) ? partials(x, y, out) : [null, null]),
    value,
    scalar: ([x, y]) => binary(name, x, y),
  })

const pass: Partial1 = (ct) => ct
/** z = x + y */
export const add = arithmetic(
  'add',
  'z = x + y',
  (a, b) => a + b,
  () => [pass, pass],
)
/** z = x - y */
export const sub = arithmetic(
  'sub',
  'z = x - y',
  (a, b) => a - b,
  () => [pass, (ct) => neg(ct)],
)
/** z = x y; dz = y dx + x dy */
export const mul = arithmetic(
  'mul',
  'z = x y',
  (a, b) => a * b,
  (x, y) => [(ct) => mul(ct, y), (ct) => mul(ct, x)],
)
/** z = x / y; dz = dx / y - (z / y) dy */
export const div = arithmetic(
  'div',
  'z = x / y',
  (a, b) => a / b,
  (_, y, z) => [(ct) => div(ct, y), (ct) => neg(mul(ct, div(z, y)))],
  { floatsOnly: true },
)
/** z = max(x, y); at a tie the derivative goes to x */
export const max = arithmetic(
  'max',
  'z = max(x, y)',
  (a, b) => Math.max(a, b),
  (x, y) => [(ct) => zeroWhere(le(y, x), ct), (ct) => zeroWhere(lt(x, y), ct)],
  { smoothness: 'piecewise' },
)
/** z = min(x, y); at a tie the derivative goes to x */
export const min = arithmetic(
  'min',
  'z = min(x, y)',
  (a, b) => Math.min(a, b),
  (x, y) => [(ct) => zeroWhere(le(x, y), ct), (ct) => zeroWhere(lt(y, x), ct)],
  { smoothness: 'piecewise' },
)

// ------------------------------------------------------------------------------------------------ truth values

const test2 = (
  name: 'eq' | 'lt' | 'le' | 'and' | 'or',
  doc: string,
  value: (a: number, b: number) => boolean,
  dtype: (op: string, avals: readonly Aval[]) => DType,
): Op<NoParams, 2> =>
  elementwise({
    name,
    doc,
    arity: 2,
    smoothness: 'none',
    dtype,
    partials: null,
    value: (a, b) => (value(a, b) ? 1 : 0),
    scalar: ([x, y]) => binary(name, x, y),
  })

export const eq = test2('eq', 'z = (x = y)', (a, b) => a === b, toBool)
export const lt = test2('lt', 'z = (x < y)', (a, b) => a < b, toBool)
export const le = test2('le', 'z = (x ≤ y)', (a, b) => a <= b, toBool)
export const and = test2('and', 'z = x and y', (a, b) => a !== 0 && b !== 0, bools)
export const or = test2('or', 'z = x or y', (a, b) => a !== 0 || b !== 0, bools)
export const not = elementwise<1>({
  name: 'not',
  doc: 'y = not x',
  arity: 1,
  smoothness: 'none',
  dtype: bools,
  partials: null,
  value: (a) => (a === 0 ? 1 : 0),
  scalar: ([x]) => unaryScalar('not', x),
})

/** z = x where the condition holds, y elsewhere. What is not chosen leaves no trace, NaN included. */
export const where: Op<NoParams, 3> = elementwise<3>({
  name: 'where',
  doc: 'z = x where cond holds, else y',
  arity: 3,
  smoothness: 'smooth',
  dtype: (op, [cond, x, y]) => {
    if (cond!.dtype !== 'bool') shapeError(op, 'a condition of dtype bool', [cond!], 'compare first: lt(x, 0)')
    return sameDtype(op, [x!, y!])
  },
  partials: ([cond, x]) =>
    isFloat(x.aval.dtype)
      ? [null, (ct) => where(cond, ct, zerosLike(ct)), (ct) => where(cond, zerosLike(ct), ct)]
      : [null, null, null],
  value: (cond, a, b) => (cond !== 0 ? a : b),
  scalar: ([cond, x, y]) => select(cond, x, y),
})

// ------------------------------------------------------------------------------------------------ dtypes, random bits

/** The same number as another dtype: floats round to nearest-even, i32 truncates towards zero, bool is x ≠ 0. */
export const cast: Op<{ readonly dtype: DType }, 1> = defineOp({
  name: 'cast',
  doc: 'the number as another `dtype`',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], { dtype }): Aval => ({ shape: x.shape, dtype }),
  jvp: ([t], { params: { dtype } }) => (t === null || !isFloat(dtype) ? null : cast({ dtype }, t)),
  vjp: (ct, { inputs: [x] }) => [
    isFloat(x.aval.dtype) && isFloat(ct.aval.dtype) ? cast({ dtype: x.aval.dtype }, ct) : null,
  ],
  batch: ([x], params) => cast(params, x.expr),
  eval: ([x], { params: { dtype } }) => x.map((v) => asStored(v, dtype)),
  lower: ([x], { avals: [a], params: { dtype } }) => ({
    kind: 'map',
    at: (coords) => castScalar(x(coords), a.dtype, dtype),
  }),
})

const castScalar = (x: Scalar, from: DType, to: DType): Scalar => {
  if (from === to) return x
  if (to === 'bool') return unaryScalar('isTrue', x)
  if (to === 'i32') return unaryScalar('trunc', x)
  return isFloat(from) ? x : unaryScalar('toNumber', x)
}

type Bits = { readonly site: number; readonly word: 0 | 1; readonly shift: number; readonly bits: number }

/**
 * Integers from Threefry-2x32-20 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", §4.2): bits
 * [shift, shift + bits) of output word `word` under key (seed, site) and counter (element, stream). Seed and stream come as
 * 16-bit limbs (seedLo, seedHi, streamLo, streamHi), since no device buffer holds more than 24 bits exactly.
 */
export const threefry: Op<Bits, 5> = defineOp({
  name: 'threefry',
  doc: 'random integer of `bits` bits under key (seed, `site`) and counter (element, stream)',
  arity: 5,
  smoothness: 'none',
  shape: (inputs, { bits, shift }): Aval => {
    const avals = asList<Aval, 5>(inputs)
    const shape = avals[0]!.shape
    if (!avals.every((a) => a.dtype === 'i32' && sameShape(a.shape, shape)))
      shapeError('threefry', 'five i32 inputs of one shape', avals)
    if (!(bits >= 1 && bits <= 24 && shift >= 0 && shift + bits <= 32))
      shapeError('threefry', '1 to 24 bits inside a 32-bit word', `${bits} bits from ${shift}`)
    return { shape, dtype: 'i32' }
  },
  jvp: null,
  vjp: null,
  batch: (inputs, params, size) => threefry(params, ...asTuple<Expr, 5>(alignBatch(asList<Batched, 5>(inputs), size))),
  eval: ([seedLo, seedHi, streamLo, streamHi, element], { params: { site, word, shift, bits }, aval }) => {
    const out = new Float64Array(sizeOf(aval.shape))
    for (let i = 0; i < out.length; i++) {
      const seed = (seedLo[i]! | (seedHi[i]! << 16)) >>> 0
      const stream = (streamLo[i]! | (streamHi[i]! << 16)) >>> 0
      out[i] = (threefry2x32(seed, site >>> 0, element[i]! >>> 0, stream)[word] >>> shift) & (2 ** bits - 1)
    }
    return out
  },
  lower: (inputs, { params }) => ({
    kind: 'map',
    at: (coords) =>
      threefryBits(
        params,
        asList<(at: readonly Index[]) => Scalar, 5>(inputs).map((x) => x(coords)),
      ),
  }),
})

/** `f32[2,3]` of a node, for messages. */
export const showExpr = (e: Expr): string => `${e.op.name} ${showAval(e.aval)}`
