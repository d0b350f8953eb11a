import { full, leavesOf, mapExprs, mul, type Expr } from '../../core'
import type { GradientTransformation } from './base'

/** Updates times a factor by the path of the parameter: discriminative learning rates (Howard and Ruder 2018, arXiv:1801.06146, §3.2). */
export const scaleByPath = (factor: (path: string) => number): GradientTransformation<Record<string, never>> => ({
  init: () => ({}),
  update: (updates, state) => ({
    updates: mapExprs(updates, (u, path) => (factor(path) === 1 ? u : mul(u, factor(path)))),
    state,
  }),
})

/**
 * `inner` with some parameters at rest in this step, as in one of several programs that share a state: they and what `inner` keeps of them
 * stay as they are, whatever their gradient. They still have a state, unlike those of `partly`. `inner` keeps what is of a parameter at a
 * path that ends with the parameter's, as moments are.
 */
export const resting = (
  isResting: (path: string) => boolean,
  inner: GradientTransformation,
): GradientTransformation => ({
  ...inner,
  update: (updates, state, params) => {
    const result = inner.update(
      mapExprs(updates, (g, path) => (isResting(path) ? full(0, g.aval.shape, g.aval.dtype) : g)),
      state,
      params,
    )
    const still = leavesOf<Expr>(params)
      .map(([path]) => path)
      .filter(isResting)
    const isOfStill = (path: string): boolean => still.some((p) => path.endsWith(`/${p}`))
    const before = new Map(leavesOf<Expr>(state))
    return {
      ...result,
      updates: mapExprs(result.updates, (u, path) => (isResting(path) ? full(0, u.aval.shape, u.aval.dtype) : u)),
      state: mapExprs(result.state, (e, path) => (isOfStill(path) ? before.get(path)! : e)),
    }
  },
})
