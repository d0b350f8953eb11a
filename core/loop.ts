import type { DType } from './aval'
import { hashText } from './hash'

/**
 * The loop IR: what an op's `lower` returns, and what devices print as kernels. Plain data.
 *
 * An `Index` is an exact integer in linear form, constant + sum of coefficient x atom, with proved bounds. A `Scalar` is
 * the value of one element. Both carry a `key`: equal keys mean equal meaning, so printers share what is equal.
 */
export interface Axis {
  readonly tag: 'axis'
  readonly name: string
  readonly size: number
}
export type Atom =
  | Axis
  | { readonly tag: 'div' | 'mod'; readonly x: Index; readonly by: number }
  /** A value read from data, clamped to [0, size) by whoever prints it. */
  | { readonly tag: 'data'; readonly value: Scalar; readonly size: number }
export interface Term {
  readonly coef: number
  readonly atom: Atom
  readonly key: string
}
export interface Index {
  readonly constant: number
  readonly terms: readonly Term[]
  readonly min: number
  readonly max: number
  readonly key: string
}

export type UnaryFn =
  | 'neg'
  | 'exp'
  | 'log'
  | 'tanh'
  | 'erf'
  | 'sqrt'
  | 'sin'
  | 'cos'
  | 'abs'
  | 'floor'
  | 'sign'
  | 'not'
  | 'roundF16'
  | 'roundBf16'
  | 'trunc'
  | 'isTrue'
  | 'toNumber'
export type BinaryFn = 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min' | 'eq' | 'lt' | 'le' | 'and' | 'or'

/** Bits of Threefry-2x32-20 under key (seed, site) and counter (element, stream): see core/key.ts. */
export interface ThreefryBits {
  readonly site: number
  readonly word: 0 | 1
  /** The drawn integer is (word >>> shift) & (2^bits - 1); bits is at most 24, so that a float holds it. */
  readonly shift: number
  readonly bits: number
}

/** `type` is how the value behaves in arithmetic: a real number, an exact integer, or a truth value. */
export type ScalarType = 'real' | 'int' | 'bool'
export type Scalar =
  | { readonly tag: 'const'; readonly value: number; readonly type: ScalarType; readonly key: string }
  | {
      readonly tag: 'load'
      readonly slot: number
      readonly index: Index
      readonly type: ScalarType
      readonly key: string
    }
  | { readonly tag: 'index'; readonly index: Index; readonly type: ScalarType; readonly key: string }
  | { readonly tag: 'unary'; readonly fn: UnaryFn; readonly x: Scalar; readonly type: ScalarType; readonly key: string }
  | {
      readonly tag: 'binary'
      readonly fn: BinaryFn
      readonly x: Scalar
      readonly y: Scalar
      readonly type: ScalarType
      readonly key: string
    }
  | {
      readonly tag: 'select'
      readonly cond: Scalar
      readonly x: Scalar
      readonly y: Scalar
      readonly type: ScalarType
      readonly key: string
    }
  | {
      readonly tag: 'threefry'
      readonly bits: ThreefryBits
      /** seedLo, seedHi, streamLo, streamHi (16 bits each) and the element number. */
      readonly args: readonly Scalar[]
      readonly type: ScalarType
      readonly key: string
    }
  /** The finished reduction, in the part of a kernel that follows it. */
  | { readonly tag: 'acc'; readonly type: ScalarType; readonly key: string }

/** Reads one element of an input. */
export type Access = (coords: readonly Index[]) => Scalar

/** What a primitive computes, as a pull: the value of the output element at given coordinates. */
export type Lowered =
  | { readonly kind: 'map'; readonly at: Access }
  | {
      readonly kind: 'reduce'
      readonly fn: ReduceFn
      /** Extents of the reduction axes. */
      readonly sizes: readonly number[]
      readonly body: (out: readonly Index[], along: readonly Index[]) => Scalar
      /** Only along[0] < count(out) takes part; one axis only. */
      readonly count?: (out: readonly Index[]) => Scalar
    }
/** argmax gives the position along its single axis of the first greatest value; the empty sum is 0. */
export type ReduceFn = 'sum' | 'max' | 'argmax'

export const scalarType = (dtype: DType): ScalarType => (dtype === 'i32' ? 'int' : dtype === 'bool' ? 'bool' : 'real')

/** Keys are nested, and values shared: without a cap the text of a deep value would grow exponentially. */
const shorten = (key: string): string => (key.length <= 64 ? key : `~${hashText(key)}`)

// ------------------------------------------------------------------------------------------------ index arithmetic

