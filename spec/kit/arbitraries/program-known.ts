import {
  asTuple,
  isFloat,
  roundBf16,
  roundF16,
  sizeOf,
  topological,
  type Access,
  type DType,
  type Expr,
} from '../../../core'

/**
 * A node of a program whose inputs are known: its float64 value, and how far from it a right device may be that computes in
 * float32. With this, whether an operation is well-posed is a question that can be answered: `floor`, a comparison, a cast or
 * a rounding to half precision is, if every number within the error gives the same result.
 */
export interface Known {
  readonly expr: Expr
  readonly values: Float64Array
  /** Bound of |device - value|, the same for all elements. 0: exact on every device, every partial sum included. */
  readonly error: number
  /** The longest reduction that the value went through; 1 if none. */
  readonly length: number
}

/** Tolerance of a device's result for each element that was summed, relative to the larger of 1 and the value. */
export const toleranceOfOne = 1e-5

/** Half the distance from 1 to the next float32: relative error of one rounding. */
const eps = 2 ** -24
/** Whole numbers up to here are exact in a float32. */
const exactLimit = 2 ** 24
/** Exact values are multiples of 2^-finest: far from the subnormal numbers of float32, which GPUs may flush to 0. */
const finest = 40

const most = (xs: Float64Array): number => {
  let max = 0
  for (const x of xs) if (Number.isFinite(x)) max = Math.max(max, Math.abs(x))
  return max
}
const least = (xs: Float64Array): number => {
  let min = Infinity
  for (const x of xs) min = Math.min(min, Math.abs(x))
  return min
}
const isFiniteArray = (xs: Float64Array): boolean => xs.every(Number.isFinite)

/** The least k for which all are multiples of 2^-k; `finest` + 1 if that is more than `finest`. */
const unitOf = (xs: Float64Array): number => {
  let k = 0
  for (const x of xs) while (k <= finest && Number.isFinite(x) && !Number.isInteger(x * 2 ** k)) k += 1
  return k
}

/** Error of a sum of `n` terms that are multiples of 2^-unit and whose magnitudes add up to `total`, in any order. */
const summed = (n: number, total: number, unit: number): number =>
  unit <= finest && total * 2 ** unit <= exactLimit ? 0 : n * eps * total

/** Error of a result before it is rounded to its dtype; null where the operation is ill-posed on these values. */
type ErrorRule = (inputs: readonly Known[], raw: Float64Array, expr: Expr) => number | null

const largest: ErrorRule = (inputs) => inputs.reduce((max, x) => Math.max(max, x.error), 0)
const allExact = (inputs: readonly Known[]): boolean => inputs.every((x) => x.error === 0)
/** No rounding of its own, and numbers that are not finite pass as they are. */
const passing: ErrorRule = (inputs, raw, expr) => largest(inputs, raw, expr)
const constants: ErrorRule = () => 0
const whole: ErrorRule = (inputs) => (allExact(inputs) ? 0 : null)

/** A continuous function of finite numbers: slope times the error of x, and an error of its own, absolute and relative. */
const smooth =
  (
    isInside: (x: number) => boolean,
    slope: (x: Known, raw: Float64Array) => number,
    own: readonly [absolute: number, relative: number],
  ): ErrorRule =>
  ([x], raw) =>
    x!.values.every(isInside) && (x!.error === 0 || isFiniteArray(raw))
      ? (x!.error === 0 ? 0 : x!.error * slope(x!, raw)) + own[0] + own[1] * most(raw)
      : null

/** A step function: the same on both ends of the error interval. */
const steps =
  (f: (x: number) => number): ErrorRule =>
  ([x]) =>
    x!.error === 0 || x!.values.every((v) => Object.is(f(v - x!.error), f(v + x!.error))) ? 0 : null

const compared: ErrorRule = ([x, y]) => {
  const error = x!.error + y!.error
  return error === 0 || x!.values.every((v, i) => Math.abs(v - y!.values[i]!) > error) ? 0 : null
}

