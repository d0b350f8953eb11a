import type { Atom, Axis, Index, Scalar } from '../../../core'
import type { Kernel } from '../../kernel'
import type { LoopShape } from '../loop-shape'
import { partsOf } from '../rebuild'

export interface VectorAxis {
  readonly axis: Axis | undefined
  /** Four outputs at a time (and the reduction, if any, one step after another); else four steps of the reduction at a time. */
  readonly across: boolean
}

/** Which axis the lanes run along: the one on which what is read lies side by side. */
export const vectorAxisOf = (shape: LoopShape, kernel: Kernel): VectorAxis => {
  const out = shape.axes.at(-1)
  const along = shape.reduceAxes.at(-1)
  if (kernel.reduce === undefined || along === undefined) return { axis: out, across: true }
  if (out === undefined) return { axis: along, across: false }
  const { count, reduced } = shape.roots
  if (count !== undefined && dependsOn(count, out)) return { axis: along, across: false }
  const across = costOf(reduced!, out) < costOf(reduced!, along)
  return across ? { axis: out, across } : { axis: along, across }
}

const touches = (x: Index, axis: Axis): boolean => x.terms.some((t) => atomTouches(t.atom, axis))
const atomTouches = (a: Atom, axis: Axis): boolean =>
  a.tag === 'axis' ? a.name === axis.name : a.tag === 'data' ? dependsOn(a.value, axis) : touches(a.x, axis)
const dependsOn = (s: Scalar, axis: Axis): boolean =>
  partsOf([s]).scalars.some((p) => (p.tag === 'load' || p.tag === 'index') && touches(p.index, axis))

/** Reads of one vector step, side by side ones cheap; short axes leave lanes idle. */
const costOf = (s: Scalar, axis: Axis): number => {
  let cost = 1
  for (const p of partsOf([s]).scalars) {
    if (p.tag !== 'load') continue
    const moving = p.index.terms.filter((t) => atomTouches(t.atom, axis))
    cost +=
      moving.length === 0 ? 0.5 : moving.length === 1 && moving[0]!.coef === 1 && moving[0]!.atom.tag === 'axis' ? 1 : 8
  }
  return cost * Math.max(1, 4 / axis.size)
}
