import * as E from 'fp-ts/Either'
import { bucketsOf, layerName, type PairConfig } from '../../models'
import type { StoredTensor } from '../checkpoint/safetensors'
import { badInput, type Fault } from '../fault'
import { columnsOf, embeddingNorm, hfLayouts, layerPieces, thirdOf, turned, type HfLayout } from './layouts'

/** A main model as `transformers` loads it: what config.json says, and the tensors of model.safetensors. */
export interface HfModel {
  readonly config: Readonly<Record<string, unknown>>
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

/** An array of the pair by its path (`main/layers/layer00/ffn/in/weight`). */
export type ParameterOf = (path: string) => Float32Array

/**
 * The main model's encoder in the layout of an architecture of `transformers` that computes the same: BERT for absolute places alone; MPNet for
 * T5's 32 buckets to 128, which is all that it has; for any other relative bias LayoutLMv3, read as a text encoder. Its buckets are T5's,
 * of any number: with four for each place every distance below T has one of its own, so that the bias is exact.
 * left  what no architecture there computes: TUPE, deepnorm.
 */
export const toHuggingFace = (config: PairConfig, parameter: ParameterOf): E.Either<Fault, HfModel> => {
  const found = layoutFor(config)
  if (E.isLeft(found)) return found
  const layout = found.right
  const { firstPosition } = layout
  const { hidden: D, maxLength, vocab, mainLayers, ffn } = config
  const tensors = new Map<string, StoredTensor>()
  const put = (name: string, shape: readonly number[], data: Float32Array): void =>
    void tensors.set(name, { dtype: 'F32', shape, data })
  const main = (path: string): Float32Array => parameter(`main/${path}`)

  put('embeddings.word_embeddings.weight', [vocab, D], wordTable(config, parameter))
  const positions = new Float32Array((firstPosition + maxLength) * D)
  positions.set(main('embedding/position'), firstPosition * D)
  put('embeddings.position_embeddings.weight', [firstPosition + maxLength, D], positions)
  const pieces = [
    ...embeddingNorm,
    ...Array.from({ length: mainLayers }, (_, i) => layerPieces(layout, layerName(i), i)).flat(),
  ]
  for (const { ours, theirs, kind } of pieces) {
    const whole = main(ours)
    const third = thirdOf(kind)
    const part = third === undefined ? whole : columnsOf(whole, 3 * D, third * D, D)
    if (kind === 'vector' || ours.endsWith('/bias')) {
      put(theirs, [part.length], part)
      continue
    }
    const from = ours.endsWith('/ffn/out/weight') ? ffn : D
    put(theirs, [part.length / from, from], turned(part, from, part.length / from))
  }
  const own = extras[layout.modelType](config, put, main)
  return E.right({ config: { ...described(config, layout), ...own }, tensors })
}

type Put = (name: string, shape: readonly number[], data: Float32Array) => void

/** What an architecture has beside the encoder that all share: tensors, and entries of config.json. */
const extras: Readonly<
  Record<HfLayout['modelType'], (config: PairConfig, put: Put, main: ParameterOf) => Readonly<Record<string, unknown>>>
> = {
  bert: ({ hidden }, put) => {
    put('embeddings.token_type_embeddings.weight', [1, hidden], new Float32Array(hidden))
    return { type_vocab_size: 1 }
  },
  mpnet: ({ buckets, heads }, put, main) => {
    put('encoder.relative_attention_bias.weight', [buckets, heads], main('relativeBias'))
    return { relative_attention_num_buckets: buckets }
  },
  layoutlmv3: (config, put, main) => {
    const { hidden, heads, maxLength } = config
    const coordinate = Math.floor(hidden / 6)
    const shape = hidden / 2 - 2 * coordinate // four coordinates and two extents make up a vector
    put('embeddings.token_type_embeddings.weight', [1, hidden], new Float32Array(hidden))
    for (const name of ['x', 'y'])
      put(`embeddings.${name}_position_embeddings.weight`, [1, coordinate], new Float32Array(coordinate))
    for (const name of ['h', 'w'])
      put(`embeddings.${name}_position_embeddings.weight`, [1, shape], new Float32Array(shape))
    const bins = 4 * maxLength
    put('encoder.rel_pos_bias.weight', [heads, bins], biasTable(config, main('relativeBias'), bins))
    return {
      type_vocab_size: 1,
      has_relative_attention_bias: true,
      has_spatial_attention_bias: false,
      visual_embed: false,
      rel_pos_bins: bins,
      max_rel_pos: 2 * bins,
      coordinate_size: coordinate,
      shape_size: shape,
      max_2d_position_embeddings: 1,
    }
  },
}

const described = (config: PairConfig, { architecture, modelType, firstPosition }: HfLayout) => ({
  architectures: [architecture],
  model_type: modelType,
  vocab_size: config.vocab,
  hidden_size: config.hidden,
  num_hidden_layers: config.mainLayers,
  num_attention_heads: config.heads,
  intermediate_size: config.ffn,
  hidden_act: 'gelu',
  hidden_dropout_prob: config.dropout,
  attention_probs_dropout_prob: config.attentionDropout,
  max_position_embeddings: firstPosition + config.maxLength,
  initializer_range: config.initStd,
  layer_norm_eps: config.normEps ?? 1e-5,
  pad_token_id: 1,
  bos_token_id: 0,
  eos_token_id: 2,
  torch_dtype: 'float32',
})

const layoutFor = (config: PairConfig): E.Either<Fault, HfLayout> => {
  const { positions, init, buckets, maxDistance } = config
  const refused = (what: string, got: string) =>
    E.left(badInput('export', '', `a model that an architecture of transformers computes: ${what}`, got))
  if (init === 'deepnorm') return refused('one whose residual stream is not scaled', 'init = deepnorm')
  if (positions === 'absolute') return E.right(hfLayouts.bert)
  if (positions === 'relative-t5' && buckets === 32 && maxDistance === 128) return E.right(hfLayouts.mpnet)
  if (positions === 'relative' || positions === 'relative-t5') return E.right(hfLayouts.layoutlmv3)
  return refused('positions absolute, relative or relative-t5', `positions = ${positions}`)
}

/** The main model's token table, f32[V, D]. */
const wordTable = ({ sharing }: PairConfig, parameter: ParameterOf): Float32Array => {
  const shared = parameter('embedding/token')
  if (sharing !== 'gdes') return shared
  const difference = parameter('main/embedding/difference')
  return shared.map((x, i) => x + difference[i]!)
}

/**
 * Our bias of each distance as a column of theirs, f32[H, bins], times √d, by which they divide it: T5's id of a distance below bins / 4 is
 * the distance itself, from bins / 2 on for keys ahead.
 */
const biasTable = (config: PairConfig, table: Float32Array, bins: number): Float32Array => {
  const { heads, hidden, maxLength } = config
  const own = bucketsOf(config)!
  const scale = Math.sqrt(hidden / heads)
  const out = new Float32Array(heads * bins)
  for (let d = 1 - maxLength; d < maxLength; d++)
    for (let h = 0; h < heads; h++) out[h * bins + (d > 0 ? bins / 2 + d : -d)] = table[own.of(d) * heads + h]! * scale
  return out
}
