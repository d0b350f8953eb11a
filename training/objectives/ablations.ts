import { foldIn, mapExprs, reshape, scope, stopGradient, type Expr, type Key } from '../../core'
import {
  clmLogits,
  mainHeads,
  mainMlmHead,
  mainTable,
  mlmLogits,
  rowsAt,
  rtdLogits,
  type PairModel,
  type PairParams,
} from '../../models'
import { readMasked } from './masked-text'
import { defineObjective, type Objective, type PretrainInputs } from './objective'
import { copyReading, correctiveReading, detectionReading, maskedReading } from './reading'
import {
  passDropout,
  readReplaced,
  replacedShare,
  replacementsOf,
  uniformReplacements,
  type ReadText,
} from './replaced-text'
import { detectionWeight } from './t-nlrv5'
import { allTokensLoss, batchKey, detectionLoss, maskedCrossEntropy, weightedSum, type Term } from './terms'

/** T-NLRv5's objective with one part taken out or put another way: what does that part do? */

const mlmTerm = (auxiliary: Expr, batch: PretrainInputs): Term => ({
  weight: 1,
  of: () => maskedCrossEntropy(auxiliary, batch),
})
const rtdTerm = (original: Expr, { corrupted }: ReadText, batch: PretrainInputs): Term => ({
  weight: detectionWeight,
  of: () => detectionLoss(original, corrupted.isOriginal, batch),
})

/** Both of the main model's terms on a text that it has read. */
const mainTerms = (
  params: PairParams,
  text: ReadText,
  batch: PretrainInputs,
): { readonly clm: Term; readonly rtd: Term } => {
  const { original, logits } = mainHeads(params, text.hidden, batch.positions)
  return { clm: { weight: 1, of: () => maskedCrossEntropy(logits, batch) }, rtd: rtdTerm(original, text, batch) }
}

/** The text that the auxiliary's own draws corrupt, as the main model reads it. */
const readDrawn = (config: PairModel, params: PairParams, batch: PretrainInputs, auxiliary: Expr, k: Key): ReadText =>
  readReplaced(config, params, batch, replacementsOf(auxiliary, batch, k, config), k)

/** Without the corrective LM: ELECTRA's objective with this architecture's heads. */
export const rtdOnly = defineObjective({ reading: detectionReading }, (config) => (params, batch, key) => {
  const auxiliary = readMasked(config, params, batch)
  const text = readDrawn(config, params, batch, auxiliary, batchKey(key, batch))
  const original = scope('main', () => rtdLogits(params.head.rtd, text.hidden))
  return weightedSum(
    { mlm: mlmTerm(auxiliary, batch), rtd: rtdTerm(original, text, batch) },
    { replaced: replacedShare(text.corrupted, batch) },
  )
})

/** Without detection: plain cross-entropy at the masked places of the corrupted text, by the corrective head. */
export const clmOnly = defineObjective({ reading: correctiveReading }, (config) => (params, batch, key) => {
  const auxiliary = readMasked(config, params, batch)
  const { corrupted, hidden } = readDrawn(config, params, batch, auxiliary, batchKey(key, batch))
  const rows = rowsAt(hidden, batch.positions)
  const logits = scope('main', () => clmLogits(params.head.clm, mainTable(params), rows))
  return weightedSum(
    { mlm: mlmTerm(auxiliary, batch), clm: { weight: 1, of: () => maskedCrossEntropy(logits, batch) } },
    { replaced: replacedShare(corrupted, batch) },
  )
})

/**
 * ELECTRA's "Replace MLM" (Clark et al. 2020, arXiv:2003.10555, §3.4): the main model's masked LM, head and all, on a text with draws in the
 * place of [MASK].
 */
export const replaceMlm = defineObjective(
  { heads: [mainMlmHead], reading: maskedReading },
  (config) => (params, batch, key) => {
    const auxiliary = readMasked(config, params, batch)
    const { corrupted, hidden } = readDrawn(config, params, batch, auxiliary, batchKey(key, batch))
    const rows = rowsAt(hidden, batch.positions)
    const logits = scope('main', () => mlmLogits(mainMlmHead.of(params), mainTable(params), rows, config.normEps))
    return weightedSum(
      { mlm: mlmTerm(auxiliary, batch), clm: { weight: 1, of: () => maskedCrossEntropy(logits, batch) } },
      { replaced: replacedShare(corrupted, batch) },
    )
  },
)

