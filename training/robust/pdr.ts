import { add, div, eq, foldIn, mul, reshape, scope, sum, where, type Expr, type ExprTree } from '../../core'
import { batchKey, type LossFn } from '../objectives'
import { divergences, type Divergence, type DivergenceName } from './divergence'
import { unperturbed, type LogPosterior, type RobustBatch } from './posterior'
import { findNoise, type NoiseSearch } from './search'
import { siftNoise, type SiftNoise } from './sift'
import { smartNoise, type SmartNoise } from './smart'
import { adversarialNoise, randomNoise, type AdversarialNoise, type RandomNoise } from './vat'

/** A noise, by its mode. */
export type NoiseForm = RandomNoise | AdversarialNoise | SmartNoise | SiftNoise

/** A posterior differential regularisation: see withPdr, and parsePdr for what it begins with. */
export type PdrConfig = NoiseForm & {
  /** What the regulariser counts in the loss. */
  readonly alpha: number
  readonly divergence: DivergenceName
  /**
   * Dropout of the noisy passes: draws of their `own`, which they share among themselves, or the `same` as the clean pass. The code of PDR,
   * SMART and SiFT draws anew for each pass, so that the regulariser measures what dropout does as well (and mostly it, for small noise);
   * with the same draws it is of the noise alone.
   */
  readonly draws: 'own' | 'same'
}

const searchOf = (form: NoiseForm, divergence: Divergence): NoiseSearch => {
  switch (form.mode) {
    case 'random':
      return randomNoise(form)
    case 'adversarial':
      return adversarialNoise(form, divergence)
    case 'smart':
      return smartNoise(form, divergence)
    case 'sift':
      return siftNoise(form, divergence)
  }
}

/**
 * task + alpha Σ weight · D(p(·|x), p(·|x + noise)) / Σ weight, noise on the embedded tokens (Cheng et al. 2021, arXiv:2010.12638, §3): the
 * divergence of each example is a term of a sum by the count of the global batch, so that micro-batches add up. An example whose gradient with
 * respect to noise is not finite has no term (SMART's code leaves out its whole batch). Logged: what the task logs, and `pdr`, without alpha.
 * alpha = 0 gives `task` back unchanged.
 */
export const withPdr =
  <P extends ExprTree, B extends RobustBatch>(config: PdrConfig, logPosterior: LogPosterior<P, B>) =>
  (taskLoss: LossFn<P, B>): LossFn<P, B> => {
    if (config.alpha === 0) return taskLoss
    const divergence = divergences[config.divergence]
    const search = searchOf(config, divergence)
    return (params, batch, key) => {
      const { loss, metrics } = taskLoss(params, batch, key)
      const pdr = scope('pdr', () => {
        const clean = logPosterior(params, batch, key, unperturbed)
        const noisyKey = config.draws === 'same' ? key : foldIn(key, 'noisy')
        const noiseKey = batchKey(foldIn(key, 'noise'), batch)
        const { perturb, isFinite } = findNoise(
          search,
          (perturbation) => logPosterior(params, batch, noisyKey, perturbation),
          clean,
          batch.isToken,
          noiseKey,
        )
        const apart = divergence(clean, logPosterior(params, batch, noisyKey, perturb)) // [N] or [N, ..]
        return meanOverExamples(isFinite, apart, batch)
      })
      return { loss: add(loss, mul(pdr, config.alpha)), metrics: { ...metrics, pdr } }
    }
  }

/** Σ weight · x / Σ weight over the examples of the global batch whose noise was found; several terms of one are added up. */
const meanOverExamples = (isFinite: Expr | undefined, x: Expr, batch: RobustBatch): Expr => {
  const [N, ...terms] = x.aval.shape as readonly [number, ...number[]]
  const each = terms.length === 0 ? x : sum(x, terms.map((_, i) => i + 1)) // prettier-ignore
  const counted = isFinite === undefined ? each : where(allReadings(isFinite, N), each, 0)
  return div(sum(mul(counted, batch.weights)), reshape(batch.count, []))
}

/** Whether something holds of all readings of each example: bool[B] -> bool[N], B a multiple of N. */
const allReadings = (holds: Expr, N: number): Expr => eq(sum(where(reshape(holds, [N, -1]), 0, 1), 1), 0)
