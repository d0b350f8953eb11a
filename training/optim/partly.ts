import { full, leavesOf, mapExprs, treeOf, type Expr, type ExprTree } from '../../core'
import type { GradientTransformation } from './base'

/**
 * `inner` on the parameters that are trained alone: it never sees the others, which have no state, no decay and no part in a norm, and whose
 * updates are 0. `isFrozen` tells by path.
 */
export const partly = (isFrozen: (path: string) => boolean, inner: GradientTransformation): GradientTransformation => {
  const trained = (tree: ExprTree): ExprTree => treeOf(leavesOf<Expr>(tree).filter(([path]) => !isFrozen(path)))
  return {
    ...inner,
    init: (params) => inner.init(trained(params)),
    update: (updates, state, params) => {
      const result = inner.update(trained(updates), state, trained(params))
      const moved = new Map(leavesOf<Expr>(result.updates))
      const all = mapExprs(updates, (g, path) => moved.get(path) ?? full(0, g.aval.shape, g.aval.dtype))
      return { ...result, updates: all }
    },
  }
}
