import { addIndex, axisIndex, scaleIndex, type Atom, type Axis } from '../../core'
import { mapRoots, mergeLoops, rootsOf, type LoopShape } from './loop-shape'
import { partsOf, rewriter } from './rebuild'

/**
 * The same loops with axes cut where a reshape cut them: i / 64 and i % 64 become axes of their own, so that every index
 * that came of reshapes and transposes is linear. Axes that nothing tells apart are one again.
 */
export const splitAxes = (shape: LoopShape, keepReduceAxes: boolean): LoopShape => {
  let current = shape
  for (let n = 0; ; n++) {
    const cut = findCut(current, keepReduceAxes)
    if (cut === undefined) return mergeLoops(current, keepReduceAxes)
    current = cutAxis(current, cut.axis, cut.by, `^s${n}`)
  }
}

const findCut = (
  shape: LoopShape,
  keepReduceAxes: boolean,
): { readonly axis: Axis; readonly by: number } | undefined => {
  const mayCut = new Set([...shape.axes, ...(keepReduceAxes ? [] : shape.reduceAxes)].map((a) => a.name))
  for (const atom of partsOf(rootsOf(shape.roots)).atoms) {
    const axis = cutOf(atom)
    if (axis !== undefined && mayCut.has(axis.name)) return { axis, by: (atom as Atom & { tag: 'div' }).by }
  }
  return undefined
}

/** The axis of axis / n or axis % n where n divides its size. */
const cutOf = (atom: Atom): Axis | undefined => {
  if (atom.tag !== 'div' && atom.tag !== 'mod') return undefined
  const [term, ...others] = atom.x.terms
  if (term === undefined || others.length > 0 || term.coef !== 1 || atom.x.constant !== 0) return undefined
  return term.atom.tag === 'axis' && term.atom.size % atom.by === 0 ? term.atom : undefined
}

const cutAxis = (shape: LoopShape, axis: Axis, by: number, name: string): LoopShape => {
  const parts: readonly Axis[] = [
    { tag: 'axis', name: `${name}a`, size: axis.size / by },
    { tag: 'axis', name: `${name}b`, size: by },
  ]
  const [whole, rest] = parts.map((a) => axisIndex(a.name, a.size))
  const change = rewriter(new Map([[axis.name, addIndex(scaleIndex(whole!, by), rest!)]]))
  const cut = (axes: readonly Axis[]): readonly Axis[] =>
    axes.flatMap((a) => (a.name === axis.name ? parts.filter((p) => p.size > 1) : [a]))
  return { axes: cut(shape.axes), reduceAxes: cut(shape.reduceAxes), roots: mapRoots(shape.roots, change.scalar) }
}
