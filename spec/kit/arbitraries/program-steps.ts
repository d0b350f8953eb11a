import {
  add,
  and,
  broadcastTo,
  customVjpOp,
  div,
  eq,
  erf,
  exp,
  full,
  gelu,
  isFloat,
  iota,
  layerNorm,
  le,
  log,
  lt,
  makeNode,
  maximum,
  minimum,
  mul,
  neg,
  not,
  ops,
  or,
  sameShape,
  sizeOf,
  softmax,
  sqrt,
  sub,
  tanh,
  type Expr,
  type Shape,
} from '../../../core'
import {
  mod,
  digits,
  candidates,
  pick,
  isReal,
  isInt,
  isBool,
  isNumber,
  ndim,
  isAny,
  maxAxes,
  fits,
  partner,
  truthFor,
  shapeFrom,
  subset,
  numbersFor,
  type Draw,
  type Scope,
  type Step,
} from './program-choices'

// ------------------------------------------------------------------------------------------------ steps

const unary =
  (f: (x: Expr) => Expr, test: (e: Expr) => boolean): Step =>
  ({ at }, scope) => {
    const x = pick(scope, at[0], test)
    return x === null ? null : f(x)
  }

const binary =
  (f: (x: Expr, y: Expr) => Expr, test: (e: Expr) => boolean): Step =>
  ({ at }, scope) => {
    const x = pick(scope, at[0], test)
    return x === null ? null : f(x, partner(scope, at[1], x))
  }

const onFirst =
  (
    test: (e: Expr) => boolean,
    f: (x: Expr, digit: (n: number) => number, scope: Scope, draw: Draw) => Expr | null,
  ): Step =>
  (gene, scope) => {
    const x = pick(scope, gene.at[0], test)
    return x === null ? null : f(x, digits(gene.code), scope, gene)
  }

const permutationOf = (n: number, digit: (n: number) => number): readonly number[] => {
  const left = Array.from({ length: n }, (_, i) => i)
  return Array.from({ length: n }, () => left.splice(digit(left.length), 1)[0]!)
}

/** Other shapes of the same size: all in one, an axis cut in two, two merged, axes of size 1. */
const regrouped = (shape: Shape, digit: (n: number) => number): Shape => {
  const size = sizeOf(shape)
  const at = digit(Math.max(1, shape.length))
  const n = shape[at]
  const factors = n === undefined ? [] : Array.from({ length: n }, (_, i) => i + 1).filter((f) => n % f === 0)
  switch (digit(4)) {
    case 0:
      return [size]
    case 1:
      if (shape.length === maxAxes) return [size]
      return factors.length === 0
        ? [1, ...shape]
        : shape.flatMap((m, i) => {
            if (i !== at) return [m]
            const by = factors[digit(factors.length)]!
            return [by, m / by]
          })
    case 2:
      return shape.length < 2 ? [1, size] : [shape[0]! * shape[1]!, ...shape.slice(2)]
    default:
      return [...shape].reverse()
  }
}

const reduced =
  (op: typeof ops.reduceSum): Step =>
  (gene, scope) =>
    onFirst(isReal, (x, digit) => {
      const bits = 1 + digit(15)
      const axes = subset(ndim(x), bits)
      if (op === ops.reduceMax && x.aval.shape.includes(0)) return null
      return op({ axes: axes.length === 0 && bits % 3 !== 0 && ndim(x) > 0 ? [ndim(x) - 1] : axes }, x)
    })(gene, scope)

const swapLast = (e: Expr): Expr => {
  const n = ndim(e)
  return ops.transpose({ perm: [...Array.from({ length: n - 2 }, (_, i) => i), n - 1, n - 2] }, e)
}

const product: Step = ({ at, code }, scope) => {
  const x = pick(scope, at[0], (e) => isReal(e) && ndim(e) >= 2)
  if (x === null) return null
  const shape = x.aval.shape
  const inner = shape.at(-1)!
  const y = pick(scope, at[1], (e) => {
    const other = e.aval.shape
    const sameBatch = other.length === shape.length && sameShape(other.slice(0, -2), shape.slice(0, -2))
    return e.aval.dtype === x.aval.dtype && sameBatch && other.slice(-2).includes(inner)
  })!
  const [rows, columns] = y.aval.shape.slice(-2) as [number, number]
  return ops.matmul(x, rows === inner && (columns !== inner || code % 2 === 0) ? y : swapLast(y))
}

/** Whole numbers in [0, n) of a shape: a node that has such values, or a new input. */
const idsBelow = (scope: Scope, at: number, n: number, shape: () => Shape): Expr =>
  pick(scope, at, (e) => isInt(e) && scope.valuesOf(e).every((v) => v >= 0 && v < n) && sizeOf(e.aval.shape) <= 24) ??
  newInts(scope, shape(), (k) => mod(k, Math.max(1, n)))

const newInts = (scope: Scope, shape: Shape, f: (k: number) => number): Expr =>
  scope.input(shape, 'i32', (value) => Array.from({ length: sizeOf(shape) }, (_, i) => f(value(i))))

