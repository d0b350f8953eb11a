import { eq, input, iota, logSoftmax, lt, reshape, take, where, type Expr } from '../../core'
import type { Program } from '../../kernels'
import { auxiliaryLogits, mainHidden, mainTable, rowsAt, type PairConfig, type PairParams } from '../../models'
import { pairReading, type Reading } from '../objectives'

/** Who is asked: the auxiliary, which has seen [MASK], or the main model, which has seen what the auxiliary puts in its place. */
export type ClozeModel = 'aux' | 'main'

/**
 * ln p of every token of text at one place of each of B rows: inputs `ids` i32[B, T], `lengths` i32[B], `place` i32[B, 1], `params/*`; output
 * `logProbabilities` f32[B, V]. `specials` have none.
 */
export const clozeProgram = (
  model: ClozeModel,
  config: PairConfig,
  params: PairParams,
  B: number,
  T: number,
  specials: readonly number[],
  reading: Reading = pairReading,
): Program => {
  const ids = input('ids', [B, T], 'i32')
  const place = input('place', [B, 1], 'i32')
  const isToken = lt(iota([B, T], 1), reshape(input('lengths', [B], 'i32'), [B, 1]))
  const logits =
    model === 'aux'
      ? auxiliaryLogits(config, params, ids, place, undefined, isToken)
      : mainLogits(config, params, ids, place, isToken, reading)
  const ofText = specials.reduce((z, id) => where(eq(iota(z.aval.shape), id), -1e9, z), logits)
  return {
    outputs: [{ name: 'logProbabilities', value: logSoftmax(ofText) }],
    donated: ['ids', 'lengths', 'place'],
  }
}

const mainLogits = (
  config: PairConfig,
  params: PairParams,
  ids: Expr,
  place: Expr,
  isToken: Expr,
  { language }: Reading,
): Expr => {
  if (language === undefined) throw new Error('internal: a cloze of a main model without a language model')
  const hidden = mainHidden(config, params, take(mainTable(params), ids), null, isToken)
  return language(params, rowsAt(hidden, place), config)
}
