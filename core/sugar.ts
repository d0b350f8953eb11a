import { sameShape, type DType, type Shape } from './aval'
import { evaluateOne } from './eval'
import { shapeError } from './error'
import { Expr } from './op'
import { ops } from './ops'
import { topological } from './walk'

/**
 * The primitives as users write them: numbers stand for constants, shapes broadcast as in NumPy (by inserting `repeat`, whose
 * derivative sums), and negative axes count from the end.
 */
export type Operand = Expr | number

/** A constant array: numbers nested to any depth, or a flat list with its shape. */
export const tensor = (data: Nested, dtype: DType = 'f32'): Expr => {
  const shape: number[] = []
  for (let level: Nested = data; Array.isArray(level); level = (level as readonly Nested[])[0] ?? 0)
    shape.push(level.length)
  const flat = (Array.isArray(data) ? data.flat(Infinity) : [data]) as number[]
  return ops.constantArray({ data: flat, shape, dtype })
}
export type Nested = number | readonly Nested[]

/** A number as a tensor: `scalar(2)` is f32[]. */
export const scalar = (value: number, dtype: DType = 'f32'): Expr => full(value, [], dtype)

/** One number in every place of a shape. */
export const full = (value: number, shape: Shape, dtype: DType = 'f32'): Expr =>
  Number.isNaN(value)
    ? shapeError('full', 'a number', 'NaN')
    : ops.literal({ value: Number.isFinite(value) ? value : value > 0 ? 'Infinity' : '-Infinity', shape, dtype })
export const zeros = (shape: Shape, dtype: DType = 'f32'): Expr => full(0, shape, dtype)
export const ones = (shape: Shape, dtype: DType = 'f32'): Expr => full(1, shape, dtype)
/** 0, 1, … along one axis (the last by default): i32. */
export const iota = (shape: Shape, axis = -1): Expr => ops.iota({ shape, axis: axis < 0 ? axis + shape.length : axis })
/** A named hole, filled when the program runs. */
export const input = (name: string, shape: Shape, dtype: DType = 'f32'): Expr => ops.input({ name, shape, dtype })

export const axisOf = (op: string, axis: number, ndim: number): number => {
  const at = axis < 0 ? axis + ndim : axis
  return Number.isInteger(at) && at >= 0 && at < ndim
    ? at
    : shapeError(op, `an axis in [${-ndim}, ${ndim})`, String(axis))
}

const allAxes = (op: string, x: Expr, axes: number | readonly number[] | undefined): readonly number[] => {
  const ndim = x.aval.shape.length
  if (axes === undefined) return Array.from({ length: ndim }, (_, i) => i)
  const list = typeof axes === 'number' ? [axes] : axes
  return list.map((a) => axisOf(op, a, ndim)).sort((a, b) => a - b)
}

// ------------------------------------------------------------------------------------------------ broadcasting

/** The shape two shapes broadcast to (NumPy's rule), or null. */
export const broadcastShapes = (a: Shape, b: Shape): Shape | null => {
  const n = Math.max(a.length, b.length)
  const out: number[] = []
  for (let i = 0; i < n; i++) {
    const p = a[a.length - n + i] ?? 1
    const q = b[b.length - n + i] ?? 1
    if (p !== q && p !== 1 && q !== 1) return null
    out.push(p === 1 ? q : p)
  }
  return out
}

/** x repeated along the axes it lacks or has of size 1. */
export const broadcastTo = (x: Expr, shape: Shape): Expr => {
  const from = x.aval.shape
  if (sameShape(from, shape)) return x
  const result = broadcastShapes(from, shape)
  if (result === null || !sameShape(result, shape))
    return shapeError('broadcastTo', `a shape that broadcasts to [${shape.join(',')}]`, [x.aval])
  const lead = shape.length - from.length
  const axes = shape.flatMap((n, i) => (i < lead || (from[i - lead] === 1 && n !== 1) ? [i] : []))
  const kept = from.filter((_, i) => !axes.includes(i + lead))
  const squeezed = sameShape(kept, from) ? x : ops.reshape({ shape: kept }, x)
  return axes.length === 0 ? squeezed : ops.repeat({ axes, sizes: axes.map((a) => shape[a]!) }, squeezed)
}

