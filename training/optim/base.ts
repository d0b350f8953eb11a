import type { Expr, ExprTree } from '../../core'

/**
 * A link of an optimizer, as in optax: `init` makes its state, `update` maps updates (gradients at first) to updates. All are
 * expressions, the step count included, so a whole step is one plan and nothing is read back.
 */
export interface GradientTransformation<S extends ExprTree = ExprTree> {
  init(params: ExprTree): S
  update<T extends ExprTree>(updates: T, state: S, params: T): Update<T, S>
  /** f32[]: the loss is multiplied by it before it is differentiated, and the gradients divided by it again. Missing: neither. */
  lossScale?(state: S): Expr
  /** f32[]: steps that were not applied so far. Missing: none. */
  skippedSteps?(state: S): Expr
  /** f32[]: 1 if the run cannot go on with this state. */
  isExhausted?(state: S): Expr
}

export interface Update<T extends ExprTree, S extends ExprTree> {
  readonly updates: T
  readonly state: S
  /** bool[]: false if the updates are not to be added to the parameters. Missing: true. */
  readonly isApplied?: Expr
  /** f32[]: the norm of all gradients, where a rank has not all. Missing: that of the gradients which were given. */
  readonly gradNorm?: Expr
}

/** A learning rate (or any factor) by the number of steps taken before this one: f32[] -> f32[]. */
export type Schedule = (step: Expr) => Expr
