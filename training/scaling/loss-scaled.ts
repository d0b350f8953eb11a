import {
  add,
  exprLeaves,
  lt,
  mapExprs,
  scalar,
  substitute,
  where,
  zipExprs,
  type Expr,
  type ExprTree,
} from '../../core'
import { globalNorm, type GradientTransformation } from '../optim'
import type { ScalerRule } from './flavours'
import { scalerNext, scalerStart, type ScalerState } from './scaler'

/** An optimizer's state with that of a loss scale. */
export type ScaledState = {
  readonly scaler: ScalerState
  /** f32[]: steps that overflowed so far. */
  readonly skipped: Expr
  readonly inner: ExprTree
}

/**
 * Whether every number of every leaf is finite: bool[]. Told by the norm, as fairseq does, which a step computes anyway: one number that is
 * not finite, or that has no square in f32, makes it infinite or NaN. `ranks`: each has a part of the leaves, and all are asked.
 */
export const allFinite = (tree: ExprTree, ranks = 1): Expr => lt(globalNorm(tree, ranks), Infinity)

/**
 * An optimizer under a loss scale (Micikevicius et al. 2018, arXiv:1710.03740, §3.2): it sees gradients of the true loss, and a step whose
 * gradients are not all finite leaves parameters, moments and its step count as they were. `ranks`: each has a part of the gradients.
 */
export const lossScaled = (
  rule: ScalerRule,
  inner: GradientTransformation,
  ranks = 1,
): GradientTransformation<ScaledState> => ({
  init: (params) => ({ scaler: scalerStart(rule), skipped: scalar(0), inner: inner.init(params) }),
  lossScale: ({ scaler }) => scaler.scale,
  skippedSteps: ({ skipped }) => skipped,
  isExhausted: ({ scaler }) => scaler.exhausted,
  update: (updates, state, params) => {
    const isFinite = allFinite(updates, ranks)
    const result = inner.update(updates, state.inner, params)
    const kept = zipExprs(result.state, state.inner, (next, before) => where(isFinite, next, before))
    // Updates that count are made of a state that was taken: read from it, the step keeps one copy of each moment and not two.
    const taken = new Map(exprLeaves(result.state).map((next, i) => [next, exprLeaves(kept)[i]!]))
    const applied = substitute(exprLeaves(result.updates), taken)
    let i = 0
    return {
      updates: mapExprs(result.updates, () => applied[i++]!),
      state: {
        scaler: scalerNext(rule, state.scaler, isFinite),
        skipped: add(state.skipped, where(isFinite, 0, 1)),
        inner: kept,
      },
      isApplied: isFinite,
    }
  },
})
