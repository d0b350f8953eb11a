/** Names of an encoder's tensors in Hugging Face's `transformers`, beside ours. */

/** One of our tensors, below `main/`, and theirs. A linear weight is f32[in, out] here and [out, in] there. */
export interface Piece {
  readonly ours: string
  readonly theirs: string
  /** `query`, `key`, `value`: a third of the columns of our fused projection. */
  readonly kind: 'linear' | 'vector' | 'query' | 'key' | 'value'
}

export interface HfLayout {
  readonly modelType: 'bert' | 'mpnet' | 'layoutlmv3'
  readonly architecture: string
  /** Their positions begin at this row: all but BERT count from the padding's id on. */
  readonly firstPosition: number
  /** Names of what attention consists of. */
  readonly attention: Readonly<Record<'query' | 'key' | 'value' | 'out' | 'norm', string>>
}

export const selfAttention = {
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  out: 'attention.output.dense',
  norm: 'attention.output.LayerNorm',
}

export const hfLayouts: Readonly<Record<HfLayout['modelType'], HfLayout>> = {
  bert: {
    modelType: 'bert',
    architecture: 'BertModel',
    firstPosition: 0,
    attention: selfAttention,
  },
  layoutlmv3: {
    modelType: 'layoutlmv3',
    architecture: 'LayoutLMv3Model',
    firstPosition: 2,
    attention: selfAttention,
  },
  mpnet: {
    modelType: 'mpnet',
    architecture: 'MPNetModel',
    firstPosition: 2,
    attention: {
      query: 'attention.attn.q',
      key: 'attention.attn.k',
      value: 'attention.attn.v',
      out: 'attention.attn.o',
      norm: 'attention.LayerNorm',
    },
  },
}

export const linear = (ours: string, theirs: string, kind: Piece['kind'] = 'linear'): readonly Piece[] => [
  { ours: `${ours}/weight`, theirs: `${theirs}.weight`, kind },
  { ours: `${ours}/bias`, theirs: `${theirs}.bias`, kind: kind === 'linear' ? 'vector' : kind },
]
export const norm = (ours: string, theirs: string): readonly Piece[] => [
  { ours: `${ours}/weight`, theirs: `${theirs}.weight`, kind: 'vector' },
  { ours: `${ours}/bias`, theirs: `${theirs}.bias`, kind: 'vector' },
]

/** The tensors of layer i. */
export const layerPieces = ({ attention }: Pick<HfLayout, 'attention'>, name: string, i: number): readonly Piece[] => {
  const [ours, theirs] = [`layers/${name}`, `encoder.layer.${i}`]
  return [
    ...(['query', 'key', 'value'] as const).flatMap((kind) =>
      linear(`${ours}/attention/qkv`, `${theirs}.${attention[kind]}`, kind),
    ),
    ...linear(`${ours}/attention/out`, `${theirs}.${attention.out}`),
    ...norm(`${ours}/norm1`, `${theirs}.${attention.norm}`),
    ...linear(`${ours}/ffn/in`, `${theirs}.intermediate.dense`),
    ...linear(`${ours}/ffn/out`, `${theirs}.output.dense`),
    ...norm(`${ours}/norm2`, `${theirs}.output.LayerNorm`),
  ]
}

export const embeddingNorm: readonly Piece[] = norm('embedding/norm', 'embeddings.LayerNorm')

/** A matrix turned: f32[rows, columns] -> f32[columns, rows]. */
export const turned = (x: Float32Array, rows: number, columns: number): Float32Array => {
  const out = new Float32Array(x.length)
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = x[r * columns + c]!
  return out
}

/** Columns [from, from + width) of f32[rows, columns]. */
export const columnsOf = (x: Float32Array, columns: number, from: number, width: number): Float32Array => {
  const rows = x.length / columns
  const out = new Float32Array(rows * width)
  for (let r = 0; r < rows; r++) out.set(x.subarray(r * columns + from, r * columns + from + width), r * width)
  return out
}

/** f32[rows, columns] with its columns [from, from + width) replaced by `part`, f32[rows, width]. */
export const withColumns = (x: Float32Array, columns: number, from: number, part: Float32Array): Float32Array => {
  const [rows, out] = [x.length / columns, Float32Array.from(x)]
  const width = part.length / rows
  for (let r = 0; r < rows; r++) out.set(part.subarray(r * width, (r + 1) * width), r * columns + from)
  return out
}

/** Which third a kind is. */
export const thirdOf = (kind: Piece['kind']): number | undefined => {
  const at = ['query', 'key', 'value'].indexOf(kind)
  return at < 0 ? undefined : at
}
