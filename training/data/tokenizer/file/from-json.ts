import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import { closed } from '../../../../core'
import { dataFault, type DataFault } from '../../fault'
import type { AddedToken } from '../added-tokens'
import { Decoder, Normalizer, PostProcessor, PreTokenizer } from '../components'
import { byteToChar } from '../parts/byte-alphabet'
import type { TokenizerSpec } from '../spec'
import { tokenizerOf, type Tokenizer } from '../tokenizer'
import { ModelJson, modelSpec, mostIds, show } from './model-json'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null, t.undefined])

const AddedJson = closed(
  'added token',
  { id: t.Int, content: t.string },
  {
    special: t.boolean,
    lstrip: t.boolean,
    rstrip: t.boolean,
    normalized: t.boolean,
    single_word: t.literal(false),
  },
)

const FileJson = closed(
  'tokenizer.json',
  { model: ModelJson },
  {
    version: t.string,
    truncation: t.null, // would cut texts
    padding: t.null, // would add to them
    added_tokens: nullable(t.readonlyArray(AddedJson)),
    normalizer: nullable(Normalizer),
    pre_tokenizer: nullable(PreTokenizer),
    post_processor: nullable(PostProcessor),
    decoder: nullable(Decoder),
  },
)

/**
 * Reads a tokenizer.json of Hugging Face (a value already parsed). `where` names the file in faults.
 * left  a part or a setting that is not known, by its name: nothing that would change ids is ignored; ids, merges or added
 *       tokens that contradict the vocabulary
 */
export const fromJson = (value: unknown, where = 'tokenizer.json'): E.Either<DataFault, Tokenizer> => {
  const decoded = FileJson.decode(value)
  if (E.isLeft(decoded)) return E.left(unsupported(decoded.left, where))
  const file = decoded.right
  const model = modelSpec(file.model, `${where} model`)
  if (E.isLeft(model)) return model
  const added: readonly AddedToken[] = (file.added_tokens ?? []).map(
    ({ id, content, special = false, lstrip = false, rstrip = false, normalized = false }) => ({
      id,
      content,
      special,
      lstrip,
      rstrip,
      ...(normalized ? { normalized } : {}),
    }),
  )
  const spec: TokenizerSpec = {
    added,
    normalizer: file.normalizer ?? null,
    preTokenizer: file.pre_tokenizer ?? null,
    model: model.right,
    postProcessor: file.post_processor ?? null,
    decoder: file.decoder ?? null,
  }
  return contradiction(spec, where) ?? built(spec, where)
}

const built = (spec: TokenizerSpec, where: string): E.Either<DataFault, Tokenizer> => {
  const made = tokenizerOf(spec)
  return E.isRight(made) ? made : E.left(dataFault('tokenizer', where, 'expressions that emend can read', made.left))
}

const contradiction = ({ added, preTokenizer, model }: TokenizerSpec, where: string): E.Left<DataFault> | undefined => {
  const { tokens } = model
  if (preTokenizer?.type === 'ByteLevel' && model.type === 'BPE' && model.unk === undefined) {
    const known = new Set(tokens)
    const have = byteToChar.filter((char) => known.has(char)).length
    if (have < 256)
      return left(`${where} model/vocab`, 'all 256 bytes, or an unk_token', `${have} bytes and none`, 'train it with initial_alphabet = ByteLevel.alphabet()') // prettier-ignore
  }
  const clash = added.find(({ id, content }) => id < 0 || id >= mostIds || (tokens[id] ?? content) !== content)
  return clash === undefined
    ? undefined
    : left(`${where} added_tokens`, `id ${clash.id} to be ${show(tokens[clash.id])}`, show(clash.content))
}

const left = (where: string, expected: string, got: string, help?: string): E.Left<DataFault> => ({
  _tag: 'Left',
  left: dataFault('tokenizer', where, expected, got, help),
})

/** The first thing a codec refused, told as key, expected, got. Members of unions are no keys. */
const unsupported = (errors: t.Errors, where: string): DataFault => {
  const error = errors[0]
  const context = error?.context ?? []
  const inUnion = (i: number) => context[i - 1]?.type instanceof t.UnionType
  const path = context.filter((_, i) => i > 0 && !inUnion(i)).map(({ key }) => key)
  let last = context.length - 1
  while (inUnion(last)) last -= 1
  const at = [where, path.join('/')].filter((s) => s !== '').join(' ')
  const message = error?.message ?? ''
  if (message.startsWith('no such key; '))
    return dataFault('tokenizer', at, message.slice('no such key; '.length), `unknown key ${show(path.at(-1))}`)
  const expected = message === '' ? (context[last]?.type.name ?? 'a tokenizer') : message
  const help = path[0] === 'truncation' || path[0] === 'padding' ? 'set it to null: emend cuts and pads rows itself' : undefined // prettier-ignore
  return dataFault('tokenizer', at, expected, show(error?.value), help)
}
