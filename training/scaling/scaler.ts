import { add, and, eq, le, lt, maximum, minimum, mul, scalar, sub, where, type Expr } from '../../core'
import type { ScalerRule } from './flavours'

/** A dynamic loss scale: all f32[], so that a step and what it does to the scale are one plan. */
export type ScalerState = {
  /** The loss is multiplied by this before it is differentiated. */
  readonly scale: Expr
  /** Good steps since the last overflow or growth. */
  readonly good: Expr
  /** Overflows that are left before the scale is lowered, the one that lowers it included. */
  readonly left: Expr
  /** 1 once a step overflowed for which no lower scale is allowed. */
  readonly exhausted: Expr
}

export const scalerStart = (rule: ScalerRule): ScalerState => ({
  scale: scalar(rule.init),
  good: scalar(0),
  left: scalar(rule.hysteresis),
  exhausted: scalar(0),
})

/** The state after a step whose gradients were all finite, or were not: bool[]. See ScalerRule. */
export const scalerNext = (rule: ScalerRule, state: ScalerState, isFinite: Expr): ScalerState => {
  const after = (good: Partial<ScalerState>, overflow: Partial<ScalerState>): ScalerState => {
    const choose = (name: keyof ScalerState): Expr =>
      where(isFinite, good[name] ?? state[name], overflow[name] ?? state[name])
    return { scale: choose('scale'), good: choose('good'), left: choose('left'), exhausted: choose('exhausted') }
  }
  const lowers = le(state.left, 1)
  const lower = maximum(mul(state.scale, rule.backoff), rule.min)
  const overflow = { good: scalar(0), left: maximum(sub(state.left, 1), 0), scale: where(lowers, lower, state.scale) }
  const good = growth(rule, state)
  if (rule.fails === 'never') return after(good, overflow)
  const isLow = rule.fails === 'at min' ? le(state.scale, rule.min) : lt(mul(state.scale, rule.backoff), rule.min)
  const isOut = and(lowers, isLow)
  return after(good, {
    ...overflow,
    scale: where(isOut, state.scale, overflow.scale),
    exhausted: where(isOut, 1, state.exhausted),
  })
}

/** What a good step does to the scale. */
const growth = (rule: ScalerRule, state: ScalerState): Partial<ScalerState> => {
  const good = add(state.good, 1)
  if (rule.window === 0) return { good }
  const grows = eq(good, rule.window)
  return {
    good: where(grows, 0, good),
    scale: where(grows, minimum(mul(state.scale, rule.growth), rule.max), state.scale),
    left: where(grows, rule.hysteresis, state.left),
  }
}
