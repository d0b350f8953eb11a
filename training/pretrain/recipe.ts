import * as E from 'fp-ts/Either'
import { withPolicy } from '../../kernels'
import type { PairParams } from '../../models'
import type { LossFn, ObjectiveTraits } from '../objectives'
import { adamW, linearWarmupDecay, partly, type GradientTransformation, type Schedule } from '../optim'
import { lossScaled, parseScaler } from '../scaling'
import type { PretrainConfig } from './config'

/** The settings that decide how a loss is minimised. */
export type RecipeSettings = Pick<
  PretrainConfig,
  'precision' | 'lossScale' | 'lr' | 'warmup' | 'steps' | 'weightDecay' | 'clip'
>

/**
 * What a run trains by: a loss in its precision, AdamW (recipe 3.1) on what `frozen` leaves to train, and the loss scale around it. `settings`
 * are decided: see decideConfig.
 */
export const recipeOf = (
  { precision, lossScale, lr, warmup, steps, weightDecay, clip }: RecipeSettings,
  plain: LossFn<PairParams>,
  frozen?: ObjectiveTraits['frozen'],
): { readonly loss: LossFn<PairParams>; readonly optimizer: GradientTransformation; readonly rate: Schedule } => {
  const rate = linearWarmupDecay(lr, warmup, steps)
  const all = adamW({ b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay, clipNorm: clip, rate })
  const adam = frozen === undefined ? all : partly((path) => isUnder(frozen, path), all)
  const rule = E.getOrElseW(() => undefined)(parseScaler(lossScale))
  return {
    loss: precision === 'f32' ? plain : withPolicy({ compute: precision })(plain),
    optimizer: rule === undefined ? adam : lossScaled(rule, adam),
    rate,
  }
}

/** Whether a path has one of some starts, as `aux/layers/...` has `aux`. */
export const isUnder = (starts: readonly string[], path: string): boolean =>
  starts.some((start) => path === start || path.startsWith(`${start}/`))
