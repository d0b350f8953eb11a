import {
  erfValue,
  roundBf16,
  roundF16,
  sizeOf,
  threefry2x32,
  type Aval,
  type Axis,
  type Index,
  type Scalar,
} from '../core'
import type { Kernel } from './kernel'
import type { Plan } from './plan'

/**
 * The meaning of the loop IR, in float64: what every printer of kernels is compared with, and what fusion is tested on
 * without any device. Slow, and strict: an index out of bounds throws.
 */
export const interpretKernel = (kernel: Kernel, slots: readonly ArrayLike<number>[]): Float64Array => {
  const out = new Float64Array(sizeOf(kernel.output.shape))
  const env: Env = { axes: new Map(), slots, acc: 0 }
  let at = 0
  forEachPoint(kernel.axes, env.axes, () => {
    const { reduce } = kernel
    if (reduce !== undefined) env.acc = runReduction(reduce, env)
    out[at++] = scalarValue(kernel.body, env, new Map())
    return true
  })
  return out
}

/** Run a whole plan on values of its inputs by name, in its arena: bytes that are taken too early give wrong numbers here. */
export const interpretPlan = (
  plan: Plan,
  inputs: ReadonlyMap<string, ArrayLike<number>>,
): ReadonlyMap<string, ArrayLike<number>> => {
  const arena = new Float64Array(plan.arena.bytes) // an element has a byte or more
  const values: (ArrayLike<number> | undefined)[] = plan.buffers.map(() => undefined)
  for (const { name, buffer } of plan.inputs) values[buffer] = asHeld(inputs.get(name), plan.buffers[buffer]!.aval)
  for (const { buffer, data } of plan.constants) values[buffer] = data
  for (const step of plan.steps) {
    const args = step.inputs.map((b) => {
      const value = values[b]
      if (value === undefined)
        throw new Error(`internal: buffer ${b} is read before it is written or after it is freed`)
      return value
    })
    const result = interpretKernel(plan.kernels[step.kernel]!, args)
    const at = plan.arena.offsetOf[step.output]!
    const place = arena.subarray(at, at + result.length)
    place.set(result)
    values[step.output] = place
    for (const b of step.frees) values[b] = undefined
  }
  return new Map(plan.outputs.map((o) => [o.name, values[o.buffer]!]))
}

/** Halves are rounded when they come, as `evaluate` does. */
const asHeld = (values: ArrayLike<number> | undefined, { dtype }: Aval): ArrayLike<number> | undefined =>
  values === undefined || (dtype !== 'f16' && dtype !== 'bf16')
    ? values
    : Float64Array.from(values, dtype === 'f16' ? roundF16 : roundBf16)

interface Env {
  readonly axes: Map<string, number>
  readonly slots: readonly ArrayLike<number>[]
  acc: number
}

/** Visit the points of axes in row-major order; `visit` returns false to stop. */
const forEachPoint = (axes: readonly Axis[], env: Map<string, number>, visit: () => boolean): void => {
  const sizes = axes.map((a) => a.size)
  const total = sizeOf(sizes)
  const point = sizes.map(() => 0)
  for (let i = 0; i < total; i++) {
    axes.forEach((a, k) => env.set(a.name, point[k]!))
    if (!visit()) return
    for (let k = sizes.length - 1; k >= 0; k--) {
      point[k] = point[k]! + 1
      if (point[k]! < sizes[k]!) break
      point[k] = 0
    }
  }
}

const runReduction = (reduce: NonNullable<Kernel['reduce']>, env: Env): number => {
  const { fn, axes, body, count } = reduce
  const limit = count === undefined ? Infinity : scalarValue(count, env, new Map())
  let total = fn === 'sum' ? 0 : -Infinity
  let position = 0
  let n = 0
  forEachPoint(axes, env.axes, () => {
    if (n >= limit) return false
    const x = scalarValue(body, env, new Map())
    if (fn === 'sum') total += x
    else if (fn === 'max') total = Math.max(total, x)
    else if (x > total) {
      total = x
      position = n
    }
    n += 1
    return true
  })
  return fn === 'argmax' ? position : total
}

const indexValue = (index: Index, env: Env, memo: Map<string, number>): number => {
  let total = index.constant
  for (const { coef, atom } of index.terms) {
    let x: number
    if (atom.tag === 'axis') x = env.axes.get(atom.name)!
    else if (atom.tag === 'data') x = Math.min(Math.max(scalarValue(atom.value, env, memo), 0), atom.size - 1)
    else {
      const inner = indexValue(atom.x, env, memo)
      const quotient = Math.floor(inner / atom.by)
      x = atom.tag === 'div' ? quotient : inner - quotient * atom.by
    }
    total += coef * x
  }
  if (total < index.min || total > index.max)
    throw new Error(`internal: index ${index.key} = ${total} is outside [${index.min}, ${index.max}]`)
  return total
}

const scalarValue = (s: Scalar, env: Env, memo: Map<string, number>): number => {
  const seen = memo.get(s.key)
  if (seen !== undefined) return seen
  const value = compute(s, env, memo)
  memo.set(s.key, value)
  return value
}

const compute = (s: Scalar, env: Env, memo: Map<string, number>): number => {
  const of = (x: Scalar): number => scalarValue(x, env, memo)
  switch (s.tag) {
    case 'const':
      return s.value
    case 'acc':
      return env.acc
    case 'index':
      return indexValue(s.index, env, memo)
    case 'load': {
      const value = env.slots[s.slot]![indexValue(s.index, env, memo)]
      if (value === undefined) throw new Error(`internal: ${s.key} reads outside its buffer`)
      return value
    }
    case 'select':
      return of(s.cond) !== 0 ? of(s.x) : of(s.y)
    case 'unary':
      return unaryFns[s.fn](of(s.x))
    case 'binary':
      return binaryFns[s.fn](of(s.x), of(s.y))
    case 'threefry': {
      const [seedLo, seedHi, streamLo, streamHi, element] = s.args.map(of) as [number, number, number, number, number]
      const { site, word, shift, bits } = s.bits
      const words = threefry2x32(
        (seedLo | (seedHi << 16)) >>> 0,
        site >>> 0,
        element >>> 0,
        (streamLo | (streamHi << 16)) >>> 0,
      )
      return (words[word] >>> shift) & (2 ** bits - 1)
    }
  }
}

const unaryFns: Readonly<Record<(Scalar & { tag: 'unary' })['fn'], (x: number) => number>> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  erf: erfValue,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  abs: Math.abs,
  floor: Math.floor,
  sign: Math.sign,
  not: (x) => (x === 0 ? 1 : 0),
  roundF16,
  roundBf16,
  trunc: Math.trunc,
  isTrue: (x) => (x === 0 ? 0 : 1),
  toNumber: (x) => x,
}

const binaryFns: Readonly<Record<(Scalar & { tag: 'binary' })['fn'], (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  max: Math.max,
  min: Math.min,
  eq: (x, y) => (x === y ? 1 : 0),
  lt: (x, y) => (x < y ? 1 : 0),
  le: (x, y) => (x <= y ? 1 : 0),
  and: (x, y) => (x !== 0 && y !== 0 ? 1 : 0),
  or: (x, y) => (x !== 0 || y !== 0 ? 1 : 0),
}
