import { axisIndex, constIndex, divIndex, modIndex, sizeOf, type Axis, type Index } from '../../../core'
import type { Kernel } from '../../kernel'
import { mapRoots, shapeLoops, type Roots } from '../loop-shape'
import { rewriter } from '../rebuild'

/** A kernel whose output is one axis `o` of `size` elements and whose reduction is one axis `k` of `length` steps. */
export interface Flat {
  readonly size: number
  readonly length: number
  readonly roots: Roots
}

export const flatten = (kernel: Kernel): Flat => {
  const shape = shapeLoops(kernel)
  const [size, length] = [sizeOf(shape.axes.map((a) => a.size)), sizeOf(shape.reduceAxes.map((a) => a.size))]
  const change = rewriter(
    new Map([...coordinates(shape.axes, 'o', size), ...coordinates(shape.reduceAxes, 'k', length)]),
  )
  return { size, length, roots: mapRoots(shape.roots, change.scalar) }
}

/** Axes in terms of one that numbers their points. */
export const coordinates = (
  axes: readonly Axis[],
  name: string,
  size: number,
): readonly (readonly [string, Index])[] => {
  let rest = size > 1 ? axisIndex(name, size) : constIndex(0)
  const out: (readonly [string, Index])[] = []
  for (const axis of [...axes].reverse()) {
    out.push([axis.name, modIndex(rest, axis.size)])
    rest = divIndex(rest, axis.size)
  }
  return out
}
