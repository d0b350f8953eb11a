import * as E from 'fp-ts/Either'
import type { TunedParams } from '../../models'
import type { LossFn } from '../objectives'
import { builtOnce, parsePdr, unperturbed, withPdr, type RobustBatch } from '../robust'
import type { TaskInputs } from './batch'
import type { HeadedTask, TunedModel } from './model'
import { isTokenOf, posteriorOf, rowKey, scoresOf, taskLoss } from './task-loss'

type RobustInputs = TaskInputs & RobustBatch

/**
 * A task's loss, with the regularisation that `pdr` tells (see parsePdr; decided: see decideFinetune). Of classes and choices the posteriors
 * are held against each other; of a value, by the squared error, whatever divergence is told, as MT-DNN does (recipe 4.2).
 */
export const robustLoss = (
  model: TunedModel,
  headed: HeadedTask,
  pdr: string | undefined,
): LossFn<TunedParams, TaskInputs> => {
  const told = pdr === undefined ? E.right(undefined) : parsePdr(pdr)
  const config = E.getOrElseW(() => undefined)(told)
  if (config === undefined || config.alpha === 0) return taskLoss(model, headed)
  const { head } = headed.task
  const posterior = builtOnce<TunedParams, RobustInputs>((params, batch, key, perturb) =>
    posteriorOf(head, scoresOf(model, headed, params, batch, rowKey(key, batch), perturb)),
  )
  const plain = taskLoss(model, headed, (params, batch: RobustInputs, key) =>
    posterior(params, batch, key, unperturbed),
  )
  const divergence = head.kind === 'regression' ? 'squared-error' : config.divergence
  const robust = withPdr({ ...config, divergence }, posterior)(plain)
  return (params, batch, key) => robust(params, { ...batch, isToken: isTokenOf(batch) }, key)
}
