import { add, argmax, eq, input, iota, lt, neg, reshape, sigmoid, take, where, type Expr } from '../../core'
import type { Program } from '../../kernels'
import { mainHidden, mainTable, type PairConfig, type PairParams } from '../../models'
import type { Reading } from '../objectives'

/** A reading that detects. */
export type Detecting = Reading & Required<Pick<Reading, 'original'>>

export const isDetecting = (reading: Reading): reading is Detecting => reading.original !== undefined

/**
 * What the main model says of B rows of T tokens, of which the first `lengths[b]` count: inputs `ids` i32[B, T], `lengths`
 * i32[B], `params/*`; outputs `replaced` f32[B, T], the probability that a token is not the original, and `best` i32[B, T],
 * the corrective language model's first choice at each place among tokens of text: none of `specials`. Without a language model, `best` is
 * the token itself.
 */
export const correctProgram = (
  config: PairConfig,
  params: PairParams,
  B: number,
  T: number,
  specials: readonly number[],
  { original, language }: Detecting,
): Program => {
  const ids = input('ids', [B, T], 'i32')
  const hidden = hiddenOf(config, params, ids, withinLengths(B, T))
  const replaced = sigmoid(neg(original(params, hidden, ids, config)))
  const best = (rows: Expr): Expr => reshape(argmax(without(rows, specials)), [B, T])
  return {
    outputs: [
      { name: 'replaced', value: replaced },
      {
        name: 'best',
        value:
          language === undefined
            ? add(ids, 0)
            : best(language(params, reshape(hidden, [B * T, config.hidden]), config)),
      },
    ],
    donated: ['ids', 'lengths'],
  }
}

/** Logits over the vocabulary, those of some ids out of reach. */
const without = (logits: Expr, ids: readonly number[]): Expr =>
  ids.reduce((z, id) => where(eq(iota(z.aval.shape), id), -Infinity, z), logits)

/**
 * Detection alone: by a head for it, no vocabulary-sized product. Rows are full, and there is no `lengths`, unless they can be padded.
 */
export const detectProgram = (
  config: PairConfig,
  params: PairParams,
  B: number,
  T: number,
  { original }: Detecting,
  isPadded = false,
): Program => {
  const ids = input('ids', [B, T], 'i32')
  const hidden = hiddenOf(config, params, ids, isPadded ? withinLengths(B, T) : undefined)
  const replaced = sigmoid(neg(original(params, hidden, ids, config)))
  return { outputs: [{ name: 'replaced', value: replaced }], donated: ['ids', ...(isPadded ? ['lengths'] : [])] }
}

/** Whether a place is one of the first lengths[b] of its row: bool[B, T]. */
const withinLengths = (B: number, T: number): Expr => lt(iota([B, T], 1), reshape(input('lengths', [B], 'i32'), [B, 1]))

const hiddenOf = (config: PairConfig, params: PairParams, ids: Expr, isToken?: Expr): Expr =>
  mainHidden(config, params, take(mainTable(params), ids), null, isToken)
