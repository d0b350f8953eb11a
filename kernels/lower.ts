import {
  acc,
  axisIndex,
  flatIndex,
  hashText,
  load,
  scalarType,
  sizeOf,
  unary,
  type Access,
  type Axis,
  type Expr,
  type Index,
  type Lowered,
  type Scalar,
} from '../core'
import { lower, type Fusion } from './fuse'
import type { Kernel } from './kernel'
import { scalarWork } from './cost'

/** A kernel and the stored nodes that its load slots read, in slot order. */
export interface LoweredKernel {
  readonly kernel: Kernel
  readonly reads: readonly Expr[]
}

const structural = new Set(['reshape', 'transpose', 'slice', 'repeat', 'pad', 'concat', 'fence', 'gather', 'where'])

/** The kernel that computes a stored node from other stored nodes, with everything between them inside. */
export const lowerKernel = (root: Expr, fusion: Fusion): LoweredKernel => {
  const slots = new Map<Expr, number>()
  const memo = new Map<string, Scalar>()
  const ids = new Map<Expr, number>()
  const names: string[] = []
  let reduction:
    { readonly node: Expr; readonly at: readonly Index[]; readonly lowered: Lowered & { kind: 'reduce' } } | undefined

  const idOf = (e: Expr): number => {
    const id = ids.get(e)
    if (id !== undefined) return id
    ids.set(e, ids.size)
    return ids.size - 1
  }
  const slotOf = (e: Expr): number => {
    const slot = slots.get(e)
    if (slot !== undefined) return slot
    slots.set(e, slots.size)
    return slots.size - 1
  }
  const accessOf =
    (e: Expr): Access =>
    (coords) =>
      value(e, coords)
  const value = (e: Expr, coords: readonly Index[]): Scalar => {
    if (e !== root && fusion.isStored(e))
      return load(slotOf(e), flatIndex(coords, e.aval.shape), scalarType(e.aval.dtype))
    const key = `${idOf(e)}@${coords.map((c) => c.key).join(',')}`
    const seen = memo.get(key)
    if (seen !== undefined) return seen
    const made = rounded(e, compute(e, coords))
    memo.set(key, made)
    return made
  }
  const compute = (e: Expr, coords: readonly Index[]): Scalar => {
    names.push(e.op.name)
    const lowered = lower(e, e.inputs.map(accessOf))
    if (lowered.kind === 'map') return lowered.at(coords)
    if (reduction !== undefined)
      throw new Error(`internal: two reductions in one kernel (${reduction.node.op.name}, ${e.op.name})`)
    reduction = { node: e, at: coords, lowered }
    return acc(lowered.fn === 'argmax' ? 'int' : scalarType(e.aval.dtype))
  }

  const axes = axesOf('i', root.aval.shape)
  const body = value(root, axes.map(indexOf))
  const found = reduction as { node: Expr; at: readonly Index[]; lowered: Lowered & { kind: 'reduce' } } | undefined
  const reduce = found === undefined ? undefined : reductionPart(found)
  const inputs = [...slots.keys()].map((e) => ({ dtype: e.aval.dtype, size: sizeOf(e.aval.shape) }))
  const size = sizeOf(root.aval.shape)
  const inner = reduce === undefined ? 0 : sizeOf(reduce.axes.map((a) => a.size)) * (scalarWork(reduce.body) + 1)
  const kernel = {
    name: nameOf(names),
    inputs,
    output: root.aval,
    axes,
    ...(reduce === undefined ? {} : { reduce }),
    body,
    flops: size * (inner + scalarWork(body)),
  }
  return { kernel: { ...kernel, key: keyOf(kernel) }, reads: [...slots.keys()] }
}

const reductionPart = ({
  at,
  lowered,
}: {
  readonly at: readonly Index[]
  readonly lowered: Lowered & { kind: 'reduce' }
}): NonNullable<Kernel['reduce']> => {
  const axes = axesOf('r', lowered.sizes)
  const body = lowered.body(at, axes.map(indexOf))
  return { fn: lowered.fn, axes, body, ...(lowered.count === undefined ? {} : { count: lowered.count(at) }) }
}

const axesOf = (prefix: string, shape: readonly number[]): readonly Axis[] =>
  shape.map((size, i) => ({ tag: 'axis', name: `${prefix}${i}`, size }))
const indexOf = (axis: Axis): Index => axisIndex(axis.name, axis.size)

/** Halves are rounded wherever a value of theirs is made, and nowhere else. */
const rounded = (e: Expr, s: Scalar): Scalar => {
  if (structural.has(e.op.name)) return s
  return e.aval.dtype === 'f16' ? unary('roundF16', s) : e.aval.dtype === 'bf16' ? unary('roundBf16', s) : s
}

/** `matmul+add+gelu`: the ops that compute, last first found, views left out. */
const nameOf = (names: readonly string[]): string => {
  const shown = names.filter((n) => !['reshape', 'repeat', 'literal', 'fence', 'slice'].includes(n))
  const counted = [...new Set(shown.reverse())]
  return (counted.length === 0 ? [...new Set(names)] : counted).slice(0, 8).join('+')
}

const keyOf = (k: Omit<Kernel, 'key'>): string => {
  const reduce =
    k.reduce === undefined
      ? ''
      : `${k.reduce.fn}[${k.reduce.axes.map((a) => a.size).join()}]${k.reduce.count?.key ?? ''}:${k.reduce.body.key}`
  const inputs = k.inputs.map((i) => `${i.dtype}:${i.size}`).join()
  return hashText(`${inputs}->${k.output.dtype}[${k.output.shape.join()}]|${reduce}|${k.body.key}`)
}
