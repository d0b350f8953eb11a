import {
  abs,
  add,
  bernoulli,
  cast,
  concat,
  eq,
  expandDims,
  foldIn,
  iota,
  linear,
  log,
  logSoftmax,
  logSumExp,
  matmul,
  mul,
  or,
  randomBelow,
  reshape,
  scope,
  shapeError,
  stack,
  sub,
  sum,
  transpose,
  where,
  type Expr,
} from '../../core'
import type { PairConfig } from '../config'
import type { LinearParams } from '../encoder'
import { linearSpecs, normalSpec } from '../parameters'
import { gruSpecs, gruStep, type GruParams } from './gru'
import { dropAt, pooled, requireOfTokens, type HeadDropout } from './states'

/** How a stochastic answer network reads. */
export interface SanForm {
  readonly turns: number // K
  /** Share of turns whose posteriors do not count while training; one of each row always does. */
  readonly turnDropout: number
}

/** MT-DNN's (recipe 4.3). */
export const sanForm: SanForm = { turns: 5, turnDropout: 0.1 }

export type SanParams = {
  readonly summary: { readonly weight: Expr } // f32[D, 1]; a bias would move all scores alike
  readonly attention: LinearParams
  readonly gru: GruParams
  readonly out: LinearParams
}

/** One set of layers for all turns. */
export const sanSpecs = (c: PairConfig, outputs: number) => ({
  summary: { weight: normalSpec(c.initStd, c.hidden, 1) },
  attention: linearSpecs(c, c.hidden, c.hidden),
  gru: gruSpecs(c, c.hidden, c.hidden),
  out: linearSpecs(c, 4 * c.hidden, outputs),
})

/**
 * Log-posterior of a class for a pair of texts (Liu et al. 2018, SAN for NLI, arXiv:1804.07888; MT-DNN, arXiv:1901.11504, §3.1). The state
 * s_0 is a self-attentive summary of the second text. At turn k = 1 … K it attends to the tokens M of the first, x_k = Σ_j softmax_j(s_{k-1}
 * W M_j) M_j, moves on, s_k = GRU(x_k, s_{k-1}), and votes, P_k = softmax(W [s_k; x_k; |s_k - x_k|; s_k x_k]). The posterior is the mean of
 * P_k over turns; of those that a draw leaves, while training. MT-DNN's code votes before it moves on, and divides by all turns times the
 * share that is kept, which is no distribution.
 *
 * hidden f32[B, T, D]; segments i32[B, T]: 0 special or padding, 1 first text, 2 second -> f32[B, C], natural logarithms.
 */
export const sanLogPosterior = (form: SanForm, p: SanParams, hidden: Expr, segments: Expr, d: HeadDropout): Expr =>
  scope('san', () => {
    requireOfTokens('sanLogPosterior', 'segments', segments, 'i32', hidden)
    if (!Number.isInteger(form.turns) || form.turns < 1)
      shapeError('sanLogPosterior', 'a whole number of turns, 1 or more', String(form.turns))
    const [B, T, D] = hidden.aval.shape as readonly [number, number, number]
    const [isFirst, isSecond] = [eq(segments, 1), eq(segments, 2)]
    const states = dropAt(d, 'states')(hidden)
    let state = pooled(reshape(matmul(states, p.summary.weight), [B, T]), isSecond, states) // s_0, [B, D]
    const votes: Expr[] = []
    for (let k = 1; k <= form.turns; k++) {
      const query = linear(p.attention)(state)
      const read = pooled(reshape(matmul(states, reshape(query, [B, D, 1])), [B, T]), isFirst, states) // x_k, [B, D]
      state = gruStep(p.gru, read, dropAt(d, `state${k}`)(state))
      const features = concat([state, read, abs(sub(state, read)), mul(state, read)], 1) // [B, 4D]
      votes.push(logSoftmax(linear(p.out)(dropAt(d, `vote${k}`)(features)))) // [B, C]
    }
    return meanOfTurns(form, votes, d)
  })

/** ln of the mean posterior of the turns that count, from logarithms: K of f32[B, C] -> f32[B, C]. */
const meanOfTurns = ({ turns, turnDropout }: SanForm, votes: readonly Expr[], d: HeadDropout): Expr => {
  const all = transpose(stack(votes), [1, 0, 2]) // [B, K, C]
  if (d === null || turnDropout === 0) return sub(logSumExp(all, 1), Math.log(turns))
  const B = all.aval.shape[0]!
  const kept = bernoulli(foldIn(d.key, 'turns'), 1 - turnDropout, [B, turns])
  const always = randomBelow(foldIn(d.key, 'turn'), turns, [B])
  const counts = or(kept, eq(iota([B, turns]), expandDims(always, 1))) // bool[B, K]
  const voting = add(all, expandDims(where(counts, 0, -1e9), 2))
  return sub(logSumExp(voting, 1), log(sum(cast(counts, 'f32'), 1, true)))
}
