import * as E from 'fp-ts/Either'
import { initParameters, layerName, mainMlmHead } from '../../models'
import type { StoredTensor } from '../checkpoint/safetensors'
import { badInput, type Fault } from '../fault'
import { foreignLayouts, headPieces, type ForeignLayout } from './foreign-layouts'
import type { ForeignConfig } from './hf-config'
import { embeddingNorm, layerPieces, thirdOf, turned, withColumns, type Piece } from './layouts'

/** A pair whose main model came from elsewhere. */
export interface FromHugging {
  /** Every parameter of the pair by its path. */
  readonly arrays: ReadonlyMap<string, Float32Array>
  /** Whether there was a masked LM's head: it lies at head/mainMlm. */
  readonly hasLanguage: boolean
  /** Paths of what the file had not: first values. */
  readonly drawn: readonly string[]
  /** Names of what was left out: poolers, other heads. */
  readonly unused: readonly string[]
}

/**
 * The parameters of a pair from the tensors of a model of `transformers`, whose names may have the architecture's prefix. The first row of
 * token types is added to every position: exact for texts of one segment.
 * left  a tensor that is missing or of another shape or dtype, by its name; an output projection that is not the token table
 */
export const fromHuggingFace = (
  { modelType, model }: ForeignConfig,
  tensors: ReadonlyMap<string, StoredTensor>,
  where: string,
): E.Either<Fault, FromHugging> => {
  const layout = foreignLayouts[modelType]
  const read = reading(tensors, layout, where)
  const { hidden: D, vocab, mainLayers, ffn, maxLength, buckets, heads } = model
  const { firstPosition, head } = layout
  const hasLanguage = head !== undefined && read.has(`${head.dense}.weight`)
  const arrays = new Map(initParameters(model, 0, hasLanguage ? [mainMlmHead] : []))
  const left = new Set(arrays.keys())
  const put = (path: string, data: Float32Array): void => {
    arrays.set(path, data)
    left.delete(path)
  }
  const putPiece = (path: string, { theirs, kind }: Piece): void => {
    const third = thirdOf(kind)
    const isMatrix = path.endsWith('/weight') && kind !== 'vector'
    const whole = arrays.get(path)!
    if (!isMatrix) {
      const part = read.take(theirs, [third === undefined ? whole.length : D])
      return put(path, third === undefined ? part : withColumns(whole, 3 * D, third * D, part))
    }
    const from = path.endsWith('/ffn/out/weight') ? ffn : D
    const to = third === undefined ? whole.length / from : D
    const part = turned(read.take(theirs, [to, from]), to, from)
    put(path, third === undefined ? part : withColumns(whole, 3 * D, third * D, part))
  }

  const words = read.take('embeddings.word_embeddings.weight', [vocab, D])
  put('embedding/token', words)
  const places = read
    .take('embeddings.position_embeddings.weight', [firstPosition + maxLength, D])
    .subarray(firstPosition * D)
  const types = layout.hasTypes ? read.take('embeddings.token_type_embeddings.weight', [undefined, D]) : undefined
  put('main/embedding/position', types === undefined ? places : places.map((x, i) => x + types[i % D]!))
  if (layout.positions === 'relative-t5')
    put('main/relativeBias', read.take('encoder.relative_attention_bias.weight', [buckets, heads]))
  const pieces = [
    ...embeddingNorm,
    ...Array.from({ length: mainLayers }, (_, i) => layerPieces(layout, layerName(i), i)).flat(),
  ]
  for (const piece of pieces) putPiece(`main/${piece.ours}`, piece)
  if (hasLanguage) {
    for (const piece of headPieces(head)) putPiece(`head/${piece.ours}`, piece)
    // One tensor by two names, of which a file has either.
    const biases = [head.bias, `${head.decoder}.bias`]
    const bias = biases.find(read.has) ?? head.bias
    put('head/mainMlm/bias', read.take(bias, [vocab]))
    biases.forEach(read.passOver)
    const decoder = `${head.decoder}.weight`
    if (read.has(decoder) && read.take(decoder, [vocab, D]).some((x, i) => x !== words[i]))
      return E.left(badInput(`tensor ${decoder}`, where, 'the token table, of which it is the other name', 'another'))
  }
  const [fault] = read.faults
  return fault === undefined
    ? E.right({ arrays, hasLanguage, drawn: [...left].sort(), unused: read.unused() })
    : E.left(fault)
}

/** Tensors by their names without prefix; TensorFlow's names of norms (gamma, beta) are known. What is wrong is kept in `faults`. */
const reading = (tensors: ReadonlyMap<string, StoredTensor>, { prefix }: ForeignLayout, where: string) => {
  const byName = new Map(
    [...tensors]
      .filter(([, { dtype }]) => dtype !== 'I64') // counts of places, no parameters
      .map(([name, tensor]) => {
        const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name
        return [bare.replace(/\.gamma$/, '.weight').replace(/\.beta$/, '.bias'), tensor] as const
      }),
  )
  const unused = new Set(byName.keys())
  const faults: Fault[] = []
  return {
    faults,
    has: (name: string): boolean => byName.has(name),
    passOver: (name: string): void => void unused.delete(name),
    unused: (): readonly string[] => [...unused].sort(),
    /** f32 of a shape, of which an undefined size is any; zeros where there is a fault. */
    take: (name: string, shape: readonly (number | undefined)[]): Float32Array => {
      unused.delete(name)
      const found = byName.get(name)
      const fits =
        found !== undefined &&
        found.shape.length === shape.length &&
        shape.every((n, i) => n === undefined || n === found.shape[i])
      if (fits && found.data instanceof Float32Array) return found.data
      const show = (sizes: readonly (number | undefined)[]): string => `[${sizes.map((n) => n ?? 'any').join(', ')}]`
      const got = found === undefined ? 'none' : `${found.dtype} ${show(found.shape)}`
      faults.push(badInput(`tensor ${name}`, where, `F32, F16 or BF16 ${show(shape)}`, got))
      return new Float32Array(shape.reduce<number>((size, n) => size * (n ?? 1), 1))
    },
  }
}