const atomKey = (atom: Atom): string =>
  atom.tag === 'axis'
    ? atom.name
    : atom.tag === 'data'
      ? `{${atom.value.key}:${atom.size}}`
      : `(${atom.x.key})${atom.tag === 'div' ? '/' : '%'}${atom.by}`

const atomBounds = (atom: Atom): readonly [number, number] =>
  atom.tag === 'axis' || atom.tag === 'data'
    ? [0, Math.max(0, atom.size - 1)]
    : atom.tag === 'div'
      ? [Math.floor(atom.x.min / atom.by), Math.floor(atom.x.max / atom.by)]
      : [0, Math.min(atom.by - 1, atom.x.min >= 0 ? atom.x.max : atom.by - 1)]

const linear = (constant: number, terms: readonly Term[]): Index => {
  let [min, max] = [constant, constant]
  for (const { coef, atom } of terms) {
    const [lo, hi] = atomBounds(atom)
    min += coef > 0 ? coef * lo : coef * hi
    max += coef > 0 ? coef * hi : coef * lo
  }
  const text = terms.map((t) => (t.coef === 1 ? t.key : `${t.coef}*${t.key}`))
  if (constant !== 0 || terms.length === 0) text.push(String(constant))
  return { constant, terms, min, max, key: shorten(text.join('+')) }
}

const ofAtom = (atom: Atom): Index => linear(0, [{ coef: 1, atom, key: atomKey(atom) }])

export const constIndex = (n: number): Index => linear(n, [])
/** A loop variable in [0, size). An axis of size 1 is the constant 0. */
export const axisIndex = (name: string, size: number): Index =>
  size <= 1 ? constIndex(0) : ofAtom({ tag: 'axis', name, size })
/** A value read from data, used as an index; printers clamp it to [0, size). */
export const dataIndex = (value: Scalar, size: number): Index =>
  value.tag === 'index' && value.index.min >= 0 && value.index.max < size
    ? value.index
    : size <= 1
      ? constIndex(0)
      : ofAtom({ tag: 'data', value, size })

export const addIndex = (a: Index, b: Index): Index => {
  const sums = new Map<string, Term>()
  for (const term of [...a.terms, ...b.terms]) {
    const seen = sums.get(term.key)
    sums.set(term.key, seen === undefined ? term : { ...term, coef: seen.coef + term.coef })
  }
  const terms = [...sums.values()].filter((t) => t.coef !== 0)
  terms.sort((s, t) => Math.abs(t.coef) - Math.abs(s.coef) || (s.key < t.key ? -1 : 1))
  return rejoin(linear(a.constant + b.constant, terms))
}

export const scaleIndex = (a: Index, k: number): Index =>
  k === 0
    ? constIndex(0)
    : linear(
        a.constant * k,
        a.terms.map((t) => ({ ...t, coef: t.coef * k })),
      )

/** n * (x / n) + x % n = x: undoes the split that a reshape and its inverse make. */
const rejoin = (a: Index): Index => {
  for (const d of a.terms) {
    if (d.atom.tag !== 'div') continue
    const { x, by } = d.atom
    const m = a.terms.find((t) => t.atom.tag === 'mod' && t.atom.by === by && t.atom.x.key === x.key)
    if (m === undefined || d.coef !== m.coef * by) continue
    const rest = linear(
      a.constant,
      a.terms.filter((t) => t !== d && t !== m),
    )
    return addIndex(rest, scaleIndex(x, m.coef))
  }
  return a
}

/** Split a = by * whole + rest, with all multiples of `by` in `whole`. */
const splitBy = (a: Index, by: number): readonly [Index, Index] => {
  const constWhole = Math.floor(a.constant / by)
  const whole = a.terms.filter((t) => t.coef % by === 0)
  const rest = a.terms.filter((t) => t.coef % by !== 0)
  return [
    linear(
      constWhole,
      whole.map((t) => ({ ...t, coef: t.coef / by })),
    ),
    linear(a.constant - constWhole * by, rest),
  ]
}

/** Floor division by a positive constant. */
export const divIndex = (a: Index, by: number): Index => {
  if (by === 1) return a
  const [whole, rest] = splitBy(a, by)
  if (rest.min >= 0 && rest.max < by) return whole
  if (rest.terms.length === 1 && rest.constant === 0) {
    const { coef, atom } = rest.terms[0]!
    // (x / p) / q = x / pq
    if (coef === 1 && atom.tag === 'div') return addIndex(whole, divIndex(atom.x, atom.by * by))
  }
  return addIndex(whole, ofAtom({ tag: 'div', x: rest, by }))
}

