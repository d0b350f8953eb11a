import type { Expr, ExprTree } from '../../core'

/**
 * A link of an optimizer, as in optax: `init` makes its state, `update` maps updates (gradients at first) to updates. All are
 * expressions, the step count included, so a whole step is one plan and nothing is read back.
 */
export interface GradientTransformation<S extends ExprTree = ExprTree> {
  init(params: ExprTree): S
  update<T extends ExprTree>(updates: T, state: S, params: T): { readonly updates: T; readonly state: S }
}

/** A learning rate (or any factor) by the number of steps taken before this one: f32[] -> f32[]. */
export type Schedule = (step: Expr) => Expr