const linear: ErrorRule = ([x, y]) => x!.error + y!.error

const product: ErrorRule = ([x, y], raw) => {
  if (!allExact([x!, y!]) && !isFiniteArray(raw)) return null
  return x!.error * most(y!.values) + y!.error * most(x!.values) + x!.error * y!.error
}

const quotient: ErrorRule = ([x, y], raw) => {
  // x / 0 asks for the sign of the zero, which is no part of a value: only |y| is sure to have +0.
  if (y!.values.includes(0) && (!allExact([x!, y!]) || y!.expr.op.name !== 'abs')) return null
  if (!allExact([x!, y!]) && (!isFiniteArray(x!.values) || !isFiniteArray(y!.values))) return null
  const small = least(y!.values.filter((v) => v !== 0))
  if (small < 1 / 16 || y!.error > small / 4) return null
  return (x!.error + most(raw) * y!.error) / (small - y!.error) + 4 * eps * most(raw)
}

/** Σ over axes: n terms a result. */
const addedUp =
  (terms: (inputs: readonly Known[], expr: Expr) => number): ErrorRule =>
  (inputs, raw, expr) => {
    const [x] = inputs as [Known]
    const n = terms(inputs, expr)
    if (x.error > 0 && !isFiniteArray(x.values)) return null
    return n * x.error + summed(n, totalOf(inputs, expr), unitOf(x.values))
  }

/** The greatest sum of magnitudes behind one element of a sum or product. */
const totalOf = (inputs: readonly Known[], expr: Expr): number =>
  most(
    evaluateNode(
      expr,
      inputs.map((x) => (isFloat(x.expr.aval.dtype) ? x.values.map(Math.abs) : x.values)),
    ),
  )

const contracted: ErrorRule = (inputs, raw, expr) => {
  const [x, y] = inputs as [Known, Known]
  const n = x.expr.aval.shape.at(-1)!
  if (!allExact(inputs) && !(isFiniteArray(x.values) && isFiniteArray(y.values))) return null
  const own = summed(n, totalOf(inputs, expr), unitOf(x.values) + unitOf(y.values))
  return n * (product(inputs, raw, expr) ?? 0) + own
}

/** The greatest of each row is ahead of the rest by more than the error. */
const leading: ErrorRule = ([x], raw, expr) => {
  if (x!.error === 0) return 0
  if (!isFiniteArray(x!.values)) return null
  const { shape } = x!.expr.aval
  const axis = expr.params.axis as number
  const inner = sizeOf(shape.slice(axis + 1))
  const n = shape[axis]!
  for (let o = 0; o < raw.length; o++) {
    const start = Math.floor(o / inner) * n * inner + (o % inner)
    const best = x!.values[start + raw[o]! * inner]!
    for (let k = 0; k < n; k++) if (k !== raw[o] && best - x!.values[start + k * inner]! <= 2 * x!.error) return null
  }
  return 0
}

const within =
  (lo: number, hi: number, which: number, of: (inputs: readonly Known[]) => number = () => hi): ErrorRule =>
  (inputs, raw, expr) =>
    inputs[which]!.values.every((v) => v >= lo && v <= of(inputs)) ? largest([inputs[0]!], raw, expr) : null