const lift = (value: Operand, like: Expr): Expr => (value instanceof Expr ? value : full(value, [], like.aval.dtype))

/** Operands of one shape: numbers become constants of the others' dtype. */
const aligned = (op: string, operands: readonly Operand[]): readonly Expr[] => {
  const first = operands.find((x): x is Expr => x instanceof Expr)
  const exprs = operands.map((x) => lift(x, first ?? scalar(0)))
  let shape: Shape = []
  for (const e of exprs)
    shape =
      broadcastShapes(shape, e.aval.shape) ??
      shapeError(
        op,
        'shapes that broadcast',
        exprs.map((x) => x.aval),
      )
  return exprs.map((e) => broadcastTo(e, shape))
}

const binary =
  (name: 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min' | 'eq' | 'lt' | 'le' | 'and' | 'or') =>
  (x: Operand, y: Operand): Expr => {
    const [a, b] = aligned(name, [x, y]) as readonly [Expr, Expr]
    return ops[name](a, b)
  }

export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
export const div = binary('div')
export const maximum = binary('max')
export const minimum = binary('min')
export const eq = binary('eq')
export const lt = binary('lt')
export const le = binary('le')
export const gt = (x: Operand, y: Operand): Expr => lt(y, x)
export const ge = (x: Operand, y: Operand): Expr => le(y, x)
export const and = binary('and')
export const or = binary('or')
export const { neg, exp, log, tanh, erf, sqrt, sin, cos, abs, floor, sign, not, stopGradient } = ops

/** x where `cond` holds, y elsewhere. */
export const where = (cond: Expr, x: Operand, y: Operand): Expr => {
  const like = x instanceof Expr ? x : y instanceof Expr ? y : scalar(0)
  const exprs = [cond, lift(x, like), lift(y, like)]
  const [c, a, b] = aligned('where', exprs) as readonly [Expr, Expr, Expr]
  return ops.where(c, a, b)
}

/** The same numbers as another dtype; x itself when it has it. */
export const cast = (x: Expr, dtype: DType): Expr => (x.aval.dtype === dtype ? x : ops.cast({ dtype }, x))

// ------------------------------------------------------------------------------------------------ structure

/** One size may be -1: it is inferred. */
export const reshape = (x: Expr, shape: Shape): Expr => {
  const known = shape.reduce((n, s) => (s === -1 ? n : n * s), 1)
  const size = x.aval.shape.reduce((n, s) => n * s, 1)
  const full = shape.map((s) => (s === -1 ? size / known : s))
  return sameShape(full, x.aval.shape) ? x : ops.reshape({ shape: full }, x)
}
export const transpose = (x: Expr, perm: Shape): Expr =>
  perm.every((p, i) => p === i) && perm.length === x.aval.shape.length ? x : ops.transpose({ perm }, x)
/** Swap the last two axes. */
export const matrixTranspose = (x: Expr): Expr => {
  const n = x.aval.shape.length
  return n < 2
    ? shapeError('matrixTranspose', 'at least two axes', [x.aval])
    : transpose(x, [...Array(n - 2).keys(), n - 1, n - 2])
}
export const slice = (x: Expr, start: Shape, size: Shape): Expr => ops.slice({ start, size }, x)
/** The rows [start, start + size) along one axis. */
export const sliceAxis = (x: Expr, axis: number, start: number, size: number): Expr => {
  const at = axisOf('sliceAxis', axis, x.aval.shape.length)
  return slice(
    x,
    x.aval.shape.map((_, i) => (i === at ? start : 0)),
    x.aval.shape.map((n, i) => (i === at ? size : n)),
  )
}
export const pad = (x: Expr, before: Shape, after: Shape): Expr => ops.pad({ before, after }, x)
export const concat = (xs: readonly Expr[], axis = 0): Expr =>
  ops.concat({ axis: axisOf('concat', axis, xs[0]?.aval.shape.length ?? 0) }, ...xs)
/** Arrays of one shape along a new leading axis. */
export const stack = (xs: readonly Expr[]): Expr =>
  concat(
    xs.map((x) => reshape(x, [1, ...x.aval.shape])),
    0,
  )
/** Insert an axis of size 1. */
export const expandDims = (x: Expr, axis: number): Expr => {
  const at = axis < 0 ? axis + x.aval.shape.length + 1 : axis
  return reshape(x, [...x.aval.shape.slice(0, at), 1, ...x.aval.shape.slice(at)])
}

// ------------------------------------------------------------------------------------------------ reductions, products

/** Sum over axes (all by default), which vanish unless `keep`. */
export const sum = (x: Expr, axes?: number | readonly number[], keep = false): Expr =>
  reduced(ops.reduceSum, 'sum', x, axes, keep)
/** Maximum over axes (all by default). */
export const reduceMax = (x: Expr, axes?: number | readonly number[], keep = false): Expr =>
  reduced(ops.reduceMax, 'reduceMax', x, axes, keep)
export const mean = (x: Expr, axes?: number | readonly number[], keep = false): Expr => {
  const count = allAxes('mean', x, axes).reduce((n, a) => n * x.aval.shape[a]!, 1)
  return mul(sum(x, axes, keep), 1 / count)
}

const reduced = (
  op: typeof ops.reduceSum,
  name: string,
  x: Expr,
  axes: number | readonly number[] | undefined,
  keep: boolean,
): Expr => {
  const list = allAxes(name, x, axes)
  if (list.length === 0) return x
  const y = op({ axes: list }, x)
  return keep
    ? reshape(
        y,
        x.aval.shape.map((n, i) => (list.includes(i) ? 1 : n)),
      )
    : y
}

/** Position of the first maximum along an axis: i32. */
export const argmax = (x: Expr, axis = -1): Expr => ops.argmax({ axis: axisOf('argmax', axis, x.aval.shape.length) }, x)

/** Product over the last two axes. A right-hand side with two axes serves all leading axes of the left. */
export const matmul = (x: Expr, y: Expr): Expr => {
  const [a, b] = [x.aval.shape, y.aval.shape]
  if (a.length < 2 || b.length < 2) return shapeError('matmul', 'at least two axes on both sides', [x.aval, y.aval])
  if (b.length === 2 && a.length > 2) {
    if (a.at(-1) !== b[0]) shapeError('matmul', `rhs axis 0 of size ${a.at(-1)}`, [x.aval, y.aval])
    return reshape(ops.matmul(reshape(x, [-1, a.at(-1)!]), y), [...a.slice(0, -1), b[1]!])
  }
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2))
  if (batch === null) return shapeError('matmul', 'batch axes that broadcast', [x.aval, y.aval])
  return ops.matmul(broadcastTo(x, [...batch, ...a.slice(-2)]), broadcastTo(y, [...batch, ...b.slice(-2)]))
}

/** Rows of a table by id: table f32[V, ...R], ids i32[...S] -> f32[...S, ...R]. Ids known now are checked now. */
export const take = (table: Expr, ids: Expr): Expr => {
  const isKnown = ids.aval.dtype === 'i32' && topological([ids]).every((e) => e.op.name !== 'input')
  if (isKnown) {
    const bad = evaluateOne(ids).find((i) => !(i >= 0 && i < table.aval.shape[0]!))
    if (bad !== undefined)
      shapeError(
        'take',
        `indices in [0, ${table.aval.shape[0]})`,
        `index ${bad} into ${table.aval.dtype}[${table.aval.shape.join(',')}]`,
      )
  }
  return ops.gather(table, ids)
}