const ascending = (scope: Scope, n: number, max: number): Expr =>
  scope.input([n], 'i32', (value) => Array.from({ length: n }, (_, i) => mod(value(i), max + 1)).sort((a, b) => a - b))

const table = {
  neg: unary(neg, isNumber),
  tanh: unary(tanh, isReal),
  add: binary(add, isNumber),
  sub: binary(sub, isNumber),
  mul: binary(mul, isNumber),
  // Numbers that grow are brought back.
  scale: onFirst(isReal, (x, digit) => mul(x, full([1 / 2, 1 / 4, 1 / 8, 1 / 3, -1][digit(5)]!, [], x.aval.dtype))),
  shift: onFirst(isNumber, (x, digit) => add(x, full(numbersFor(digit, x.aval.dtype), [], x.aval.dtype))),
  div: binary((x, y) => div(x, y), isReal),
  ratio: binary((x, y) => div(x, ops.abs(y)), isReal),
  max: binary(maximum, isNumber),
  min: binary(minimum, isNumber),
  abs: unary(ops.abs, isNumber),
  sign: unary(ops.sign, isNumber),
  floor: unary(ops.floor, isReal),
  exp: unary(exp, isReal),
  log: unary(log, isReal),
  logPositive: unary((x) => log(add(ops.abs(x), 1 / 4)), isReal),
  erf: unary(erf, isReal),
  sqrt: unary(sqrt, isReal),
  norm: unary((x) => sqrt(add(mul(x, x), 1 / 2)), isReal),
  sin: unary(ops.sin, isReal),
  cos: unary(ops.cos, isReal),

  eq: binary(eq, isAny),
  lt: binary(lt, isAny),
  le: binary(le, isAny),
  and: binary(and, isBool),
  or: binary(or, isBool),
  not: unary(not, isBool),
  where: onFirst(isAny, (x, _, scope, { at }) =>
    ops.where(truthFor(scope, at[2], x.aval.shape), x, partner(scope, at[1], x)),
  ),
  // Infinities as masks put them in.
  mask: onFirst(isReal, (x, digit, scope, { at }) =>
    ops.where(
      truthFor(scope, at[2], x.aval.shape),
      x,
      full([-Infinity, Infinity, 0][digit(3)]!, x.aval.shape, x.aval.dtype),
    ),
  ),
  cast: onFirst(isAny, (x, digit) =>
    ops.cast({ dtype: (['f32', 'bf16', 'f16', 'i32', 'bool'] as const)[digit(5)]! }, x),
  ),

  reshape: onFirst(isAny, (x, digit) => ops.reshape({ shape: regrouped(x.aval.shape, digit) }, x)),
  transpose: onFirst(
    (e) => ndim(e) >= 2,
    (x, digit) => ops.transpose({ perm: [...permutationOf(ndim(x), digit)].reverse() }, x),
  ),
  slice: onFirst(
    (e) => ndim(e) >= 1,
    (x, digit) => {
      const start = x.aval.shape.map((n) => digit(Math.min(3, n + 1)))
      const size = x.aval.shape.map((n, i) => Math.max(0, n - start[i]! - digit(3)))
      return ops.slice({ start, size }, x)
    },
  ),
  pad: onFirst(
    (e) => ndim(e) >= 1,
    (x, digit) => {
      const margins = (): readonly number[] => x.aval.shape.map(() => digit(3))
      return ops.pad({ before: margins(), after: margins() }, x)
    },
  ),
  concat: onFirst(
    (e) => ndim(e) >= 1,
    (x, digit, scope, { at }) => {
      const axis = digit(ndim(x))
      const alike = candidates(
        scope.nodes,
        at[1],
        (e) =>
          e.aval.dtype === x.aval.dtype &&
          ndim(e) === ndim(x) &&
          e.aval.shape.every((n, i) => i === axis || n === x.aval.shape[i]),
      )
      const count = [2, 3, 2, 9][digit(4)]!
      return ops.concat({ axis }, x, ...Array.from({ length: count - 1 }, (_, i) => alike[i % alike.length]!))
    },
  ),
  repeat: onFirst(
    (e) => ndim(e) < maxAxes,
    (x, digit, scope) => ops.repeat({ axes: [digit(ndim(x) + 1)], sizes: [scope.dims[digit(scope.dims.length)]!] }, x),
  ),

  reduceSum: reduced(ops.reduceSum),
  reduceMax: reduced(ops.reduceMax),
  argmax: onFirst(
    (e) => isNumber(e) && ndim(e) >= 1 && !e.aval.shape.includes(0),
    (x, digit) => ops.argmax({ axis: digit(ndim(x)) }, x),
  ),
  matmul: product,

  gather: onFirst(
    (e) => ndim(e) >= 1 && e.aval.shape[0]! > 0,
    (x, digit, scope, { at }) =>
      ops.gather(
        x,
        idsBelow(scope, at[1], x.aval.shape[0]!, () => shapeFrom(scope, digit)),
      ),
  ),
  sortRank: onFirst(
    (e) => isInt(e) && ndim(e) >= 1,
    (x) => ops.sortRank(x),
  ),
  argsort: onFirst(
    (e) => isInt(e) && ndim(e) >= 1,
    (x) => ops.invertPermutation(ops.sortRank(x)),
  ),
  searchSorted: onFirst(isInt, (x, digit, scope) => ops.searchSorted(ascending(scope, digit(10), 9), x)),
  countLess: onFirst(
    (e) => isInt(e) && ndim(e) >= 1,
    (x, _, scope, { at }) => ops.countLess(x, partner(scope, at[1], x)),
  ),
  segmentSum: onFirst(
    (e) => isReal(e) && ndim(e) === 2,
    (x, digit, scope) => {
      const n = x.aval.shape[0]!
      const order = n === 0 ? newInts(scope, [0], () => 0) : newInts(scope, [digit(7)], (k) => mod(k, n))
      return ops.segmentSum(x, order, ascending(scope, 1 + digit(5), order.aval.shape[0]!))
    },
  ),
  threefry: onFirst(isInt, (x, digit, scope) => {
    const limb = (): Expr =>
      broadcastTo(
        newInts(scope, [], (k) => mod(k * 2729, 65536)),
        x.aval.shape,
      )
    const bits = [24, 1, 8, 23][digit(4)]!
    const params = { site: digit(2) * 0x9e3779b9 + digit(5), word: digit(2) as 0 | 1, shift: digit(33 - bits), bits }
    const element = ops.max(x, full(0, x.aval.shape, 'i32'))
    return ops.threefry(params, limb(), limb(), limb(), limb(), element)
  }),

  literal: ({ code }, scope) => {
    const digit = digits(code)
    const dtype = (['f32', 'i32', 'bf16', 'f16', 'bool'] as const)[digit(5)]!
    return full(numbersFor(digit, dtype), shapeFrom(scope, digit), dtype)
  },
  constant: ({ code }, scope) => {
    const digit = digits(code)
    const dtype = (['f32', 'i32', 'bf16', 'f16', 'bool'] as const)[digit(5)]!
    const shape = shapeFrom(scope, digit)
    const data = Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + digit(11)) % 11) - 5)
    return ops.constantArray({ shape, dtype, data: isFloat(dtype) ? data.map((v) => v / 10) : data })
  },
  iota: ({ code }, scope) => {
    const digit = digits(code)
    const shape = shapeFrom(scope, digit, 1)
    return iota(shape, digit(shape.length))
  },

  allReduce: unary((x) => ops.allReduce({ ranks: 1 }, x), isReal),
  reduceScatter: unary(
    (x) => ops.reduceScatter({ ranks: 1 }, ops.reshape({ shape: [sizeOf(x.aval.shape)] }, x)),
    isReal,
  ),
  allGather: unary((x) => ops.allGather({ ranks: 1 }, ops.reshape({ shape: [sizeOf(x.aval.shape)] }, x)), isReal),
  stopGradient: unary(ops.stopGradient, isAny),
  variable: unary(ops.variable, isAny),
  fence: onFirst(isAny, (x, _, scope, { at }) => ops.fence(x, pick(scope, at[1], isAny)!)),
  remat: onFirst(isAny, (x, _, scope, { at }) => ops.rematRegion(x, pick(scope, at[1], isAny)!)),
  customVjp: onFirst(isAny, (x, _, scope, { at }) =>
    makeNode(
      customVjpOp('none', (_ct, args) => args.map(() => null)),
      {},
      [x, pick(scope, at[1], isAny)!],
    ),
  ),

  // Functions that people write: what fusion is made for.
  softmax: onFirst(
    (e) => isReal(e) && ndim(e) >= 1 && e.aval.shape.at(-1) !== 0,
    (x) => softmax(x),
  ),
  gelu: unary(gelu, isReal),
  layerNorm: onFirst(
    (e) => isReal(e) && ndim(e) >= 1 && e.aval.shape.at(-1) !== 0,
    (x) => {
      const weight = full(3 / 4, x.aval.shape.slice(-1), x.aval.dtype)
      return layerNorm({ weight, bias: weight }, 1 / 4)(x)
    },
  ),
} as const satisfies Readonly<Record<string, Step>>

export type StepKind = keyof typeof table

/**
 * One step of a program as numbers: what it does, and with what. Every number has a meaning for every step, so that they shrink
 * independently of each other, and towards 0.
 */
export interface Gene extends Draw {
  readonly kind: StepKind
}

/** Every kind of step, the simplest first: shrinking moves towards it. */
export const stepKinds = Object.keys(table) as readonly StepKind[]

/** The expression that a step adds to a program; null where the program has nothing that it could act on. */
export const takeStep = (gene: Gene, scope: Scope): Expr | null => {
  const made = table[gene.kind](gene, scope)
  return made !== null && fits(made.aval.shape) ? made : null
}

/** What is always possible: a step that is neither ill-posed nor grows. */
export const simplestStep = (x: Expr): Expr => (isBool(x) ? not(x) : neg(x))
