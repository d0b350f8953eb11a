import {
  abs,
  add,
  cast,
  eq,
  exprLeaves,
  lt,
  not,
  scalar,
  sum,
  where,
  zipExprs,
  type Expr,
  type ExprTree,
} from '../../core'
import type { GradientTransformation } from '../optim'
import type { ScalerRule } from './flavours'
import { scalerNext, scalerStart, type ScalerState } from './scaler'

/** An optimizer's state with that of a loss scale. */
export type ScaledState = { readonly scaler: ScalerState; readonly inner: ExprTree }

/** Whether every number of every leaf is finite: bool[]. */
export const allFinite = (tree: ExprTree): Expr =>
  eq(
    exprLeaves(tree)
      .map((g) => sum(cast(not(lt(abs(g), Infinity)), 'f32')))
      .reduce((a, b) => add(a, b), scalar(0)),
    0,
  )

/**
 * An optimizer under a loss scale (Micikevicius et al. 2018, arXiv:1710.03740, §3.2): it sees gradients of the true loss, and a step whose
 * gradients are not all finite leaves parameters, moments and its step count as they were.
 */
export const lossScaled = (rule: ScalerRule, inner: GradientTransformation): GradientTransformation<ScaledState> => ({
  init: (params) => ({ scaler: scalerStart(rule), inner: inner.init(params) }),
  lossScale: ({ scaler }) => scaler.scale,
  isExhausted: ({ scaler }) => scaler.exhausted,
  update: (updates, state, params) => {
    const isFinite = allFinite(updates)
    const result = inner.update(updates, state.inner, params)
    return {
      updates: result.updates,
      state: {
        scaler: scalerNext(rule, state.scaler, isFinite),
        inner: zipExprs(result.state, state.inner, (next, before) => where(isFinite, next, before)),
      },
      isApplied: isFinite,
    }
  },
})
