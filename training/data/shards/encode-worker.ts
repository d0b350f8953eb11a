import { parentPort, workerData } from 'node:worker_threads'
import * as E from 'fp-ts/Either'
import { fromJson } from '../tokenizer/file/from-json'
import { requireSpecials } from '../tokenizer/specials'
import { encodeDocument, type TextSettings } from '../pack'
import type { EncodedDocument } from '../packing'

/** The program of an encoding thread: a tokenizer at its start, then lots of texts, one answer each. */
export interface EncodeSetup {
  readonly tokenizer: unknown // tokenizer.json, which the main thread has read already
  readonly settings: TextSettings
}
export interface EncodeRequest {
  readonly texts: readonly string[]
}
export interface EncodeReply {
  readonly documents: readonly EncodedDocument[]
}

const { tokenizer: json, settings } = workerData as EncodeSetup
const tokenizer = fromJson(json, 'the tokenizer of an encoding thread')
if (E.isLeft(tokenizer)) throw new Error(`internal: ${tokenizer.left.expected}, got ${tokenizer.left.got}`)
const specials = requireSpecials(tokenizer.right)
if (E.isLeft(specials)) throw new Error(`internal: ${specials.left.got}`)

parentPort!.on('message', ({ texts }: EncodeRequest) => {
  const documents = texts.map((text) => encodeDocument(tokenizer.right, specials.right, text, settings))
  const moved = documents.flatMap(({ tokens, ends }) => [tokens.buffer, ends.buffer])
  parentPort!.postMessage({ documents } satisfies EncodeReply, moved as ArrayBuffer[])
})
