import { linear, reshape, scope, tanh, type Expr } from '../../core'
import type { PairConfig } from '../config'
import type { LinearParams } from '../encoder'
import { linearSpecs } from '../parameters'
import { dropAt, firstStates, type HeadDropout } from './states'

/** A dense layer and an output layer, which starts as the pair's heads do. */
export type TwoLayers = { readonly dense: LinearParams; readonly out: LinearParams }

/**
 * A head on [CLS]: C outputs for a classification; one for a value, or for a reading that is held against others (choice, ranking). It begins
 * anew for each task.
 */
export const pooledSpecs = (c: PairConfig, outputs: number) => ({
  dense: linearSpecs(c, c.hidden, c.hidden),
  out: linearSpecs(c, c.hidden, outputs),
})

/** out(drop(tanh(dense(drop(x))))): x f32[B, I] -> f32[B, C]. */
export const twoLayers = (p: TwoLayers, x: Expr, d: HeadDropout): Expr =>
  linear(p.out)(dropAt(d, 'out')(tanh(linear(p.dense)(dropAt(d, 'dense')(x)))))

/**
 * Classification on [CLS]: dropout, dense, tanh, dropout, linear (Meng et al. 2021, arXiv:2102.08473, their code's classification head; Liu
 * et al. 2019, MT-DNN, arXiv:1901.11504, §3.1, with the pooler of BERT). hidden f32[B, T, D] -> f32[B, C].
 */
export const pooledLogits = (p: TwoLayers, hidden: Expr, d: HeadDropout): Expr =>
  scope('pooled', () => twoLayers(p, firstStates(hidden), d))

/**
 * The one output of each reading: the value of a regression; the score of a choice, for a softmax over the readings of an example (MT-DNN,
 * §3.1). hidden f32[B, T, D] -> f32[B].
 */
export const pooledScore = (p: TwoLayers, hidden: Expr, d: HeadDropout): Expr =>
  reshape(pooledLogits(p, hidden, d), [hidden.aval.shape[0]!])
