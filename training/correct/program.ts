import { argmax, eq, input, iota, lt, neg, reshape, sigmoid, take, where, type Expr } from '../../core'
import type { Program } from '../../kernels'
import { clmLogits, mainHidden, mainTable, rtdLogits, type PairConfig, type PairParams } from '../../models'

/**
 * What the main model says of B rows of T tokens, of which the first `lengths[b]` count: inputs `ids` i32[B, T], `lengths`
 * i32[B], `params/*`; outputs `replaced` f32[B, T], the probability that a token is not the original, and `best` i32[B, T],
 * the corrective language model's first choice at each place among tokens of text: none of `specials`.
 */
export const correctProgram = (
  config: PairConfig,
  params: PairParams,
  B: number,
  T: number,
  specials: readonly number[],
): Program => {
  const ids = input('ids', [B, T], 'i32')
  const isToken = lt(iota([B, T], 1), reshape(input('lengths', [B], 'i32'), [B, 1]))
  const hidden = hiddenOf(config, params, ids, isToken)
  const replaced = sigmoid(neg(rtdLogits(params.head.rtd, hidden)))
  const logits = clmLogits(params.head.clm, mainTable(params), reshape(hidden, [B * T, config.hidden]))
  return {
    outputs: [
      { name: 'replaced', value: replaced },
      { name: 'best', value: reshape(argmax(without(logits, specials)), [B, T]) },
    ],
    donated: ['ids', 'lengths'],
  }
}

/** Logits over the vocabulary, those of some ids out of reach. */
const without = (logits: Expr, ids: readonly number[]): Expr =>
  ids.reduce((z, id) => where(eq(iota(z.aval.shape), id), -Infinity, z), logits)

/** Detection alone, on full rows: no vocabulary-sized product. */
export const detectProgram = (config: PairConfig, params: PairParams, B: number, T: number): Program => {
  const hidden = hiddenOf(config, params, input('ids', [B, T], 'i32'))
  return { outputs: [{ name: 'replaced', value: sigmoid(neg(rtdLogits(params.head.rtd, hidden))) }], donated: ['ids'] }
}

const hiddenOf = (config: PairConfig, params: PairParams, ids: Expr, isToken?: Expr): Expr =>
  mainHidden(config, params, take(mainTable(params), ids), null, isToken)
