import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import { atLeast, codecFaults, NonNegativeInt, oneOf, PositiveInt, PositiveNumber, Rate } from '../../core'
import { validatePair, type PairConfig } from '../../models'
import { badInput, type Fault } from '../fault'
import { foreignLayouts, foreignTypes, type ForeignType } from './foreign-layouts'

const Named = atLeast('config', { model_type: oneOf(foreignTypes) }, {})

/** What of a config.json of `transformers` an encoder is made by. */
const Fields = atLeast(
  'config',
  {
    vocab_size: PositiveInt,
    hidden_size: PositiveInt,
    num_hidden_layers: PositiveInt,
    num_attention_heads: PositiveInt,
    intermediate_size: PositiveInt,
    max_position_embeddings: PositiveInt,
    layer_norm_eps: PositiveNumber,
    hidden_act: oneOf(['gelu']), // by erf; gelu_new and others compute something else
  },
  {
    hidden_dropout_prob: Rate,
    attention_probs_dropout_prob: Rate,
    initializer_range: PositiveNumber,
    embedding_size: PositiveInt, // ELECTRA's
    position_embedding_type: oneOf(['absolute']),
    relative_attention_num_buckets: PositiveInt, // MPNet's
    pad_token_id: t.union([NonNegativeInt, t.null], 'an id'), // positions of RoBERTa and MPNet begin behind it
    is_decoder: t.literal(false),
  },
)

/** The sizes of a pair whose main model is this encoder, and which architecture it has. */
export interface ForeignConfig {
  readonly modelType: ForeignType
  readonly model: PairConfig
}

/**
 * What config.json of a model of `transformers` says. left  an architecture, an activation, a form that is not computed here, by its field
 */
export const decodeHfConfig = (value: unknown, where: string): E.Either<Fault, ForeignConfig> => {
  const wrong = (key: string, expected: string, got: string): E.Either<Fault, never> =>
    E.left(badInput(`config.json: ${key}`, where, expected, got))
  const named = Named.decode(value)
  const fields = E.isLeft(named) ? named : Fields.decode(value)
  if (E.isLeft(named) || E.isLeft(fields)) {
    const errors = E.isLeft(named) ? named.left : E.isLeft(fields) ? fields.left : []
    const { key, expected, got } = codecFaults(errors)[0]!
    return wrong(key === '' ? 'contents' : key, expected, got)
  }
  const modelType = named.right.model_type
  const c = fields.right
  const { firstPosition, positions } = foreignLayouts[modelType]
  const { hidden_size: hidden, embedding_size: embedded = hidden } = c
  if (embedded !== hidden) return wrong('embedding_size', `hidden_size = ${hidden}`, String(embedded))
  if (firstPosition > 0 && (c.pad_token_id ?? 1) !== 1) return wrong('pad_token_id', '1', String(c.pad_token_id))
  if (c.max_position_embeddings <= firstPosition)
    return wrong('max_position_embeddings', `more than ${firstPosition}`, String(c.max_position_embeddings))
  const { relative_attention_num_buckets: buckets = 32 } = c
  if (positions === 'relative-t5' && buckets !== 32)
    return wrong('relative_attention_num_buckets', '32', String(buckets))
  const model: PairConfig = {
    vocab: c.vocab_size,
    maxLength: c.max_position_embeddings - firstPosition,
    hidden,
    heads: c.num_attention_heads,
    ffn: c.intermediate_size,
    mainLayers: c.num_hidden_layers,
    auxLayers: 0,
    buckets: 32,
    maxDistance: 128,
    dropout: c.hidden_dropout_prob ?? 0.1,
    attentionDropout: c.attention_probs_dropout_prob ?? 0.1,
    initStd: c.initializer_range ?? 0.02,
    locality: 0,
    positions,
    sharing: 'token-pos-norm',
    init: 'normal',
    normEps: c.layer_norm_eps,
  }
  const valid = validatePair(model)
  if (E.isRight(valid)) return E.right({ modelType, model })
  const { key, expected, got } = valid.left[0]!
  return wrong(key === 'heads' ? 'num_attention_heads' : key, expected, got)
}
