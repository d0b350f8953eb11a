import fc from 'fast-check'
import {
  evaluate,
  exprLeaves,
  hashText,
  leavesOf,
  mapExprs,
  ops,
  sizeOf,
  threefry2x32,
  type Expr,
  type ExprTree,
} from '../../../core'
import type { GradientTransformation } from '../../../training/optim'
import { fullAxisSize, shapes, trees } from '../../kit'

const eighths = (shape: readonly number[], dtype: 'f32', f: (i: number) => number): Expr =>
  ops.constantArray({ data: Array.from({ length: sizeOf(shape) }, (_, i) => f(i) / 8), shape, dtype })

/** Numbers in [-24, 24] / 8 by seed, name and place. */
const drawn = (seed: number, name: string, shape: readonly number[]): Expr => {
  const site = Number.parseInt(hashText(name).slice(0, 8), 16)
  return eighths(shape, 'f32', (i) => (threefry2x32(seed, site, i, 0)[0] % 49) - 24)
}

/** Parameters: trees of small arrays; and as many gradients of their structure as there are steps. */
export interface Problem {
  readonly params: ExprTree
  readonly gradients: readonly ExprTree[]
}

export const problems = (steps = 3): fc.Arbitrary<Problem> =>
  fc
    .tuple(trees(shapes({ maxAxes: 2, size: fullAxisSize }).map((s) => drawn(0, '', s))), fc.nat(1000))
    .map(([tree, seed]) => ({
      params: mapExprs(tree, (e, path) => drawn(seed, `params/${path}`, e.aval.shape)),
      gradients: Array.from({ length: steps }, (_, t) =>
        mapExprs(tree, (e, path) => drawn(seed, `gradient${t}/${path}`, e.aval.shape)),
      ),
    }))

/** The same tree with its values in the place of its expressions, as between the steps of a run. */
export const settled = <T extends ExprTree>(tree: T): T => {
  const values = evaluate(exprLeaves(tree))
  let i = 0
  return mapExprs(tree, (e) => {
    const data = Array.from(values[i]!)
    i += 1
    return ops.constantArray({ data, shape: e.aval.shape, dtype: e.aval.dtype })
  })
}

/** What one update gave. */
export interface Step {
  readonly updates: ExprTree
  readonly state: ExprTree
  /** After adding the updates. */
  readonly params: ExprTree
}

/** A transformation over the gradients of a problem, one after another. */
export const rollOut = (transform: GradientTransformation, { params, gradients }: Problem): readonly Step[] => {
  const steps: Step[] = []
  let state = transform.init(params)
  let current = params
  for (const gradient of gradients) {
    const result = transform.update(gradient, state, current)
    const updates = settled(result.updates)
    const added = new Map(leavesOf<Expr>(updates))
    state = settled(result.state)
    current = settled(mapExprs(current, (p, path) => ops.add(p, added.get(path)!)))
    steps.push({ updates, state, params: current })
  }
  return steps
}

/** All numbers of a tree in its flat order. */
export const numbersOf = (tree: ExprTree): readonly number[] => evaluate(exprLeaves(tree)).flatMap((x) => [...x])

/** Paths and avals of a tree, one line each. */
export const layoutOf = (tree: ExprTree): readonly string[] =>
  leavesOf<Expr>(tree).map(([path, { aval }]) => `${path}: ${aval.dtype}[${aval.shape.join(',')}]`)
