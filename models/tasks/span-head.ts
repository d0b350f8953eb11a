import { expandDims, linear, scope, where, type Expr } from '../../core'
import type { PairConfig } from '../config'
import type { LinearParams } from '../encoder'
import { linearSpecs } from '../parameters'
import { dropAt, requireOfTokens, type HeadDropout } from './states'

/** A linear layer for the first and the last token of an answer. */
export const spanSpecs = (c: PairConfig) => linearSpecs(c, c.hidden, 2)

/**
 * Logits that an answer begins or ends at a token (Devlin et al. 2019, arXiv:1810.04805, §4.2): two linear layers, in one.
 * hidden f32[B, T, D] -> f32[B, T, 2]. `isToken` bool[B, T], where given, is false at places that no answer touches: -1e9 there.
 */
export const spanLogits = (p: LinearParams, hidden: Expr, d: HeadDropout, isToken?: Expr): Expr =>
  scope('span', () => {
    const logits = linear(p)(dropAt(d, 'out')(hidden))
    if (isToken === undefined) return logits
    requireOfTokens('spanLogits', 'isToken', isToken, 'bool', hidden)
    return where(expandDims(isToken, 2), logits, -1e9)
  })
