import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import type * as TE from 'fp-ts/TaskEither'
import { leavesOf, type Aval } from '../../core'
import { mainMlmHead, parameterAvals, type PairConfig } from '../../models'
import { describeError } from '../checkpoint/atomic-write'
import { writeCheckpoint } from '../checkpoint/checkpoint'
import { decodeSafetensors, type StoredTensor } from '../checkpoint/safetensors'
import { importedObjective } from '../correct/open'
import { openTokenizer } from '../data/tokenizer/file/open'
import { requireSpecials } from '../data/tokenizer/specials'
import { badInput, type Fault } from '../fault'
import { checkKind, checkOut, prepareOut, runFiles, writeText } from '../pretrain/folder'
import type { ForeignType } from './foreign-layouts'
import { fromHuggingFace, type FromHugging } from './from-hugging-face'
import { decodeHfConfig } from './hf-config'

/** What an import wrote. */
export interface Imported extends Pick<FromHugging, 'hasLanguage' | 'drawn' | 'unused'> {
  readonly modelType: ForeignType
  readonly model: PairConfig
  readonly checkpoint: string
}

const weights = 'model.safetensors'
const shards = 'model.safetensors.index.json'

/**
 * A folder of `transformers` (config.json, model.safetensors or its shards, a tokenizer) as a checkpoint of a pair without an auxiliary, with its
 * tokenizer beside it: to be fine-tuned, and asked for what is missing where it has a masked LM's head.
 * left  a file, a field or a tensor that is missing or does not fit; nothing has been written
 */
export const importHuggingFace =
  (folder: string, out: string): TE.TaskEither<Fault, Imported> =>
  async () => {
    const json = await readJson(join(folder, 'config.json'))
    if (E.isLeft(json)) return json
    const config = decodeHfConfig(json.right, join(folder, 'config.json'))
    if (E.isLeft(config)) return config
    const { modelType, model } = config.right
    const tokenizer = await openTokenizer(folder, { cased: await isCased(folder) })()
    if (E.isLeft(tokenizer)) return tokenizer
    const specials = requireSpecials(tokenizer.right)
    if (E.isLeft(specials)) return specials
    if (tokenizer.right.vocabSize > model.vocab)
      return E.left(
        badInput('tokenizer', folder, `ids below vocab_size = ${model.vocab}`, `${tokenizer.right.vocabSize} of them`),
      )
    const tensors = await readTensors(folder)
    if (E.isLeft(tensors)) return tensors
    const read = fromHuggingFace(config.right, tensors.right, folder)
    if (E.isLeft(read)) return read
    const { arrays, hasLanguage, drawn, unused } = read.right
    const named = new Map([...arrays].map(([path, data]) => [`params/${path}`, data] as const))
    const room = await checkOut(out, 2 * [...named.values()].reduce((n, { byteLength }) => n + byteLength, 0))()
    if (E.isLeft(room)) return room
    const kind = await checkKind(out, 'pretrained')()
    if (E.isLeft(kind)) return kind
    const prepared = await prepareOut(out)()
    if (E.isLeft(prepared)) return prepared
    const beside = await writeText(out, runFiles.tokenizer, JSON.stringify(tokenizer.right.toJson()))()
    if (E.isLeft(beside)) return beside
    const avals = leavesOf<Aval>(parameterAvals(model, hasLanguage ? [mainMlmHead] : []))
    const checkpoint = await writeCheckpoint(
      out,
      {
        step: 0,
        config: { objective: hasLanguage ? 'mlm-only' : importedObjective, imported: modelType },
        model,
        tokenizer: tokenizer.right.fingerprint(),
        backend: 'none',
      },
      named,
      new Map(avals.map(([path, aval]) => [`params/${path}`, aval] as const)),
    )()
    if (E.isLeft(checkpoint)) return checkpoint
    return E.right({ modelType, model, hasLanguage, drawn, unused, checkpoint: checkpoint.right })
  }

const readBytes = async (path: string, help?: string): Promise<E.Either<Fault, Buffer>> => {
  try {
    return E.right(await readFile(path))
  } catch (error) {
    return E.left(badInput('import', path, 'a readable file', describeError(error), help))
  }
}

const readJson = async (path: string): Promise<E.Either<Fault, unknown>> => {
  const bytes = await readBytes(path, 'a folder that save_pretrained of transformers has written')
  if (E.isLeft(bytes)) return bytes
  try {
    return E.right(JSON.parse(bytes.right.toString('utf8')) as unknown)
  } catch (error) {
    return E.left(badInput('import', path, 'JSON', describeError(error)))
  }
}

const readFileOf = async (
  folder: string,
  name: string,
): Promise<E.Either<Fault, ReadonlyMap<string, StoredTensor>>> => {
  const path = join(folder, name)
  const bytes = await readBytes(path)
  if (E.isLeft(bytes)) return bytes
  const file = decodeSafetensors(bytes.right, path)
  return E.isLeft(file) ? file : E.right(file.right.tensors)
}

/** All tensors of a folder: of one file, or of those that its index names. */
const readTensors = async (folder: string): Promise<E.Either<Fault, ReadonlyMap<string, StoredTensor>>> => {
  const names = await readdir(folder)
  if (names.includes(weights)) return readFileOf(folder, weights)
  if (!names.includes(shards)) {
    const pickled = names.find((name) => /^pytorch_model.*\.bin$/.test(name))
    const help = 'load it by from_pretrained in Python, then save_pretrained(..., safe_serialization=True)'
    const got = pickled ?? 'neither'
    return E.left(badInput('import', folder, `${weights} or ${shards}`, got, pickled === undefined ? undefined : help))
  }
  const json = await readJson(join(folder, shards))
  if (E.isLeft(json)) return json
  const index = t.type({ weight_map: t.record(t.string, t.string) }).decode(json.right)
  if (E.isLeft(index)) return E.left(badInput('import', join(folder, shards), 'weight_map of names to files', 'none'))
  const tensors = new Map<string, StoredTensor>()
  for (const name of new Set(Object.values(index.right.weight_map))) {
    const file = await readFileOf(folder, name)
    if (E.isLeft(file)) return file
    for (const [tensor, stored] of file.right) tensors.set(tensor, stored)
  }
  const missing = Object.entries(index.right.weight_map).find(([tensor]) => !tensors.has(tensor))
  return missing === undefined
    ? E.right(tensors)
    : E.left(badInput(`tensor ${missing[0]}`, join(folder, missing[1]), 'a tensor, as the index says', 'none'))
}

/** A vocab.txt does not say whether it is of cased text: tokenizer_config.json does, where there is one. */
const isCased = async (folder: string): Promise<boolean> => {
  const json = await readJson(join(folder, 'tokenizer_config.json'))
  const said = t.type({ do_lower_case: t.boolean }).decode(E.isLeft(json) ? undefined : json.right)
  return E.isRight(said) && !said.right.do_lower_case
}
