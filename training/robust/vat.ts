import { mul } from '../../core'
import type { Divergence } from './divergence'
import { ofLength, ofLengthOne, type NoiseNorm, type NoiseUnit } from './noise'
import type { NoiseSearch } from './search'

/** Noise of any direction, of length eps: a double forward pass (Cheng et al. 2021, arXiv:2010.12638, §3). */
export interface RandomNoise {
  readonly mode: 'random'
  readonly eps: number
  readonly norm: NoiseNorm
  readonly noise: NoiseUnit
}

export const randomNoise = ({ eps, norm, noise }: RandomNoise): NoiseSearch => ({
  at: 'output',
  start: (normals) => ofLength(norm, noise, eps, normals),
})

/** Virtual adversarial noise (Miyato et al. 2018, arXiv:1704.03976, §3.3), the same of length eps in the direction that does most. */
export interface AdversarialNoise {
  readonly mode: 'adversarial'
  readonly eps: number
  /** Length a token (l2) of the noise at which the gradient is taken. */
  readonly xi: number
  readonly norm: NoiseNorm
  readonly noise: NoiseUnit
  /** Of the power iteration. */
  readonly steps: number
}

/**
 * d at random; d <- gradient at xi d / ‖d‖, `steps` times: a power iteration with the divergence's Hessian; noise = eps d / ‖d‖. PDR's code starts
 * by token and in l2, whatever the noise is measured by, and takes one step; so do we.
 */
export const adversarialNoise = (
  { eps, xi, norm, noise, steps }: AdversarialNoise,
  climbs: Divergence,
): NoiseSearch => ({
  at: 'output',
  start: (normals) => mul(ofLengthOne('l2', 'tok', normals), xi),
  ascent: {
    steps,
    climbs,
    next: (_, gradient, isLast) =>
      isLast ? ofLength(norm, noise, eps, gradient) : mul(ofLengthOne('l2', 'tok', gradient), xi),
  },
})
