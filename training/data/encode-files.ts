import * as E from 'fp-ts/Either'
import type { DataFault } from './fault'
import { streamDocuments } from './read-text'
import type { Tokenizer } from './tokenizer/tokenizer'

/** How the ids of documents are laid out: a JSON object a line, or nothing but ids as little-endian int32. */
export type IdLayout = 'jsonl' | 'int32'

export interface EncodedSoFar {
  readonly source: string
  readonly documents: number
  readonly tokens: number
}

/**
 * The ids of corpus files in pieces of a file, one for each document: `{"source": "book.txt", "ids": [5, 6]}`, or 4 bytes an id,
 * documents end to end, each ended by [SEP] where the vocabulary has one. Memory holds one document.
 * left  a file or row that cannot be read
 */
export async function* encodeFiles(
  files: readonly string[],
  tokenizer: Tokenizer,
  layout: IdLayout,
  prepare: (text: string) => string,
  told: (so: EncodedSoFar) => void,
): AsyncGenerator<E.Either<DataFault, Uint8Array>> {
  let [documents, tokens] = [0, 0]
  for await (const next of streamDocuments(files)) {
    if (E.isLeft(next)) {
      yield next
      return
    }
    const { source, text } = next.right
    const ids = tokenizer.encode(prepare(text))
    documents += 1
    tokens += ids.length
    told({ source, documents, tokens })
    yield E.right(layout === 'jsonl' ? row(source, ids) : littleEndian(ids, tokenizer.specials.sep))
  }
}

const row = (source: string, ids: Int32Array): Uint8Array =>
  Buffer.from(`{"source":${JSON.stringify(source)},"ids":[${ids.join(',')}]}\n`)

const littleEndian = (ids: Int32Array, end: number | undefined): Uint8Array => {
  const bytes = Buffer.alloc(4 * (ids.length + (end === undefined ? 0 : 1)))
  ids.forEach((id, i) => bytes.writeInt32LE(id, 4 * i))
  if (end !== undefined) bytes.writeInt32LE(end, 4 * ids.length)
  return bytes
}
