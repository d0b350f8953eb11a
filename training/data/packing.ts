import type { SpecialIds } from './tokenizer/spec'

/**
 * How units (each with the [SEP] that ends it) become blocks of [CLS] and T-1 tokens (recipe 9.4):
 * stream        end to end, cut at a block's edge; no padding, only the last short tail is lost. ours
 * complete      whole units as far as they fit, then [PAD]; one more [SEP] after each document (RoBERTa, arXiv:1907.11692, §4.2)
 * complete-doc  as complete, but a block ends with its document, and no [SEP] is added
 * A unit longer than a block is cut into blocks, its rest begins the next one. ours: fairseq makes it a block that the trainer truncates.
 */
export const packings = ['stream', 'complete', 'complete-doc'] as const
export type Packing = (typeof packings)[number]

/** Whether blocks can end in [PAD]. */
export const isPadding = (packing: Packing): boolean => packing !== 'stream'

/** A place in the text: before token `token` of the packed tokens of document `document`, counted from the first that was packed. */
export interface Place {
  readonly document: number
  readonly token: number
}

/** A document as ids: units end to end, each with its [SEP]; unit i ends before ends[i]. */
export interface EncodedDocument {
  readonly tokens: Int32Array
  readonly ends: Int32Array
}

/** Tokens so far: in blocks ([CLS] and [PAD] not counted), as padding, and lost in short tails. */
export interface PackingCounts {
  readonly packed: number
  readonly padding: number
  readonly dropped: number
}

/** Lays units into blocks. Mutable. A packer that begins at the place where a block ends makes the blocks that follow it. */
export interface BlockPacker {
  /** A unit with its [SEP]. */
  readonly add: (unit: Int32Array) => void
  readonly endDocument: () => void
  /** The document at `place.document`, less the tokens before `place.token`. */
  readonly addDocument: (document: EncodedDocument, from?: number) => void
  /** Ends the last block, or loses it. */
  readonly finish: () => void
  readonly counts: () => PackingCounts
}

export interface BlockPackerConfig {
  readonly seqLength: number // T
  readonly packing: Packing
  readonly specials: SpecialIds
  readonly start?: Place // default the beginning
  /** Only where `packing` is 'stream'; default true. False drops the tail of every document. */
  readonly crossDocuments?: boolean
}

/** `emit` sees every block, i32[T], which is written over afterwards, and the place after its last token. */
export const blockPacker = (
  { seqLength: T, packing, specials, start, crossDocuments = true }: BlockPackerConfig,
  emit: (block: Int32Array, next: Place) => void,
): BlockPacker => {
  const block = new Int32Array(T).fill(specials.pad)
  block[0] = specials.cls
  const separator = Int32Array.of(specials.sep)
  let { document, token } = start ?? { document: 0, token: 0 }
  let at = 1 // tokens in the block, [CLS] included
  let isBare = true // whether the block holds nothing but separators between documents
  let [packed, padding, dropped] = [0, 0, 0]

  const close = (): void => {
    packed += at - 1
    padding += T - at
    block.fill(specials.pad, at)
    at = 1
    isBare = true
    emit(block, { document, token })
  }
  const append = (tokens: Int32Array, bare: boolean): void => {
    for (let from = 0; from < tokens.length;) {
      const part = tokens.subarray(from, from + T - at)
      block.set(part, at)
      at += part.length
      token += part.length
      from += part.length
      isBare &&= bare
      if (at === T) close()
    }
  }
  const drop = (): void => {
    dropped += at - 1
    at = 1
    isBare = true
  }
  const addUnit = (unit: Int32Array, bare = false): void => {
    if (packing !== 'stream' && at > 1 && unit.length > T - at) close()
    append(unit, bare)
  }
  const nextDocument = (): void => {
    if (packing === 'complete-doc' && at > 1) close()
    if (packing === 'stream' && !crossDocuments) drop()
    document += 1
    token = 0
  }
  const endDocument = (): void => {
    if (packing === 'complete') addUnit(separator, true)
    nextDocument()
  }
  return {
    add: addUnit,
    endDocument,
    addDocument: ({ tokens, ends }, from = 0) => {
      let begin = 0
      for (const end of ends) {
        if (end > from) addUnit(tokens.subarray(Math.max(begin, from), end))
        begin = end
      }
      if (from > begin)
        nextDocument() // its separator is in a block already
      else endDocument()
    },
    finish: () => {
      if (at === 1) return
      if (packing === 'stream' || isBare) drop()
      else close()
    },
    counts: () => ({ packed, padding, dropped }),
  }
}

/** Documents of which a token lies before a place. */
export const begunBefore = ({ document, token }: Place): number => document + (token > 0 ? 1 : 0)
