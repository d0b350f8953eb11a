import type { ExprTree } from '../../core'
import { scaleByAdam, type AdamConfig } from './adam'
import type { GradientTransformation, Schedule } from './base'
import { scaleByPath } from './by-path'
import { chain } from './chain'
import { addDecayedWeights, clipByGlobalNorm, scaleByLearningRate } from './transforms'

export interface AdamWConfig extends AdamConfig {
  readonly weightDecay: number
  /** Greatest global norm of the gradient; 0 turns clipping off. */
  readonly clipNorm: number
  readonly rate: Schedule
  /** What a parameter's learning rate is multiplied by, by path. Default: 1 for all. */
  readonly rateFactor?: (path: string) => number
  /** Ranks of which each has a part of the gradients, whose norm is that of all. Default 1. */
  readonly ranks?: number
}

/** Clipping, Adam, decoupled decay, learning rate: the recipe's optimizer (recipe 3.1). */
export const adamW = ({
  weightDecay,
  clipNorm,
  rate,
  rateFactor,
  ranks = 1,
  ...adam
}: AdamWConfig): GradientTransformation<{ readonly [name: string]: ExprTree }> =>
  chain({
    ...(clipNorm > 0 ? { clip: clipByGlobalNorm(clipNorm, ranks) } : {}),
    adam: scaleByAdam(adam),
    decay: addDecayedWeights(weightDecay),
    ...(rateFactor === undefined ? {} : { layers: scaleByPath(rateFactor) }),
    rate: scaleByLearningRate(rate),
  })
