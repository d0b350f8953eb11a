import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeSafetensors, type StoredTensor } from '../../../training/checkpoint/safetensors'

const D = 4
const maxLength = 24
const ffn = 6

const bertConfig = (vocab: number) => ({
  model_type: 'bert',
  vocab_size: vocab,
  hidden_size: D,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: ffn,
  max_position_embeddings: maxLength,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
})

const linear = (name: string, to: number, from: number) => [
  [`${name}.weight`, [to, from]] as const,
  [`${name}.bias`, [to]] as const,
]
const norm = (name: string) => [[`${name}.gamma`, [D]] as const, [`${name}.beta`, [D]] as const]
const encoder = (vocab: number): ReadonlyMap<string, readonly number[]> =>
  new Map<string, readonly number[]>([
    ['embeddings.word_embeddings.weight', [vocab, D]],
    ['embeddings.position_embeddings.weight', [maxLength, D]],
    ['embeddings.token_type_embeddings.weight', [2, D]],
    ...norm('embeddings.LayerNorm'),
    ...['query', 'key', 'value'].flatMap((part) => linear(`encoder.layer.0.attention.self.${part}`, D, D)),
    ...linear('encoder.layer.0.attention.output.dense', D, D),
    ...norm('encoder.layer.0.attention.output.LayerNorm'),
    ...linear('encoder.layer.0.intermediate.dense', ffn, D),
    ...linear('encoder.layer.0.output.dense', D, ffn),
    ...norm('encoder.layer.0.output.LayerNorm'),
  ])
const maskedHead = (vocab: number): ReadonlyMap<string, readonly number[]> =>
  new Map<string, readonly number[]>([
    ...linear('cls.predictions.transform.dense', D, D),
    ...norm('cls.predictions.transform.LayerNorm'),
    ['cls.predictions.bias', [vocab]],
  ])

const filled = (
  [name, shape]: readonly [string, readonly number[]],
  value: (i: number, name: string) => number,
): StoredTensor => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i, name)),
})

/** Every tensor of a BERT of one layer by its name there; `head`: with a masked LM's. */
export const bertTensors = (
  vocab: number,
  { head = false, value = (i: number, _name: string): number => i / 8 } = {},
): Map<string, StoredTensor> =>
  new Map([
    ...[...encoder(vocab)].map((one) => [`bert.${one[0]}`, filled(one, value)] as const),
    ...(head ? [...maskedHead(vocab)].map((one) => [one[0], filled(one, value)] as const) : []),
  ])

export const specialWords = ['[CLS]', '[PAD]', '[SEP]', '[UNK]', '[MASK]']

export interface ForeignParts {
  /** Fields that differ from a whole config.json. */
  readonly config?: object
  readonly tensors?: ReadonlyMap<string, StoredTensor>
  /** Lines of vocab.txt. */
  readonly words?: readonly string[]
}

/** Writes a folder as `transformers` leaves it: of a whole BERT of 8 tokens, but for what is given. */
export const writeForeign = (dir: string, { config, tensors, words }: ForeignParts = {}): string => {
  mkdirSync(dir)
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...bertConfig(8), ...config }))
  writeFileSync(join(dir, 'vocab.txt'), `${(words ?? [...specialWords, 'a', 'b']).join('\n')}\n`)
  const file = { tensors: tensors ?? bertTensors(8), metadata: {} }
  writeFileSync(join(dir, 'model.safetensors'), Buffer.concat(encodeSafetensors(file)))
  return dir
}

/** config.json of the BERT of 8 tokens. */
export const wholeConfig = JSON.stringify(bertConfig(8))
