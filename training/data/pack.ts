import { createHash } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { packedBlocks, type PackedBlocks } from './blocks'
import { requireSpecials } from './tokenizer/specials'
import type { Tokenizer } from './tokenizer/tokenizer'
import { roomFor } from './tokenizer/id-list'
import type { SpecialIds } from './tokenizer/spec'
import { dataFault, type DataFault } from './fault'
import { blockPacker, isPadding, type EncodedDocument, type Packing } from './packing'
import { preparations, type Preparation } from './preparation'
import type { Document } from './read-text'

export interface PackConfig {
  readonly seqLength: number // T, [CLS] included; at least 2
  readonly unit?: Unit // what a [SEP] ends; default 'paragraph'
  readonly packing?: Packing // default 'stream'
  readonly crossDocuments?: boolean // of 'stream'; default true; false drops the tail of every document instead of the last only
  readonly minBlocks?: number // fewer is a fault: the batch size; default 1
}

/**
 * Units of a text, each ended by [SEP] in the packed stream. 'paragraph': parted by blank lines, a line break inside it
 * becomes a space, so hard-wrapped books read as running text. 'line': one unit a line (fairseq's one sentence a line).
 */
export const unitsOf = (text: string, unit: Unit = 'paragraph'): readonly string[] =>
  (unit === 'line' ? text.split(/[\r\n]+/) : text.split(/(?:\r?\n[^\S\n]*){2,}|\r{2,}/))
    .map((part) =>
      part
        .split(/[\r\n]+/)
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .join(' '),
    )
    .filter((part) => part !== '')

/** Takes units of tokens and lays them in blocks. Mutable; `add`, `endDocument`, and at last `finish`. */
export interface Packer {
  readonly add: (unit: ArrayLike<number>) => void
  readonly endDocument: () => void
  readonly finish: () => E.Either<DataFault, PackedBlocks>
}

/** Blocks in memory, laid as `packing` says: by default [CLS] and the next T-1 tokens of `unit [SEP] unit [SEP] …` (see packing.ts). */
export const packer = (tokenizer: Tokenizer, config: PackConfig): E.Either<DataFault, Packer> => {
  const { seqLength, packing = 'stream', crossDocuments = true, minBlocks = 1 } = config
  const found = requireSpecials(tokenizer)
  if (E.isLeft(found)) return found
  const wrong = seqLengthFault(seqLength)
  if (wrong !== undefined) return E.left(wrong)
  const specials = found.right
  let tokens = new Int32Array(1 << 16)
  let length = 0
  const blocks = blockPacker({ seqLength, packing, specials, crossDocuments }, (block) => {
    tokens = roomFor(tokens, length + seqLength)
    tokens.set(block, length)
    length += seqLength
  })
  return E.right({
    add: (unit) => blocks.add(withSeparator(unit, specials)),
    endDocument: blocks.endDocument,
    finish: () => {
      blocks.finish()
      const count = length / seqLength
      const { packed, dropped } = blocks.counts()
      if (count < minBlocks) return E.left(tooFewBlocks(minBlocks, count, seqLength, dropped))
      return E.right(
        packedBlocks({
          tokens: tokens.slice(0, length),
          count,
          seqLength,
          vocabSize: tokenizer.vocabSize,
          specials,
          isPadded: isPadding(packing),
          packedTokens: packed,
          droppedTokens: dropped,
        }),
      )
    },
  })
}

const withSeparator = (unit: ArrayLike<number>, { sep }: SpecialIds): Int32Array => {
  const out = new Int32Array(unit.length + 1)
  out.set(unit)
  out[unit.length] = sep
  return out
}

export const seqLengthFault = (seqLength: number): DataFault | undefined =>
  Number.isInteger(seqLength) && seqLength >= 2
    ? undefined
    : dataFault('packing', 'seqLength', 'a whole number of at least 2 tokens', `${seqLength}`)

/** Of text, or of a corpus on disk, that does not fill a batch. */
export const tooFewBlocks = (wanted: number, count: number, seqLength: number, dropped: number): DataFault =>
  dataFault(
    'corpus',
    'packing',
    `at least ${wanted} blocks of ${seqLength} tokens`,
    `${count} (and ${dropped} tokens left over)`,
    'give more text, or make seqLength or the batch smaller',
  )

export type Unit = 'paragraph' | 'line'

/** How a text is read: what a [SEP] ends, and what is done to each such unit first. */
export interface TextSettings {
  readonly unit: Unit
  readonly prepare?: Preparation // default none
}

/** The units of a text, encoded, each with its [SEP]. */
export const encodeDocument = (
  tokenizer: Tokenizer,
  specials: SpecialIds,
  text: string,
  { unit, prepare = 'none' }: TextSettings,
): EncodedDocument => {
  const units = unitsOf(text, unit).map((part) => tokenizer.encode(preparations[prepare](part)))
  const tokens = new Int32Array(units.reduce((sum, { length }) => sum + length + 1, 0))
  const ends = new Int32Array(units.length)
  let at = 0
  units.forEach((ids, i) => {
    tokens.set(ids, at)
    at += ids.length
    tokens[at++] = specials.sep
    ends[i] = at
  })
  return { tokens, ends }
}

/** Blocks of documents: split into units, encoded, packed. See `packer`. */
export const packDocuments = (
  tokenizer: Tokenizer,
  documents: Iterable<Document>,
  config: PackConfig,
): E.Either<DataFault, PackedBlocks> => {
  const made = packer(tokenizer, config)
  if (E.isLeft(made)) return made
  for (const { text } of documents) {
    for (const unit of unitsOf(text, config.unit)) made.right.add(tokenizer.encode(unit))
    made.right.endDocument()
  }
  return made.right.finish()
}

/** A name for the text itself: 16 hex digits of the sha256 of all blocks. */
export const fingerprint = ({ tokens, seqLength }: PackedBlocks): string =>
  createHash('sha256')
    .update(`${seqLength}\n`)
    .update(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength))
    .digest('hex')
    .slice(0, 16)
