import * as E from 'fp-ts/Either'
import type * as t from 'io-ts'
import {
  closed,
  maxConstantSize,
  oneOf,
  NonNegativeInt,
  NonNegativeNumber,
  PositiveInt,
  PositiveNumber,
  Rate,
  type CodecFault,
} from '../core'

export const positionNames = ['absolute', 'relative', 'relative-t5', 'tupe-a', 'tupe-r'] as const
/**
 * How a model learns of places. `absolute`: a learned vector for each, added to its token. `relative`: that, and a bias of attention by
 * COCO-LM's buckets of distance, as in COCO-LM and METRO; `relative-t5`: by T5's. `tupe-a`: logits of places beside those of contents,
 * from projections of their own, and nothing added to tokens; `tupe-r`: those and T5's bias (Ke et al. 2021, arXiv:2006.15595, §3).
 */
export type PositionScheme = (typeof positionNames)[number]

export const sharingNames = ['none', 'token', 'token-pos', 'token-pos-norm', 'gdes'] as const
/**
 * What the auxiliary and the main model share (recipe 1.4): no parameters; the token table, which is also both output projections (COCO-LM
 * without dropout in the auxiliary); that and the table of places; these and the norm of embeddings. `gdes`: the main model's table is the
 * auxiliary's, without gradient, plus a difference that it learns alone (He et al. 2021, DeBERTaV3, arXiv:2111.09543, §3.3).
 */
export type Sharing = (typeof sharingNames)[number]

export const initNames = ['normal', 'megatron', 'depth', 'deepnorm'] as const
/**
 * How weights start, of layer l of L. `normal`: N(0, initStd²). `megatron`: what leads back to the residual stream by 1/√(2L) less (Shoeybi
 * et al. 2019, arXiv:1909.08053, §4.1, after GPT-2). `depth`: all of a layer by 1/√(2l) less (DS-Init, Zhang et al. 2019,
 * arXiv:1908.11365, §4, with α² = 1/2). `deepnorm`: values, output and feed-forward by (8L)^-¼, and the stream times (2L)^¼ before each norm
 * (Wang et al. 2022, arXiv:2203.00555, §4).
 */
export type InitScheme = (typeof initNames)[number]

/**
 * Sizes of an auxiliary + main pair, as written in config files and checkpoint headers. Both have one width, heads and
 * feed-forward width (recipe 1.3); they differ in depth.
 */
export const PairConfig = closed(
  'PairConfig',
  {
    vocab: PositiveInt, // V
    maxLength: PositiveInt, // longest sequence, [CLS] included
    hidden: PositiveInt, // D
    heads: PositiveInt, // H; D % H = 0 is checked in validatePair
    ffn: PositiveInt, // width of the feed-forward layer, 4 D in every preset
    mainLayers: PositiveInt,
    auxLayers: NonNegativeInt,
    buckets: PositiveInt, // relative position buckets (recipe 1.7)
    maxDistance: PositiveInt, // distances from here on share the last bucket
    dropout: Rate, // main model: embeddings and residuals
    attentionDropout: Rate, // main model: attention probabilities. The auxiliary has no dropout at all.
    initStd: PositiveNumber,
    locality: NonNegativeNumber, // how steeply heads begin by looking near: localBias
    positions: oneOf(positionNames),
    sharing: oneOf(sharingNames), // of the auxiliary with the main model
    init: oneOf(initNames),
  },
  {
    normEps: PositiveNumber, // added to variances in layer norm; 1e-5 where it is left out. Encoders from elsewhere have 1e-12
  },
)
export type PairConfig = t.TypeOf<typeof PairConfig>

/** What is computed again on the way back, the least first. */
export const rematNames = ['none', 'attention', 'layers'] as const
/**
 * What is computed again on the way back instead of being kept: nothing; what lies between queries, keys and values and their result, of T²
 * elements a head (Dao et al. 2022, arXiv:2205.14135, §3.1, does the same inside of one kernel); or each encoder layer but for its input.
 */
