import { cast, foldIn, gumbel, not, randomBelow, reshape, sample, stopGradient, type Expr, type Key } from '../../core'
import { mainHidden, mainTable, type PairConfig, type PairModel, type PairParams, type PassDropout } from '../../models'
import { corrupt, embedCorrupted, type Corrupted } from './corrupt'
import type { PretrainInputs } from './objective'
import { perToken } from './terms'

/** One draw from softmax(logits) at each masked place: i32[B, K]. `replaced` of a batch that has it (i32[B, K]) stands for the draw. */
export const replacementsOf = (logits: Expr, batch: PretrainInputs, key: Key, config: PairConfig): Expr =>
  givenReplacements(batch) ?? drawReplacements(logits, batch, key, config)

/** One draw from softmax(logits) at each masked place: i32[B, K]. No gradient passes it. */
export const drawReplacements = (logits: Expr, batch: PretrainInputs, key: Key, config: PairConfig): Expr => {
  const [B, K] = batch.positions.aval.shape as readonly [number, number]
  const shaped = reshape(stopGradient(logits), [B, K, config.vocab])
  return sample(shaped, gumbel(foldIn(key, 'sample'), [B, K, config.vocab]))
}

/** A token of the vocabulary at each masked place, all alike likely: i32[B, K]. */
export const uniformReplacements = (batch: PretrainInputs, key: Key, config: PairConfig): Expr =>
  givenReplacements(batch) ?? randomBelow(foldIn(key, 'random'), config.vocab, batch.positions.aval.shape)

const givenReplacements = (batch: PretrainInputs & { readonly replaced?: Expr }): Expr | undefined => batch.replaced

/** Dropout of the main model's pass; none where both rates are 0. */
export const mainDropout = (config: PairConfig, key: Key): PassDropout => passDropout(config, foldIn(key, 'main'))

/** Dropout at the main model's rates for a pass with a key of its own; none where both are 0. */
export const passDropout = (config: PairConfig, key: Key): PassDropout =>
  config.dropout === 0 && config.attentionDropout === 0
    ? null
    : { rate: config.dropout, attentionRate: config.attentionDropout, key }

/** A text with its masked tokens replaced, and the main model's last hidden states on it. */
export interface ReadText {
  readonly corrupted: Corrupted
  readonly hidden: Expr // f32[B, T, D]
}

/** The main model's pass over the text with `sampled` i32[B, K] in its masked places. */
export const readReplaced = (
  config: PairModel,
  params: PairParams,
  batch: PretrainInputs,
  sampled: Expr,
  key: Key,
): ReadText => {
  const corrupted = corrupt(batch, sampled)
  const embedded = embedCorrupted(mainTable(params), batch, sampled, corrupted)
  return { corrupted, hidden: mainHidden(config, params, embedded, mainDropout(config, key), batch.isToken) }
}

/** Share of all tokens that are not the original's: 7 to 8 % once the auxiliary has learned (COCO-LM, §3.1). */
export const replacedShare = ({ isOriginal }: Corrupted, batch: PretrainInputs): Expr =>
  perToken(cast(not(isOriginal), 'f32'), batch)
