import { add, mul } from '../../core'
import { kl, squaredError, type Divergence } from './divergence'
import { ofLengthOne, withinBall, type NoiseNorm } from './noise'
import type { NoiseSearch } from './search'

/** Noise of smoothness-inducing regularisation (Jiang et al. 2020, SMART, arXiv:1911.03437, §3.1). */
export interface SmartNoise {
  readonly mode: 'smart'
  /** Radius of the ball that noise stays in, by token. */
  readonly eps: number
  /** Standard deviation of its elements at the start: the paper's σ. */
  readonly xi: number
  /** Length of a step, by token: the paper's η. */
  readonly eta: number
  readonly norm: NoiseNorm
  readonly steps: number
}

/**
 * `steps` times along the gradient, d <- Π(d + eta g / ‖g‖), Π the projection to the ball. What is climbed is KL, whatever the regulariser is, as
 * in MT-DNN's code; squared error of values. Its code has no ball and forgets the start: noise is eta g / ‖g‖, which is ours with eps = eta.
 */
export const smartNoise = ({ eps, xi, eta, norm, steps }: SmartNoise, outer: Divergence): NoiseSearch => ({
  at: 'output',
  start: (normals) => mul(normals, xi),
  ascent: {
    steps,
    climbs: outer === squaredError ? squaredError : kl,
    next: (noise, gradient) => withinBall(norm, eps, add(noise, mul(ofLengthOne(norm, 'tok', gradient), eta))),
  },
})
