import { add, maximum, minimum, mul } from '../../core'
import type { Divergence } from './divergence'
import { ofLengthOne, type NoiseNorm } from './noise'
import type { NoiseSearch } from './search'

/** Scale-invariant fine-tuning (He et al. 2020, DeBERTa, arXiv:2006.03654, §4): noise on embeddings once they are normalized. */
export interface SiftNoise {
  readonly mode: 'sift'
  /** Standard deviation of its elements at the start, which are cut off at two of them. */
  readonly xi: number
  /** Length of a step, by token. */
  readonly eta: number
  readonly norm: NoiseNorm
  readonly steps: number
}

/**
 * SMART's ascent without a ball, before the norm's weight and bias, where every token has deviation 1. DeBERTa's code normalizes once more
 * behind the noise, and stops the gradient of embeddings under it; it climbs what it regularises with, and so do we.
 */
export const siftNoise = ({ xi, eta, norm, steps }: SiftNoise, climbs: Divergence): NoiseSearch => ({
  at: 'normalized',
  start: (normals) => maximum(minimum(mul(normals, xi), 2 * xi), -2 * xi),
  ascent: {
    steps,
    climbs,
    next: (noise, gradient) => add(noise, mul(ofLengthOne(norm, 'tok', gradient), eta)),
  },
})