export type Remat = (typeof rematNames)[number]

/**
 * A pair to compute: its sizes, and how. `remat` (default none) changes memory and time, and no bit of loss or gradient in float64; under a
 * precision policy the relative bias's gradient adds up over layers in f32 instead of in halves.
 */
export type PairModel = PairConfig & { readonly remat?: Remat }

/** Rules between fields; all that are broken are reported. */
export const validatePair = (config: PairConfig): E.Either<readonly CodecFault[], PairConfig> => {
  const faults: CodecFault[] = []
  if (config.hidden % config.heads !== 0)
    faults.push({ key: 'heads', expected: `a divisor of hidden = ${config.hidden}`, got: String(config.heads) })
  if (config.buckets < 4 || config.buckets % 4 !== 0)
    faults.push({ key: 'buckets', expected: 'a multiple of 4', got: String(config.buckets) })
  if (config.maxDistance <= config.buckets / 4 + 1)
    faults.push({
      key: 'maxDistance',
      expected: `more than buckets / 4 + 1 = ${config.buckets / 4 + 1}`,
      got: String(config.maxDistance),
    })
  if (config.locality > 0 && !hasBuckets(config.positions))
    faults.push({
      key: 'locality',
      expected: `0 with positions ${config.positions}, which have no relative bias`,
      got: String(config.locality),
    })
  if (hasBuckets(config.positions) && config.maxLength > mostDistances)
    faults.push({
      key: 'maxLength',
      expected: `at most ${mostDistances} with positions ${config.positions}`,
      got: String(config.maxLength),
    })
  return faults.length > 0 ? E.left(faults) : E.right(config)
}

/** The buckets of the 2 T - 1 distances between T places are one constant. */
const mostDistances = maxConstantSize / 2

/** Whether a scheme has a table of relative positions. */
export const hasBuckets = (positions: PositionScheme): boolean =>
  positions.startsWith('relative') || positions === 'tupe-r'

export const presetNames = ['tiny', 'small', 'base', 'large', 'xl', 'xxl'] as const
export type PresetName = (typeof presetNames)[number]

/** A preset fixes everything but the vocabulary and the sequence length. */
export type Preset = Omit<PairConfig, 'vocab' | 'maxLength'>

const sized = (
  hidden: number,
  mainLayers: number,
  auxLayers: number,
  buckets: number,
  maxDistance: number,
): Preset => ({
  hidden,
  heads: hidden / 64,
  ffn: 4 * hidden,
  mainLayers,
  auxLayers,
  buckets,
  maxDistance,
  dropout: 0.1,
  attentionDropout: 0.1,
  initStd: 0.02,
  locality: 0,
  positions: 'relative',
  sharing: 'token',
  init: 'normal',
})

/**
 * tiny, ours: minutes on a CPU. Four heads; no dropout, since its runs hardly see a text twice. Its weights start larger, as it is
 * narrower, and its heads begin by looking at their neighbours: from an even attention it stays at the unigram entropy for
 * thousands of steps.
 */
const tiny: Preset = {
  ...sized(128, 3, 1, 32, 128),
  heads: 4,
  dropout: 0,
  attentionDropout: 0,
  initStd: 0.04,
  locality: 2,
}

/**
 * Recipe 1.2 and 1.3. xxl: the published figure is 5.4B parameters only; 48 layers of 3072 is one of the shapes that give it.
 */
export const presets: Readonly<Record<PresetName, Preset>> = {
  tiny,
  small: sized(256, 12, 2, 32, 128),
  base: sized(768, 12, 4, 32, 128),
  large: sized(1024, 24, 6, 128, 256),
  xl: sized(1536, 48, 8, 128, 256),
  xxl: sized(3072, 48, 8, 128, 256),
}

/** A preset with the two sizes that come from the data. */
export const pairConfig = (preset: PresetName, vocab: number, maxLength: number): PairConfig => ({
  ...presets[preset],
  vocab,
  maxLength,
})
