import {
  acc,
  addIndex,
  axisIndex,
  dataIndex,
  divIndex,
  constIndex,
  flatIndex,
  load,
  modIndex,
  ofIndex,
  real,
  scaleIndex,
  select,
  sizeOf,
  within,
  type Axis,
  type Index,
} from '../../core'
import type { Kernel } from '../kernel'
import { rewriter } from './rebuild'

/** Threads that a GPU wants to have at work. */
const wanted = 32768
/** Steps below which a reduction is not worth a second pass. */
const shortest = 512
/** Steps of one part at least. */
const least = 64

/**
 * A long sum or maximum of few results as two kernels: parts of it side by side, then the reduction of the parts with what
 * follows; the second reads the parts from its last input. undefined where one pass has enough to do.
 */
export const splitReduction = (kernel: Kernel): { readonly first: Kernel; readonly then: Kernel } | undefined => {
  const { reduce } = kernel
  if (reduce === undefined || reduce.count !== undefined || reduce.fn === 'argmax' || reduce.body.type !== 'real')
    return undefined
  const size = sizeOf(kernel.output.shape)
  const length = sizeOf(reduce.axes.map((a) => a.size))
  if (length < shortest || size * Math.min(length, 256) >= wanted) return undefined
  const pieces = Math.min(Math.ceil(wanted / size), Math.floor(length / least), 4096)
  if (pieces < 2) return undefined
  const each = Math.ceil(length / pieces)
  const count = Math.ceil(length / each)
  const piece: Axis = { tag: 'axis', name: 'piece', size: count }
  const step: Axis = { tag: 'axis', name: 'step', size: each }
  const at = addIndex(scaleIndex(indexOf(piece), each), indexOf(step))
  const clamped = dataIndex(ofIndex(at), length)
  const names = new Map<string, Index>()
  let rest = clamped
  for (const axis of [...reduce.axes].reverse()) {
    names.set(axis.name, modIndex(rest, axis.size))
    rest = divIndex(rest, axis.size)
  }
  const value = rewriter(names).scalar(reduce.body)
  const neutral = real(reduce.fn === 'sum' ? 0 : -Infinity)
  const body = at.max < length ? value : select(within(at, 0, length), value, neutral)
  const output = { dtype: 'f32' as const, shape: [count, ...kernel.output.shape] }
  const first: Kernel = {
    name: kernel.name,
    key: `${kernel.key}:pieces`,
    inputs: kernel.inputs,
    output,
    axes: [piece, ...kernel.axes],
    reduce: { fn: reduce.fn, axes: [step], body },
    body: acc('real'),
    flops: kernel.flops,
  }
  const places = [indexOf(piece), ...kernel.axes.map(indexOf)]
  const then: Kernel = {
    name: kernel.name,
    key: `${kernel.key}:joined`,
    inputs: [...kernel.inputs, { dtype: 'f32', size: sizeOf(output.shape) }],
    output: kernel.output,
    axes: kernel.axes,
    reduce: { fn: reduce.fn, axes: [piece], body: load(kernel.inputs.length, flatIndex(places, output.shape), 'real') },
    body: kernel.body,
    flops: 0,
  }
  return { first, then }
}

const indexOf = (axis: Axis): Index => (axis.size > 1 ? axisIndex(axis.name, axis.size) : constIndex(0))