/**
 * ELECTRA's "All-Tokens MLM" (the same §3.4): on such a text the main model says what stood at every place, by copying the token there or by its
 * masked LM's head, the detection head being the gate between them. The paper does not say how it weighs the two losses; ours: alike, each
 * a mean. Logits of every token are B T V numbers, and their gradient as many again: --micro-batch bounds them.
 */
export const allTokensMlm = defineObjective(
  { heads: [mainMlmHead], reading: copyReading },
  (config) => (params, batch, key) => {
    const auxiliary = readMasked(config, params, batch)
    const { corrupted, hidden } = readDrawn(config, params, batch, auxiliary, batchKey(key, batch))
    const rows = reshape(hidden, [-1, config.hidden]) // [B*T, D]
    const logits = scope('main', () => mlmLogits(mainMlmHead.of(params), mainTable(params), rows, config.normEps))
    const gate = scope('main', () => rtdLogits(params.head.rtd, hidden))
    return weightedSum(
      {
        mlm: mlmTerm(auxiliary, batch),
        allTokens: { weight: 1, of: () => allTokensLoss(logits, gate, corrupted.isOriginal, batch) },
      },
      { replaced: replacedShare(corrupted, batch) },
    )
  },
)

/** Replacements from all of the vocabulary alike; the auxiliary is not trained. */
export const randomReplace: Objective<PairParams> = (config) => (params, batch, key) => {
  const k = batchKey(key, batch)
  const text = readReplaced(config, params, batch, uniformReplacements(batch, k, config), k)
  return weightedSum(mainTerms(params, text, batch), { replaced: replacedShare(text.corrupted, batch) })
}

/**
 * An auxiliary that has learned before and learns no more, table and all (the "converged auxiliary" of Meng et al. 2021, arXiv:2102.08473,
 * §4.3): there is no curriculum. Its masked LM is logged and is no part of the loss. It shares nothing with the main model, or it would
 * change with it.
 */
export const frozenAux = defineObjective(
  { frozen: ['aux', 'head/mlm'], sharing: 'none' },
  (config) => (params, batch, key) => {
    const still = mapExprs(params, (e) => stopGradient(e))
    const auxiliary = readMasked(config, still, batch)
    const text = readDrawn(config, params, batch, auxiliary, batchKey(key, batch))
    const mlm = scope('mlm', () => maskedCrossEntropy(auxiliary, batch))
    return weightedSum(mainTerms(params, text, batch), { mlm, replaced: replacedShare(text.corrupted, batch) })
  },
)

/**
 * COCO-LM's default way of drawing (its code, generator mode "eval"): the auxiliary is trained with the main model's dropout, and
 * replacements are drawn from another pass without any. Twice the auxiliary's cost forward.
 */
export const evalPassAux: Objective<PairParams> = (config) => (params, batch, key) => {
  const k = batchKey(key, batch)
  const trained = withDropout(config, params, batch, k)
  const quiet = readMasked(
    config,
    mapExprs(params, (e) => stopGradient(e)),
    batch,
  )
  const text = readDrawn(config, params, batch, quiet, k)
  return weightedSum(
    { mlm: mlmTerm(trained, batch), ...mainTerms(params, text, batch) },
    { replaced: replacedShare(text.corrupted, batch) },
  )
}

/** Mode "train" of the same code: the auxiliary has dropout, and replacements are drawn from that one pass. */
export const trainPassAux: Objective<PairParams> = (config) => (params, batch, key) => {
  const k = batchKey(key, batch)
  const auxiliary = withDropout(config, params, batch, k)
  const text = readDrawn(config, params, batch, auxiliary, k)
  return weightedSum(
    { mlm: mlmTerm(auxiliary, batch), ...mainTerms(params, text, batch) },
    { replaced: replacedShare(text.corrupted, batch) },
  )
}

const withDropout = (config: PairModel, params: PairParams, batch: PretrainInputs, k: Key): Expr =>
  readMasked(config, params, batch, passDropout(config, foldIn(k, 'aux')))
