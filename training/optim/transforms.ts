import {
  add,
  allReduce,
  div,
  exprLeaves,
  mapExprs,
  minimum,
  mul,
  scalar,
  sqrt,
  square,
  sum,
  zipExprs,
  type Expr,
  type ExprTree,
} from '../../core'
import type { GradientTransformation, Schedule } from './base'

const stateless = (
  update: <T extends ExprTree>(updates: T, params: T) => T,
): GradientTransformation<Record<string, never>> => ({
  init: () => ({}),
  update: (updates, state, params) => ({ updates: update(updates, params), state }),
})

/** √Σ g² over all leaves, and all ranks where each has some: f32[]. */
export const globalNorm = (tree: ExprTree, ranks = 1): Expr => {
  const own = exprLeaves(tree)
    .map((g) => sum(square(g)))
    .reduce((a, b) => add(a, b))
  return sqrt(ranks === 1 ? own : allReduce({ ranks }, own))
}

/**
 * Updates times min(1, maxNorm / (norm + 1e-6)) (Pascanu et al. 2013, arXiv:1211.5063; the added 1e-6 is fairseq's). `ranks`: each has a part
 * of the updates, and the norm is that of all.
 */
export const clipByGlobalNorm = (maxNorm: number, ranks = 1): GradientTransformation<Record<string, never>> =>
  stateless((updates) => {
    const factor = minimum(div(maxNorm, add(globalNorm(updates, ranks), 1e-6)), 1)
    return mapExprs(updates, (g) => mul(g, factor))
  })

/** updates + decay · params: decoupled weight decay once the learning rate follows (Loshchilov and Hutter 2019, arXiv:1711.05101). */
export const addDecayedWeights = (decay: number): GradientTransformation<Record<string, never>> =>
  stateless((updates, params) => zipExprs(updates, params, (u, p) => add(u, mul(p, decay))))

export type ScheduleState = { readonly step: Expr }

/** Updates times -rate(step): the last link. The step is counted in the state, so that it stays in the plan. */
export const scaleByLearningRate = (rate: Schedule): GradientTransformation<ScheduleState> => ({
  init: () => ({ step: scalar(0) }),
  update: (updates, { step }) => {
    const factor = mul(rate(step), -1)
    return { updates: mapExprs(updates, (u) => mul(u, factor)), state: { step: add(step, 1) } }
  },
})