/** Remainder of floor division by a positive constant, in [0, by). */
export const modIndex = (a: Index, by: number): Index => {
  if (by === 1) return constIndex(0)
  const [, rest] = splitBy(a, by)
  return rest.min >= 0 && rest.max < by ? rest : ofAtom({ tag: 'mod', x: rest, by })
}

/** Row-major flat position of coordinates. */
export const flatIndex = (coords: readonly Index[], shape: readonly number[]): Index => {
  let flat = constIndex(0)
  for (let i = 0; i < coords.length; i++) flat = addIndex(scaleIndex(flat, shape[i]!), coords[i]!)
  return flat
}

/** Coordinates of a row-major flat position. */
export const unflattenIndex = (flat: Index, shape: readonly number[]): readonly Index[] => {
  const coords = new Array<Index>(shape.length)
  let rest = flat
  for (let i = shape.length - 1; i > 0; i--) {
    coords[i] = modIndex(rest, Math.max(1, shape[i]!))
    rest = divIndex(rest, Math.max(1, shape[i]!))
  }
  if (shape.length > 0) coords[0] = rest
  return coords
}

// ------------------------------------------------------------------------------------------------ scalars

export const real = (value: number): Scalar => ({
  tag: 'const',
  value,
  type: 'real',
  key: `${Object.is(value, -0) ? '-0' : value}`,
})
export const int = (value: number): Scalar => ({ tag: 'const', value, type: 'int', key: `${value}i` })
export const bool = (value: boolean): Scalar => ({ tag: 'const', value: value ? 1 : 0, type: 'bool', key: `${value}` })
export const ofIndex = (index: Index): Scalar => ({ tag: 'index', index, type: 'int', key: `#${index.key}` })
export const acc = (type: ScalarType): Scalar => ({ tag: 'acc', type, key: `acc:${type}` })

export const load = (slot: number, index: Index, type: ScalarType): Scalar => ({
  tag: 'load',
  slot,
  index,
  type,
  key: shorten(`$${slot}[${index.key}]`),
})

const unaryType = (fn: UnaryFn, x: ScalarType): ScalarType =>
  fn === 'trunc' ? 'int' : fn === 'isTrue' || fn === 'not' ? 'bool' : fn === 'toNumber' ? 'real' : x

export const unary = (fn: UnaryFn, x: Scalar): Scalar => ({
  tag: 'unary',
  fn,
  x,
  type: unaryType(fn, x.type),
  key: shorten(`${fn}(${x.key})`),
})

export const binary = (fn: BinaryFn, x: Scalar, y: Scalar): Scalar =>
  shifted(fn, x, y) ?? {
    tag: 'binary',
    fn,
    x,
    y,
    type: fn === 'eq' || fn === 'lt' || fn === 'le' ? 'bool' : x.type,
    key: shorten(`${fn}(${x.key},${y.key})`),
  }

/** Sums of positions and integers are positions: exact where a float is not (above 2^24). */
const shifted = (fn: BinaryFn, x: Scalar, y: Scalar): Scalar | undefined => {
  if ((fn !== 'add' && fn !== 'sub') || (x.tag !== 'index' && y.tag !== 'index')) return undefined
  const [a, b] = [positionOf(x), positionOf(y)]
  if (a === undefined || b === undefined) return undefined
  const sum = addIndex(a, fn === 'add' ? b : scaleIndex(b, -1))
  return sum.min > -(2 ** 31) && sum.max < 2 ** 31 ? ofIndex(sum) : undefined
}

const positionOf = (s: Scalar): Index | undefined =>
  s.tag === 'index'
    ? s.index
    : s.tag === 'const' && s.type === 'int' && Number.isInteger(s.value)
      ? constIndex(s.value)
      : undefined

export const select = (cond: Scalar, x: Scalar, y: Scalar): Scalar => ({
  tag: 'select',
  cond,
  x,
  y,
  type: x.type,
  key: shorten(`select(${cond.key},${x.key},${y.key})`),
})

export const threefryBits = (bits: ThreefryBits, args: readonly Scalar[]): Scalar => ({
  tag: 'threefry',
  bits,
  args,
  type: 'int',
  key: shorten(`threefry:${bits.site}.${bits.word}.${bits.shift}.${bits.bits}(${args.map((a) => a.key).join(',')})`),
})

/** lo <= index < hi as a truth value, or a constant where the bounds already prove it. */
export const within = (index: Index, lo: number, hi: number): Scalar =>
  index.min >= lo && index.max < hi
    ? bool(true)
    : index.max < lo || index.min >= hi
      ? bool(false)
      : binary('and', binary('le', int(lo), ofIndex(index)), binary('lt', ofIndex(index), int(hi)))
