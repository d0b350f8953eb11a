import {
  add,
  div,
  exprLeaves,
  mapExprs,
  mul,
  scalar,
  sqrt,
  square,
  zerosLikeTree,
  zipExprs,
  type Expr,
  type ExprTree,
} from '../../core'
import type { GradientTransformation } from './base'

export interface AdamConfig {
  readonly b1: number
  readonly b2: number
  readonly eps: number
}
export type AdamState = {
  readonly m: ExprTree
  readonly v: ExprTree
  /** 1 - b1^t and 1 - b2^t, kept by recurrence: exact where the power's difference would cancel. */
  readonly correction1: Expr
  readonly correction2: Expr
}

/**
 * Adam's direction m̂ / (√v̂ + ε) (Kingma and Ba 2015, arXiv:1412.6980, Alg. 1). No sign and no learning rate: chain those.
 * Defaults of the recipe: 0.9, 0.98, 1e-6.
 */
export const scaleByAdam = ({ b1, b2, eps }: AdamConfig): GradientTransformation<AdamState> => ({
  init: (params) => ({
    m: zerosLikeTree(params),
    v: zerosLikeTree(params),
    correction1: scalar(0),
    correction2: scalar(0),
  }),
  update: (updates, state) => {
    const m = zipExprs(updates, state.m, (g, old) => add(mul(old, b1), mul(g, 1 - b1)))
    const v = zipExprs(updates, state.v, (g, old) => add(mul(old, b2), mul(square(g), 1 - b2)))
    const correction1 = add(mul(state.correction1, b1), 1 - b1)
    const correction2 = add(mul(state.correction2, b2), 1 - b2)
    const [ms, vs] = [exprLeaves(m), exprLeaves(v)]
    let i = 0
    const direction = mapExprs(updates, () => {
      const [mi, vi] = [ms[i]!, vs[i]!]
      i += 1
      return div(div(mi, correction1), add(sqrt(div(vi, correction2)), eps))
    })
    return { updates: direction, state: { m, v, correction1, correction2 } }
  },
})
