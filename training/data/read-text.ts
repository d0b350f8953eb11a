import { createReadStream } from 'node:fs'
import { pipeline, type Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { dataFault, type DataFault } from './fault'

/** One text that belongs together: a jsonl row, or a plain file. `source` is `file`, `file:line` or `file (part n)`. */
export interface Document {
  readonly text: string
  readonly source: string
}

/** A plain file beyond this many UTF-16 units is cut into several documents, each ending at a blank line. */
export const maxPlainDocument = 1 << 24

/**
 * The documents of corpus files, in the order given. `.jsonl`: one JSON object a line, its text in `text` (rows whose
 * text is blank are skipped). Any other name: plain UTF-8. Either may carry `.gz` or `.br`; lines may have any size.
 * A plain file is ONE document, for blank lines in a book part paragraphs, not books (ours: fairseq reads a blank line
 * as the end of a document, recipe 9.4); paragraphs become units when packing. Only a file longer than
 * `maxPlainDocument` is cut, at blank lines, so memory stays bounded.
 * left  missing or unreadable file, no text in it, not UTF-8 or NUL bytes, broken or truncated gz/br, bad row.
 */
export const readDocuments =
  (files: readonly string[]): TE.TaskEither<DataFault, readonly Document[]> =>
  async () => {
    const documents: Document[] = []
    for await (const next of streamDocuments(files)) {
      if (E.isLeft(next)) return next
      documents.push(next.right)
    }
    return E.right(documents)
  }

/** As `readDocuments`, one at a time in bounded memory (the largest row). The first Left is the last element. */
export async function* streamDocuments(files: readonly string[]): AsyncGenerator<E.Either<DataFault, Document>> {
  if (files.length === 0) yield E.left(dataFault('corpus', '', 'at least one file', 'none'))
  for (const file of files) {
    let documents = 0
    try {
      for await (const document of /\.(jsonl|ndjson)(\.gz|\.br)?$/i.test(file) ? rows(file) : passages(file)) {
        documents += 1
        yield E.right(document)
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      yield E.left(error.fault)
      return
    }
    if (documents === 0) {
      yield E.left(dataFault('corpus file', file, 'some text', 'an empty file'))
      return
    }
  }
}

/** Carries a fault out of the generators below; caught by `streamDocuments` only. */
class Fault extends Error {
  constructor(readonly fault: DataFault) {
    super(fault.what)
  }
}

/** A line of a file, counted from 1, without its end. */
export interface Line {
  readonly line: number
  readonly text: string
}

/**
 * The lines of a file, also .gz or .br, one at a time; a lone \r before an end is part of the end. After the last end there is no line.
 * `what` the file is, in faults. The first Left is the last element.
 */
export async function* streamLines(file: string, what: string): AsyncGenerator<E.Either<DataFault, Line>> {
  try {
    for await (const next of lines(file, what)) yield E.right(next)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    yield E.left(error.fault)
  }
}

async function* lines(file: string, what: string): AsyncGenerator<Line> {
  let line = 0
  let pending: string[] = [] // the pieces of a line that is not complete yet, joined once
  const ended = (): Line => {
    const text = pending.join('')
    pending = []
    return { line: (line += 1), text: text.endsWith('\r') ? text.slice(0, -1) : text }
  }
  for await (const piece of decoded(file, what)) {
    let from = 0
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', from)) {
      pending.push(piece.slice(from, end))
      from = end + 1
      yield ended()
    }
    if (from < piece.length) pending.push(piece.slice(from))
  }
  if (pending.length > 0) yield ended()
}

async function* rows(file: string): AsyncGenerator<Document> {
  for await (const { line, text } of lines(file, 'corpus file')) yield* row(file, line, text)
}

function* row(file: string, line: number, json: string): Generator<Document> {
  if (json.trim() === '') return
  const source = `${file}:${line}`
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new Fault(dataFault('jsonl row', source, 'one JSON object on a line', error.message))
  }
  const text = typeof value === 'object' && value !== null && 'text' in value ? value.text : undefined
  if (typeof text !== 'string') throw new Fault(dataFault('jsonl row', source, 'a string under "text"', shapeOf(value)))
  if (text.trim() !== '') yield { text, source }
}

const shapeOf = (value: unknown): string => {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return 'an array'
  if ('text' in value) return `${value.text === null ? 'null' : `a value of type ${typeof value.text}`} there`
  const keys = Object.keys(value).slice(0, 8)
  return keys.length === 0 ? 'an empty object' : `the keys ${keys.map((key) => JSON.stringify(key)).join(', ')}`
}

async function* passages(file: string): AsyncGenerator<Document> {
  let text = ''
  let part = 0
  for await (const piece of decoded(file, 'corpus file')) {
    text += piece
    if (text.length <= maxPlainDocument) continue
    const blank = Math.max(text.lastIndexOf('\n\n'), text.lastIndexOf('\n\r\n'))
    const cut = blank >= 0 ? blank + 1 : text.length > 4 * maxPlainDocument ? text.lastIndexOf('\n') + 1 : 0
    if (cut === 0) continue
    if (text.slice(0, cut).trim() !== '') yield { text: text.slice(0, cut), source: `${file} (part ${(part += 1)})` }
    text = text.slice(cut)
  }
  if (text.trim() !== '') yield { text, source: part === 0 ? file : `${file} (part ${part + 1})` }
}

/** The text of a file in pieces, decompressed by its name; a leading byte order mark is dropped. */
async function* decoded(file: string, what: string): AsyncGenerator<string> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let bytes = 0
  const decode = (chunk: Uint8Array, last: boolean): string => {
    let text: string
    try {
      text = utf8.decode(chunk, { stream: !last })
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw binary(what, file, `bytes that are not UTF-8, between ${bytes} and ${bytes + chunk.length}`)
    }
    if (text.includes('\0')) throw binary(what, file, `a NUL, between bytes ${bytes} and ${bytes + chunk.length}`)
    bytes += chunk.length
    return text
  }
  try {
    for await (const chunk of opened(file)) yield decode(chunk as Uint8Array, false)
  } catch (error) {
    throw error instanceof Error && 'code' in error ? new Fault(ioFault(what, file, error)) : error
  }
  yield decode(new Uint8Array(0), true)
}

const opened = (file: string): Readable => {
  const source = createReadStream(file, { highWaterMark: 1 << 18 })
  const unpack: Transform | undefined = /\.gz$/i.test(file)
    ? createGunzip({ chunkSize: 1 << 18 })
    : /\.br$/i.test(file)
      ? createBrotliDecompress({ chunkSize: 1 << 18 })
      : undefined
  // pipeline hands an error of the source to `unpack`; the reader of `unpack` sees it, so the callback has nothing to do
  return unpack === undefined ? source : pipeline(source, unpack, () => undefined)
}

const binary = (what: string, file: string, got: string): Fault =>
  new Fault(dataFault(what, file, 'UTF-8 text', got, 'compressed text is recognised by its name: .gz or .br'))

const ioFault = (what: string, file: string, error: Error & { code: unknown }): DataFault => {
  if (error.code === 'ENOENT') return dataFault(what, file, 'an existing file', 'no such file')
  if (error.code === 'EISDIR') return dataFault(what, file, 'a file', 'a directory')
  if (error.code === 'Z_BUF_ERROR') return dataFault('compressed file', file, 'a whole stream', 'a truncated one')
  return dataFault(what, file, 'a readable file', `${String(error.code)}: ${error.message}`)
}