/** Own errors of functions: what WGSL allows, and what the formulas of kernels/emit are held to. */
const rules: Readonly<Record<string, ErrorRule>> = {
  input: constants,
  literal: constants,
  constant: constants,
  iota: constants,
  neg: passing,
  abs: passing,
  exp: smooth(
    (x) => !(x > 5),
    (x, raw) => most(raw) * Math.exp(x.error),
    [0, 20 * 2 * eps],
  ),
  log: smooth(
    (x) => x === 0 || x >= 1 / 16,
    (x) => 1 / least(x.values.filter((v) => v > 0)),
    [2 ** -20, 6 * eps],
  ),
  tanh: smooth(
    (x) => !Number.isNaN(x),
    () => 1,
    [5e-7, 0],
  ),
  erf: smooth(
    (x) => !Number.isNaN(x),
    () => 1.13,
    [3e-7, 0],
  ),
  sqrt: smooth(
    (x) => x === 0 || x >= 1 / 16,
    (x) => 1 / Math.sqrt(least(x.values.filter((v) => v > 0))),
    [0, 8 * eps],
  ),
  sin: smooth(
    (x) => Math.abs(x) <= 8,
    () => 1,
    [2e-6, 0],
  ),
  cos: smooth(
    (x) => Math.abs(x) <= 8,
    () => 1,
    [2e-6, 0],
  ),
  floor: steps(Math.floor),
  sign: steps(Math.sign),
  add: linear,
  sub: linear,
  mul: product,
  div: quotient,
  max: passing,
  min: passing,
  eq: compared,
  lt: compared,
  le: compared,
  and: whole,
  or: whole,
  not: whole,
  where: passing,
  cast: (inputs, raw, expr) => {
    const [x] = inputs as [Known]
    if (expr.aval.dtype === 'bool') return x.error === 0 || x.values.every((v) => Math.abs(v) > x.error) ? 0 : null
    if (expr.aval.dtype !== 'i32') return x.error
    return isFiniteArray(x.values) ? steps((v) => Math.trunc(v) + 0)(inputs, raw, expr) : null
  },
  // Four limbs of 16 bits and a number of the element.
  threefry: (inputs) =>
    inputs.every((x) => x.values.every((v) => v >= 0 && v <= (x === inputs[4] ? exactLimit : 0xffff))) ? 0 : null,
  reduceSum: addedUp(([x], expr) => sizeOf((expr.params.axes as readonly number[]).map((a) => x!.expr.aval.shape[a]!))),
  repeat: passing,
  reshape: passing,
  transpose: passing,
  slice: passing,
  pad: passing,
  concat: passing,
  reduceMax: passing,
  argmax: leading,
  matmul: contracted,
  gather: within(0, Infinity, 1, ([table]) => table!.expr.aval.shape[0]! - 1),
  sortRank: whole,
  invertPermutation: (inputs) => {
    const [{ values, expr }] = inputs as [Known]
    const n = expr.aval.shape.at(-1)!
    for (let from = 0; from < values.length; from += n)
      if (new Set(values.subarray(from, from + n)).size < n) return null
    return values.every((v) => v >= 0 && v < n) ? 0 : null
  },
  searchSorted: ([x]) => (isAscending(x!.values) ? 0 : null),
  countLess: whole,
  segmentSum: (inputs, raw, expr) => {
    const [x, order, starts] = inputs as [Known, Known, Known]
    const fits =
      order.values.every((v) => v >= 0 && v < x.expr.aval.shape[0]!) &&
      isAscending(starts.values) &&
      starts.values.every((v) => v >= 0 && v <= order.values.length)
    return fits ? addedUp(() => order.values.length)(inputs, raw, expr) : null
  },
  allReduce: passing,
  reduceScatter: passing,
  allGather: passing,
  stopGradient: passing,
  variable: passing,
  fence: passing,
  remat: passing,
}

const isAscending = (xs: Float64Array): boolean => xs.every((x, i) => i === 0 || xs[i - 1]! <= x)

const ruleOf = (name: string): ErrorRule => {
  const rule = name.startsWith('customVjp:') ? passing : Object.hasOwn(rules, name) ? rules[name] : undefined
  if (rule === undefined)
    throw new Error(`no error rule for "${name}": add it to spec/kit/arbitraries/program-known.ts`)
  return rule
}

/** The value of a node whose inputs have these, before rounding to its dtype. */
const evaluateNode = (e: Expr, inputs: readonly Float64Array[]): Float64Array =>
  e.op.eval(asTuple<Float64Array, number>(inputs), {
    avals: e.inputs.map((x) => x.aval),
    params: e.params,
    aval: e.aval,
  })

