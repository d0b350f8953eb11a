import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../../../checkpoint/atomic-write'
import { dataFault, type DataFault } from '../../fault'
import type { Tokenizer } from '../tokenizer'
import { fromJson } from './from-json'
import { fromSentencePiece } from './sentencepiece'
import { fromVocabTxt } from './vocab-txt'

/** Names under which a folder of a model has its tokenizer, the most telling first. */
const names = ['tokenizer.json', 'sp.model', 'spiece.model', 'tokenizer.model', 'sentencepiece.bpe.model', 'vocab.txt']

const help =
  'a tokenizer.json of Hugging Face, a SentencePiece .model, a vocab.txt of BERT, or a folder with one of them'

/**
 * Opens a tokenizer by its file's name: .json, .model, .txt; of a folder, the file that it has. `cased` is for vocab.txt, which does
 * not say.
 * left  no such file, no tokenizer in it, or one with a part that emend does not apply
 */
export const openTokenizer =
  (path: string, options: { readonly cased?: boolean } = {}): TE.TaskEither<DataFault, Tokenizer> =>
  async () => {
    let bytes: Uint8Array
    let file = path
    try {
      if ((await stat(path)).isDirectory()) {
        const found = await firstOf(path)
        if (found === undefined) return E.left(dataFault('tokenizer', path, `one of ${names.join(', ')} in the folder`, 'none')) // prettier-ignore
        file = found
      }
      bytes = await readFile(file)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
      return E.left(dataFault('tokenizer', file, 'a readable file', error.code === 'ENOENT' ? 'no such file' : String(error.code), help)) // prettier-ignore
    }
    if (file.endsWith('.model')) return fromSentencePiece(bytes, file)
    const text = utf8(bytes)
    if (text === undefined) return E.left(dataFault('tokenizer', file, 'text', 'bytes that are not UTF-8', help))
    if (file.endsWith('.txt')) return fromVocabTxt(text, options, file)
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      return E.left(dataFault('tokenizer', file, 'JSON', describeError(error), help))
    }
    return fromJson(value, file)
  }

const firstOf = async (folder: string): Promise<string | undefined> => {
  for (const name of names) {
    const path = join(folder, name)
    if (
      await stat(path).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}

const utf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return undefined
  }
}
