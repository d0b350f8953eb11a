import { div, maximum, minimum, mul, sub, scalar, add } from '../../core'
import type { Schedule } from './base'

/**
 * Linear from 0 to `peak` over `warmupSteps`, then linear to 0 at `totalSteps` (recipe: fairseq's polynomial decay, power 1).
 * The first step is taken at peak / warmupSteps, not at 0.
 */
export const linearWarmupDecay =
  (peak: number, warmupSteps: number, totalSteps: number): Schedule =>
  (step) => {
    const rising = warmupSteps === 0 ? scalar(1) : div(add(step, 1), warmupSteps)
    const falling = div(sub(totalSteps, step), Math.max(1, totalSteps - warmupSteps))
    return mul(maximum(minimum(rising, minimum(falling, 1)), 0), peak)
  }

export const constantRate =
  (rate: number): Schedule =>
  () =>
    scalar(rate)
