import {
  addIndex,
  axisIndex,
  constIndex,
  divIndex,
  modIndex,
  scaleIndex,
  type Axis,
  type Index,
  type Scalar,
} from '../../core'
import type { Kernel } from '../kernel'
import { partsOf, rewriter } from './rebuild'

/** A kernel whose axes were merged where that costs no division: fewer, longer loops over the same elements. */
export interface LoopShape {
  /** Output axes of size > 1, the last fastest. */
  readonly axes: readonly Axis[]
  readonly reduceAxes: readonly Axis[]
  readonly roots: Roots
}
export interface Roots {
  readonly body: Scalar
  readonly reduced?: Scalar
  readonly count?: Scalar
}

export const rootsOf = ({ body, reduced, count }: Roots): readonly Scalar[] => [
  ...(reduced === undefined ? [] : [reduced]),
  ...(count === undefined ? [] : [count]),
  body,
]
export const mapRoots = (roots: Roots, f: (s: Scalar) => Scalar): Roots => ({
  body: f(roots.body),
  ...(roots.reduced === undefined ? {} : { reduced: f(roots.reduced) }),
  ...(roots.count === undefined ? {} : { count: f(roots.count) }),
})

const divisions = (roots: Roots): number =>
  partsOf(rootsOf(roots)).atoms.filter((a) => a.tag === 'div' || a.tag === 'mod').length

export const shapeLoops = (kernel: Kernel): LoopShape => {
  const reduce = kernel.reduce
  const start: Roots = {
    body: kernel.body,
    ...(reduce === undefined ? {} : { reduced: reduce.body }),
    ...(reduce?.count === undefined ? {} : { count: reduce.count }),
  }
  const isWide = (a: Axis): boolean => a.size !== 1
  return mergeLoops({ axes: kernel.axes.filter(isWide), reduceAxes: (reduce?.axes ?? []).filter(isWide), roots: start })
}

/** Neighbouring axes as one wherever no index then needs a division more. */
export const mergeLoops = (shape: LoopShape, keepReduceAxes = false): LoopShape => {
  const [axes, roots] = mergeFree(shape.axes, shape.roots, 'm')
  if (keepReduceAxes) return { axes, reduceAxes: shape.reduceAxes, roots }
  // argmax names a position along its axis, count a bound of it: both have a single axis, which stays.
  const [reduceAxes, merged] = mergeFree(shape.reduceAxes, roots, 'n')
  return { axes, reduceAxes, roots: merged }
}

const mergeFree = (axes: readonly Axis[], roots: Roots, prefix: string): readonly [readonly Axis[], Roots] => {
  let best = divisions(roots)
  for (let i = axes.length - 1; i > 0; i--) {
    const [next, made] = mergeAt(axes, roots, i, `^${prefix}${i}`)
    const cost = divisions(made)
    if (cost > best) continue
    best = cost
    axes = next
    roots = made
  }
  return [axes, roots]
}

/** Axes i - 1 and i as one, whatever divisions that takes. */
const mergeAt = (axes: readonly Axis[], roots: Roots, i: number, name: string): readonly [readonly Axis[], Roots] => {
  const [outer, inner] = [axes[i - 1]!, axes[i]!]
  const size = outer.size * inner.size
  const joint: Index = size > 1 ? axisIndex(name, size) : constIndex(0)
  const change = rewriter(
    new Map([
      [outer.name, divIndex(joint, inner.size)],
      [inner.name, modIndex(joint, inner.size)],
    ]),
  )
  const axis: Axis = { tag: 'axis', name, size }
  return [[...axes.slice(0, i - 1), axis, ...axes.slice(i + 1)], mapRoots(roots, change.scalar)]
}

/** At most three output axes; the fastest is merged with the next while it is shorter than `narrow`. */
export const toThreads = (shape: LoopShape, narrow: number): LoopShape => {
  let { axes, roots } = shape
  let n = 0
  const merge = (i: number): void => {
    ;[axes, roots] = mergeAt(axes, roots, i, `^t${n++}`)
  }
  while (axes.length > 1 && axes.at(-1)!.size < narrow) merge(axes.length - 1)
  while (axes.length > 3) merge(1)
  return { ...shape, axes, roots }
}

/** Longest loop that is not cut in two: counters are floats in some modes, and long f32 sums lose digits. */
const longest = 4096

/** One nest of loops of a reduction; several bodies are steps of its innermost loop, next to each other. */
export interface Nest {
  readonly axes: readonly Axis[]
  readonly bodies: readonly Scalar[]
}

/**
 * The reduction as nests, one after another: a long last axis becomes blocks and a rest, and every loop takes `unroll` steps
 * at once. `whole`: one loop, step by step.
 */
export const cutReduction = (shape: LoopShape, whole: boolean, unroll: number): readonly Nest[] => {
  const body = shape.roots.reduced
  if (body === undefined) return []
  const last = shape.reduceAxes.at(-1)
  if (whole || last === undefined) return [{ axes: shape.reduceAxes, bodies: [body] }]
  const before = shape.reduceAxes.slice(0, -1)
  const by = last.size < 2 * unroll || partsOf([body]).scalars.length > lightest ? 1 : unroll
  const nests: Nest[] = []
  /** Positions from + loops over `sizes` (strides of the sizes inside) + 0 .. steps - 1. */
  const add = (from: number, sizes: readonly number[], steps: number): void => {
    const axes = sizes.map((size, i): Axis => ({ tag: 'axis', name: `${last.name}.${nests.length}.${i}`, size }))
    let [stride, base] = [steps, constIndex(from)]
    for (const axis of [...axes].reverse()) {
      base = addIndex(base, scaleIndex(axisIndex(axis.name, axis.size), stride))
      stride *= axis.size
    }
    nests.push({
      axes: [...before, ...axes.filter((a) => a.size > 1)],
      bodies: Array.from({ length: steps }, (_, k) =>
        rewriter(new Map([[last.name, addIndex(base, constIndex(k))]])).scalar(body),
      ),
    })
  }
  const blocks = last.size > longest ? Math.floor(last.size / longest) : 0
  if (blocks > 0) add(0, [blocks, longest / by], by)
  const rest = last.size - blocks * longest
  const groups = Math.floor(rest / by)
  if (groups > 0) add(blocks * longest, [groups], by)
  const left = rest - groups * by
  if (left > 0) add(last.size - left, [], left)
  return nests
}

/** Parts of a body up to which a loop may repeat its text. */
const lightest = 12