const rounding = (dtype: DType): ((x: number) => number) | null =>
  dtype === 'f16' ? roundF16 : dtype === 'bf16' ? roundBf16 : null

/** What is known of a node from what is known of its inputs; null where it is ill-posed or its error has grown too large. */
const knowNode = (e: Expr, inputs: readonly Known[]): Known | null => {
  const rule = ruleOf(e.op.name)
  // Rules that reject a value come first where evaluation would throw.
  if (e.op.name === 'gather' && rule(inputs, new Float64Array(0), e) === null) return null
  const raw = evaluateNode(
    e,
    inputs.map((x) => x.values),
  )
  const found = rule(inputs, raw, e)
  if (
    found === null ||
    (raw.some(Number.isNaN) && !allExact(inputs) && !inputs.some((x) => x.values.some(Number.isNaN)))
  )
    return null
  const length = inputs.reduce((max, x) => Math.max(max, x.length), extentOf(e))
  const settled = settle(e.aval.dtype, raw, found, rule === passing)
  if (settled === null || settled.error > toleranceOfOne * length) return null
  return { expr: e, length, ...settled }
}

/** The value as its dtype holds it; `isCopy` where nothing was computed. Halves have no error of their own: all numbers within the error round to the same one. */
const settle = (
  dtype: DType,
  raw: Float64Array,
  error: number,
  isCopy: boolean,
): { readonly values: Float64Array; readonly error: number } | null => {
  const round = rounding(dtype)
  if (round !== null) {
    if (error > 0 && !raw.every((v) => Object.is(round(v - error), round(v + error)))) return null
    const values = raw.map(round)
    return unitOf(values) > finest ? null : { values, error: 0 }
  }
  if (!isFloat(dtype)) return error === 0 && raw.every((v) => Math.abs(v) <= exactLimit) ? { values: raw, error } : null
  if (error === 0 && raw.every((v) => Object.is(Math.fround(v), v)) && unitOf(raw) <= finest)
    return { values: raw, error }
  return { values: raw, error: isCopy ? error : error + eps * most(raw) }
}

/** How many values one element of a node's result is made of: the extent of its reduction. */
const extentOf = (e: Expr): number => {
  const lowered = e.op.lower(asTuple<Access, number>(e.inputs.map(() => unread)), {
    avals: e.inputs.map((x) => x.aval),
    params: e.params,
    aval: e.aval,
  })
  return lowered.kind === 'reduce' ? Math.max(1, sizeOf(lowered.sizes)) : 1
}
const unread: Access = () => {
  throw new Error('internal: a lowering read its inputs before it was asked for an element')
}

/** The longest reduction that each of some expressions goes through: what its tolerance is scaled by. */
export const reductionLengths = (roots: readonly Expr[]): readonly number[] => {
  const lengths = new Map<Expr, number>()
  for (const e of topological(roots))
    lengths.set(
      e,
      e.inputs.reduce((max, x) => Math.max(max, lengths.get(x)!), extentOf(e)),
    )
  return roots.map((root) => lengths.get(root)!)
}

/** What is known of an expression over known nodes: itself and every node between, in order. null where one is ill-posed. */
export const know = (root: Expr, known: ReadonlyMap<Expr, Known>): readonly Known[] | null => {
  const found = new Map<Expr, Known>()
  for (const e of topological([root], (x) => known.has(x))) {
    if (known.has(e)) continue
    const next = knowNode(
      e,
      e.inputs.map((x) => known.get(x) ?? found.get(x)!),
    )
    if (next === null) return null
    found.set(e, next)
  }
  return [...found.values()]
}

/** An input that was given these numbers. */
export const knowInput = (expr: Expr, values: Float64Array): Known => ({ expr, values, error: 0, length: 1 })
