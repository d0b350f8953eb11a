import { acc, sizeOf, stridesOf, type Axis, type DType, type Index, type Scalar } from '../../core'
import type { Kernel } from '../kernel'
import { shapeLoops } from './loop-shape'
import { splitAxes } from './split-axes'

/**
 * A kernel seen as batched matrix product: C[b, m, n] = Σ_k A[b, m, k] B[b, k, n], where m, n, k and b each stand for several
 * axes. Every operand's place is a sum of one table per index, so transposes and head splits cost nothing but their tables.
 * source  Matthews 2016, "High-performance tensor contraction without transposition", arXiv:1607.00291, §3 (scatter vectors)
 */
export interface Contraction {
  readonly a: Operand
  readonly b: Operand
  readonly batch: number
  readonly m: number
  readonly n: number
  readonly k: number
  /** The axes that each of these stands for, and all of C's in its own order. */
  readonly axes: Readonly<Record<'batch' | 'm' | 'n' | 'k' | 'c', readonly Axis[]>>
  /** Places in C by batch, row and column. */
  readonly c: { readonly batch: Table; readonly m: Table; readonly n: Table }
  /** What the kernel does with the finished sum, over `axes`; undefined where that is the sum itself. */
  readonly epilogue: Scalar | undefined
}
export interface Operand {
  readonly slot: number
  readonly dtype: DType
  /** The place that is read, over `axes`. */
  readonly index: Index
  /** Elements before all tables. */
  readonly base: number
  readonly batch: Table
  /** m of A, n of B. */
  readonly free: Table
  readonly k: Table
}
/** Element offsets, one for each value of the index. */
export type Table = Int32Array

/** Rows, columns and steps below which tiles would stand mostly empty. */
const smallest = 4

/** The contraction that a kernel is, or undefined: then it is a reduction like any other. */
export const contractionOf = (kernel: Kernel): Contraction | undefined => {
  const { reduce } = kernel
  if (reduce?.fn !== 'sum' || reduce.count !== undefined || reduce.body.tag !== 'binary' || reduce.body.fn !== 'mul')
    return undefined
  const shape = splitAxes(shapeLoops(kernel), false)
  const product = shape.roots.reduced!
  if (product.tag !== 'binary' || product.x.tag !== 'load' || product.y.tag !== 'load') return undefined
  if (product.type !== 'real' || shape.reduceAxes.length === 0) return undefined
  if (sizeOf([...shape.axes, ...shape.reduceAxes].map((a) => a.size)) === 0) return undefined
  const [x, y] = [product.x, product.y]
  if (!isLinear(x.index) || !isLinear(y.index)) return undefined
  const has = (i: Index, a: Axis): boolean => i.terms.some((t) => t.atom.tag === 'axis' && t.atom.name === a.name)
  const m = shape.axes.filter((a) => has(x.index, a) && !has(y.index, a))
  const n = shape.axes.filter((a) => !has(x.index, a) && has(y.index, a))
  const batch = shape.axes.filter((a) => has(x.index, a) === has(y.index, a))
  const k = shape.reduceAxes
  if (!k.every((a) => has(x.index, a) && has(y.index, a))) return undefined
  // Columns are what lies side by side in C: the operands change places where that is the first one's.
  const last = shape.axes.at(-1)
  const swap = last !== undefined && m.includes(last)
  const [rows, columns] = swap ? [n, m] : [m, n]
  const [left, right] = swap ? [y, x] : [x, y]
  if ([rows, columns, k].some((axes) => sizeOf(axes.map((a) => a.size)) < smallest)) return undefined
  const strides = new Map(shape.axes.map((a, i) => [a.name, stridesOf(shape.axes.map((s) => s.size))[i]!]))
  const place = (axes: readonly Axis[]): Table => tableOf(axes, (a) => strides.get(a.name)!)
  const operand = (load: Scalar & { tag: 'load' }, free: readonly Axis[]): Operand => {
    const coef = (a: Axis): number =>
      load.index.terms.reduce((sum, t) => (t.atom.tag === 'axis' && t.atom.name === a.name ? sum + t.coef : sum), 0)
    return {
      slot: load.slot,
      dtype: kernel.inputs[load.slot]!.dtype,
      index: load.index,
      base: load.index.constant,
      batch: tableOf(batch, coef),
      free: tableOf(free, coef),
      k: tableOf(k, coef),
    }
  }
  return {
    a: operand(left, rows),
    b: operand(right, columns),
    batch: sizeOf(batch.map((a) => a.size)),
    m: sizeOf(rows.map((a) => a.size)),
    n: sizeOf(columns.map((a) => a.size)),
    k: sizeOf(k.map((a) => a.size)),
    axes: { batch, m: rows, n: columns, k, c: shape.axes },
    c: { batch: place(batch), m: place(rows), n: place(columns) },
    epilogue: shape.roots.body.key === acc('real').key ? undefined : shape.roots.body,
  }
}

const isLinear = (x: Index): boolean => x.terms.every((t) => t.atom.tag === 'axis')

/** Offsets of all points of some axes, row-major. */
const tableOf = (axes: readonly Axis[], stride: (a: Axis) => number): Table => {
  let table = Int32Array.of(0)
  for (const axis of axes) {
    const by = stride(axis)
    const wider = new Int32Array(table.length * axis.size)
    for (let i = 0; i < table.length; i++)
      for (let j = 0; j < axis.size; j++) wider[i * axis.size + j] = table[i]! + j * by
    table = wider
  }
  return table
}
