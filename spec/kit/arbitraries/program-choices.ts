import { isFloat, ops, sameShape, sizeOf, type DType, type Expr, type Shape } from '../../../core'

/** The numbers of a step: which earlier nodes it reads (0 is the latest), and how its parameters come out. */
export interface Draw {
  readonly at: readonly [number, number, number]
  readonly code: number
}

/** What steps see of the program so far. */
export interface Scope {
  /** The sizes that shapes are made of. */
  readonly dims: readonly number[]
  /** All nodes, the oldest first. */
  readonly nodes: readonly Expr[]
  /** The values that a node has when the program runs. */
  readonly valuesOf: (e: Expr) => Float64Array
  /** A new i32 or bool input; `pick` gives whole numbers in [-24, 24]. */
  readonly input: (shape: Shape, dtype: DType, values: (pick: (i: number) => number) => readonly number[]) => Expr
}

export type Step = (draw: Draw, scope: Scope) => Expr | null

// ------------------------------------------------------------------------------------------------ choosing

export const mod = (k: number, n: number): number => ((k % n) + n) % n

/** The digits of a code, one at a time: parameters of any number from one number. */
export const digits = (code: number): ((n: number) => number) => {
  let rest = code
  return (n) => {
    const digit = rest % n
    rest = Math.floor(rest / n)
    return digit
  }
}

/** The nodes that pass a test, the one that `at` says first, then from the latest to the oldest. */
export const candidates = (nodes: readonly Expr[], at: number, test: (e: Expr) => boolean): readonly Expr[] => {
  const fit = nodes.filter(test).reverse()
  if (fit.length === 0) return []
  const first = mod(at, fit.length)
  return [fit[first]!, ...fit.slice(0, first), ...fit.slice(first + 1)]
}
export const pick = (scope: Scope, at: number, test: (e: Expr) => boolean): Expr | null =>
  candidates(scope.nodes, at, test)[0] ?? null

export const isReal = (e: Expr): boolean => isFloat(e.aval.dtype)
export const isInt = (e: Expr): boolean => e.aval.dtype === 'i32'
export const isBool = (e: Expr): boolean => e.aval.dtype === 'bool'
export const isNumber = (e: Expr): boolean => !isBool(e)
export const ndim = (e: Expr): number => e.aval.shape.length
export const isAny = (): boolean => true

/** Arrays have at most this many elements, and this many axes. */
export const maxElements = 400
export const maxAxes = 4
export const fits = (shape: Shape): boolean => sizeOf(shape) <= maxElements && shape.length <= maxAxes

/** The axes of `to` that are not matched by those of `from` in order; null where `from` has one that does not fit. */
export const missingAxes = (from: Shape, to: Shape): readonly number[] | null => {
  const missing: number[] = []
  let next = 0
  to.forEach((n, i) => {
    if (from[next] === n) next += 1
    else missing.push(i)
  })
  return next === from.length ? missing : null
}

/** x in a shape, repeated along the axes that it lacks. */
export const spread = (x: Expr, shape: Shape): Expr | null => {
  if (sameShape(x.aval.shape, shape)) return x
  const axes = missingAxes(x.aval.shape, shape)
  return axes === null ? null : ops.repeat({ axes, sizes: axes.map((a) => shape[a]!) }, x)
}

/** An operand for x: a node of its dtype whose shape is that of x or fits into it, x itself at the latest. */
export const partner = (scope: Scope, at: number, x: Expr): Expr => {
  const [found] = candidates(
    scope.nodes,
    at,
    (e) => e.aval.dtype === x.aval.dtype && missingAxes(e.aval.shape, x.aval.shape) !== null,
  )
  return spread(found ?? x, x.aval.shape)!
}

export const truthFor = (scope: Scope, at: number, shape: Shape): Expr => {
  const [found] = candidates(scope.nodes, at, (e) => isBool(e) && missingAxes(e.aval.shape, shape) !== null)
  return found === undefined
    ? scope.input(shape, 'bool', (value) => Array.from({ length: sizeOf(shape) }, (_, i) => mod(value(i), 2)))
    : spread(found, shape)!
}

/** A shape of 0 to 3 of the program's sizes. */
export const shapeFrom = (scope: Scope, digit: (n: number) => number, least = 0): Shape => {
  const shape = Array.from({ length: least + digit(4 - least) }, () => scope.dims[digit(scope.dims.length)]!)
  return fits(shape) ? shape : shape.slice(0, 2)
}

export const subset = (n: number, bits: number): readonly number[] =>
  Array.from({ length: n }, (_, i) => i).filter((i) => (bits >> i) & 1)

export const numbersFor = (digit: (n: number) => number, dtype: DType): number => {
  // Never -0: parameters are JSON, which has none.
  const k = digit(49) - 24
  if (dtype === 'i32') return Math.trunc(k / 3) + 0
  if (dtype === 'bool') return mod(k, 2)
  // Not only what every dtype holds: thirds round differently in each.
  return digit(4) === 0 ? k / 3 : k / 8
}
