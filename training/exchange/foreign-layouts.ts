import { hfLayouts, linear, norm, selfAttention, type HfLayout, type Piece } from './layouts'

/** An architecture of `transformers` whose encoder is read here. */
export interface ForeignLayout {
  readonly prefix: string
  readonly attention: HfLayout['attention']
  readonly firstPosition: number
  readonly positions: 'absolute' | 'relative-t5'
  /** Whether a row of the table of token types is added to every token. */
  readonly hasTypes: boolean
  /** Names in the masked LM's head, where it has one of the form of `mainMlmHead`. */
  readonly head?: { readonly dense: string; readonly norm: string; readonly bias: string; readonly decoder: string }
}

const languageHead = {
  dense: 'lm_head.dense',
  norm: 'lm_head.layer_norm',
  bias: 'lm_head.bias',
  decoder: 'lm_head.decoder',
}

export const foreignTypes = ['bert', 'electra', 'roberta', 'mpnet'] as const
export type ForeignType = (typeof foreignTypes)[number]

export const foreignLayouts: Readonly<Record<ForeignType, ForeignLayout>> = {
  bert: {
    prefix: 'bert.',
    attention: selfAttention,
    firstPosition: 0,
    positions: 'absolute',
    hasTypes: true,
    head: {
      dense: 'cls.predictions.transform.dense',
      norm: 'cls.predictions.transform.LayerNorm',
      bias: 'cls.predictions.bias',
      decoder: 'cls.predictions.decoder',
    },
  },
  electra: {
    prefix: 'electra.',
    attention: selfAttention,
    firstPosition: 0,
    positions: 'absolute',
    hasTypes: true,
  },
  roberta: {
    prefix: 'roberta.',
    attention: selfAttention,
    firstPosition: 2,
    positions: 'absolute',
    hasTypes: true,
    head: languageHead,
  },
  mpnet: {
    prefix: 'mpnet.',
    attention: hfLayouts.mpnet.attention,
    firstPosition: 2,
    positions: 'relative-t5',
    hasTypes: false,
    head: languageHead,
  },
}

/** The head's tensors, ours below `head/`; its bias is apart, as it has two names there. */
export const headPieces = ({ dense, norm: name }: NonNullable<ForeignLayout['head']>): readonly Piece[] => [
  ...linear('mainMlm/dense', dense),
  ...norm('mainMlm/norm', name),
]
