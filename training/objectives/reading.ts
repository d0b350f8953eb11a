import { add, eq, expandDims, iota, logSumExp, neg, pick, reshape, softplus, sub, where, type Expr } from '../../core'
import {
  clmLogits,
  electraHead,
  electraLogits,
  mainMlmHead,
  mainTable,
  mlmLogits,
  rtdLogits,
  type PairModel,
  type PairParams,
} from '../../models'

/**
 * What a main model can tell of a text that it was given, by the heads that its objective trains. Detection without a language model finds
 * tokens and corrects none; where both are missing there is nothing to read.
 */
export interface Reading {
  /** The logit that each token is the original. hidden f32[B, T, D], ids i32[B, T] -> f32[B, T]. */
  readonly original?: (params: PairParams, hidden: Expr, ids: Expr, config: PairModel) => Expr
  /** Logits over the vocabulary of what stood there. rows f32[N, D] -> f32[N, V]. */
  readonly language?: (params: PairParams, rows: Expr, config: PairModel) => Expr
  /** There was no auxiliary: what language model the main one has was shown [MASK] itself. */
  readonly isAlone?: true
}

type Language = NonNullable<Reading['language']>

const correctiveLanguage: Language = (params, rows) => clmLogits(params.head.clm, mainTable(params), rows)
const maskedLanguage: Language = (params, rows, { normEps }) =>
  mlmLogits(mainMlmHead.of(params), mainTable(params), rows, normEps)

/** Detection by the pair's detection head. */
export const detectionReading: Reading = { original: (params, hidden) => rtdLogits(params.head.rtd, hidden) }

/** Both of the pair's heads: what t-nlrv5 trains. */
export const pairReading: Reading = { ...detectionReading, language: correctiveLanguage }

/** ELECTRA's head, its polarity turned to ours. */
export const electraReading: Reading = {
  original: (params, hidden) => neg(electraLogits(electraHead.of(params), hidden)),
}

/** How likely each token is in its place: ln p - ln(1 - p). */
const likelihood =
  (language: Language): NonNullable<Reading['original']> =>
  (params, hidden, ids, config) => {
    const [B, T, D] = hidden.aval.shape as readonly [number, number, number]
    const logits = language(params, reshape(hidden, [B * T, D]), config) // [B*T, V]
    const here = reshape(ids, [B * T])
    const others = where(eq(iota(logits.aval.shape), expandDims(here, 1)), -Infinity, logits)
    return reshape(sub(pick(logits, here), logSumExp(others)), [B, T])
  }

/** A language model alone: a token is as original as it is likely. It was not trained for that; a figure to compare detectors by. */
const languageReading = (language: Language): Reading => ({ language, original: likelihood(language) })

/** By the corrective head. */
export const correctiveReading: Reading = languageReading(correctiveLanguage)

/** By the main model's masked LM head. */
export const maskedReading: Reading = languageReading(maskedLanguage)

/** The same, of a main model without an auxiliary. */
export const aloneReading: Reading = { ...maskedReading, isAlone: true }

/**
 * By a language model beside a gate that copies: the token there has D + (1 - D) p of the mixture, D = σ(s). From the language model's own
 * g = ln p - ln(1 - p), the logit of that is g + ln(1 + e^s (1 + e^-g)).
 */
export const copyReading: Reading = {
  language: maskedLanguage,
  original: (params, hidden, ids, config) => {
    const g = likelihood(maskedLanguage)(params, hidden, ids, config)
    return add(g, softplus(add(rtdLogits(params.head.rtd, hidden), softplus(neg(g)))))
  },
}

/** No main model is trained. */
export const noReading: Reading = {}

/** An encoder alone, without any head that is trained. */
export const encoderReading: Reading = { isAlone: true }
