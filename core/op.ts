import { isFloat, sameAval, type Aval } from './aval'
import { currentPath, shapeError } from './error'
import { hashText } from './hash'
import type { Access, Lowered, Scalar } from './loop'

/** Parameters of a node are JSON-plain: hashing, printing and golden files depend on it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type Params = { readonly [key: string]: Json }
export type NoParams = { readonly [key: string]: never }

/** One node of an immutable tensor expression. Equal structure gives equal `hash`; `path` is a label and takes no part. */
export class Expr {
  constructor(
    readonly op: OpSpec,
    readonly params: Params,
    readonly inputs: readonly Expr[],
    readonly aval: Aval,
    readonly hash: string,
    readonly path: readonly string[],
  ) {}
}

export type Tuple<T, N extends number> = number extends N
  ? readonly T[]
  : N extends 0
    ? readonly []
    : N extends 1
      ? readonly [T]
      : N extends 2
        ? readonly [T, T]
        : N extends 3
          ? readonly [T, T, T]
          : N extends 4
            ? readonly [T, T, T, T]
            : N extends 5
              ? readonly [T, T, T, T, T]
              : never

/** What a rule may look at: the node it differentiates, evaluates or lowers. */
export interface Site<P, N extends number> {
  readonly inputs: Tuple<Expr, N>
  readonly params: P
  readonly aval: Aval
  /** The node itself, for rules that reuse its value (exp, tanh). */
  readonly out: Expr
}
export interface LowerSite<P, N extends number> {
  readonly avals: Tuple<Aval, N>
  readonly params: P
  readonly aval: Aval
}
/** An input of a batching rule: `batched` says whether axis 0 is the batch axis of length `size`, or the value is shared. */
export interface Batched {
  readonly expr: Expr
  readonly batched: boolean
}

export type Cotangents<N extends number> = Tuple<Expr | null, N>

/**
 * All that is known of a primitive, in one place; nothing may be left out. `vjp` and `jvp` are null where there is no
 * derivative (integers, comparisons); `smoothness` says whether laws of differentiation hold everywhere or off kinks only.
 */
export interface Rules<P, N extends number> {
  readonly name: string
  readonly arity: N
  /** One line for the op table: what an element of the result is. */
  readonly doc: string
  readonly shape: (inputs: Tuple<Aval, N>, params: P) => Aval
  /** One cotangent per input; null for an input that has none. */
  readonly vjp: ((ct: Expr, site: Site<P, N>) => Cotangents<N>) | null
  /** Tangent of the output; a null tangent is zero. 'linear': the op itself, applied to the tangent of its only real input. */
  readonly jvp: ((tangents: Tuple<Expr | null, N>, site: Site<P, N>) => Expr | null) | 'linear' | null
  readonly smoothness: 'smooth' | 'piecewise' | 'none'
  /** The result for inputs that carry a batch axis at 0 (or are shared); the result carries it at 0. */
  readonly batch: (inputs: Tuple<Batched, N>, params: P, size: number) => Expr
  /** The meaning, in float64, on row-major arrays. */
  readonly eval: (inputs: Tuple<Float64Array, N>, site: LowerSite<P, N>) => Float64Array
  readonly lower: (inputs: Tuple<Access, N>, site: LowerSite<P, N>) => Lowered
}

/**
 * A rule record with its parameters' type erased. Rules are checked against `Rules<P, N>` where they are written;
 * walkers handle all ops alike.
 */
export type OpSpec = Rules<Params, number>

type Call<P, N extends number> = P extends NoParams
  ? (...inputs: Tuple<Expr, N>) => Expr
  : (params: P, ...inputs: Tuple<Expr, N>) => Expr

/** A primitive: call it to make a node; `spec` is its record. */
export type Op<P, N extends number> = Call<P, N> & { readonly spec: Rules<P, N> }

/** Make a node of any op: what walkers use. Users call the op itself. */
export const makeNode = (op: OpSpec, params: Params, inputs: readonly Expr[]): Expr => {
  if (op.arity >= 0 && inputs.length !== op.arity)
    shapeError(
      op.name,
      `${op.arity} inputs`,
      inputs.map((e) => e.aval),
    )
  const out = op.shape(
    inputs.map((e) => e.aval),
    params,
  )
  for (const n of out.shape)
    if (!Number.isSafeInteger(n) || n < 0) shapeError(op.name, 'sizes that are whole numbers', [out])
  const key = inputs.map((e) => e.hash).join()
  const text = `${op.name}${JSON.stringify(params, signOfZero)}:${out.dtype}[${out.shape.join()}](${key})`
  return new Expr(op, params, inputs, out, hashText(text), currentPath())
}

/** JSON drops the sign of -0, which is another number than 0. */
const signOfZero = (_: string, value: unknown): unknown => (Object.is(value, -0) ? '-0' : value)

/** Any number of inputs (concat). */
export const variadic = -1 as number

/** The only way to make an op with parameters: `op(params, ...inputs)`. */
export const defineOp = <P extends Params, N extends number>(rules: Rules<P, N>): Op<P, N> => {
  const spec = rules as unknown as OpSpec
  const call = (params: P, ...inputs: readonly Expr[]): Expr => makeNode(spec, params, inputs)
  return Object.assign(call, { spec: rules }) as unknown as Op<P, N>
}

/** The same for an op without parameters: `op(...inputs)`. */
export const definePlainOp = <N extends number>(rules: Rules<NoParams, N>): Op<NoParams, N> => {
  const spec = rules as unknown as OpSpec
  const call = (...inputs: readonly Expr[]): Expr => makeNode(spec, {}, inputs)
  return Object.assign(call, { spec: rules })
}

/** A rule record as walkers see it. */
export const erase = <P, N extends number>(rules: Rules<P, N>): OpSpec => rules as unknown as OpSpec

/** A list as the tuple of an op's arity: for rules that are written once for every arity. */
export const asTuple = <T, N extends number>(xs: readonly T[]): Tuple<T, N> => xs as unknown as Tuple<T, N>
export const asList = <T, N extends number>(xs: Tuple<T, N>): readonly T[] => xs

/** The same op on other inputs; the node itself when nothing changed, so that walks keep sharing. */
export const withInputs = (e: Expr, inputs: readonly Expr[]): Expr =>
  inputs.every((x, i) => x === e.inputs[i]) ? e : makeNode(e.op, e.params, inputs)

/** Structural equality: by hash, and by op, parameters and aval in case of a collision. */
export const sameNode = (a: Expr, b: Expr): boolean =>
  a === b ||
  (a.hash === b.hash && a.op.name === b.op.name && sameAval(a.aval, b.aval) && a.inputs.length === b.inputs.length)

export const requireFloat = (op: string, ...inputs: readonly Aval[]): void => {
  if (!inputs.every((a) => isFloat(a.dtype))) shapeError(op, 'floats', inputs, "cast integers first: cast(x, 'f32')")
}

export const requireInt = (op: string, what: string, a: Aval): void => {
  if (a.dtype !== 'i32') shapeError(op, `${what} of dtype i32`, [a], "cast(x, 'i32') truncates towards zero")
}

export type { Access, Lowered, Scalar }
