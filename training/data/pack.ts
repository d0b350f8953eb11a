import { createHash } from 'node:crypto'
import * as E from 'fp-ts/Either'
import type { Blocks } from './blocks'
import { requireSpecials } from './tokenizer/specials'
import type { Tokenizer } from './tokenizer/tokenizer'
import { roomFor } from './tokenizer/id-list'
import { dataFault, type DataFault } from './fault'
import type { Document } from './read-text'

export interface PackConfig {
  readonly seqLength: number // T, [CLS] included; at least 2
  readonly unit?: 'paragraph' | 'line' // what a [SEP] ends; default 'paragraph'
  readonly crossDocuments?: boolean // default true; false drops the tail of every document instead of the last only
  readonly minBlocks?: number // fewer is a fault: the batch size; default 1
}

/**
 * Units of a text, each ended by [SEP] in the packed stream. 'paragraph': parted by blank lines, a line break inside it
 * becomes a space, so hard-wrapped books read as running text. 'line': one unit a line (fairseq's one sentence a line).
 */
export const unitsOf = (text: string, unit: 'paragraph' | 'line' = 'paragraph'): readonly string[] =>
  (unit === 'line' ? text.split(/[\r\n]+/) : text.split(/(?:\r?\n[^\S\n]*){2,}|\r{2,}/))
    .map((part) =>
      part
        .split(/[\r\n]+/)
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .join(' '),
    )
    .filter((part) => part !== '')

/** Takes units of tokens and lays them end to end in blocks. Mutable; `add`, `endDocument`, and at last `finish`. */
export interface Packer {
  readonly add: (unit: ArrayLike<number>) => void
  readonly endDocument: () => void
  readonly finish: () => E.Either<DataFault, Blocks>
}

/**
 * Every block is [CLS] and the next T-1 tokens of the stream `unit [SEP] unit [SEP] …`; no padding, so a unit may be cut
 * at a block's edge, and the short tail is dropped and counted. ours: fairseq's 'complete' (recipe 9.4) keeps sentences
 * whole and pads; with paragraphs as units that would leave most blocks half empty.
 */
export const packer = (tokenizer: Tokenizer, config: PackConfig): E.Either<DataFault, Packer> => {
  const { seqLength, crossDocuments = true, minBlocks = 1 } = config
  const found = requireSpecials(tokenizer)
  if (E.isLeft(found)) return found
  if (!Number.isInteger(seqLength) || seqLength < 2)
    return E.left(dataFault('packing', 'seqLength', 'a whole number of at least 2 tokens', `${seqLength}`))
  const specials = found.right
  let tokens = new Int32Array(1 << 16)
  let length = 0 // tokens written, [CLS]s included; the last block may be incomplete
  let droppedTokens = 0
  const push = (id: number): void => {
    if (length % seqLength === 0) tokens[length++] = specials.cls
    tokens[length++] = id
  }
  const dropTail = (): void => {
    const tail = length % seqLength
    length -= tail
    droppedTokens += Math.max(0, tail - 1)
  }
  return E.right({
    add: (unit) => {
      // at most one [CLS] per T-1 tokens, one more for the first, and [SEP]
      tokens = roomFor(tokens, length + unit.length + Math.ceil(unit.length / (seqLength - 1)) + 3)
      for (let i = 0; i < unit.length; i += 1) push(unit[i]!)
      push(specials.sep)
    },
    endDocument: () => {
      if (!crossDocuments) dropTail()
    },
    finish: () => {
      dropTail()
      const count = length / seqLength
      if (count < minBlocks)
        return E.left(
          dataFault(
            'corpus',
            'packing',
            `at least ${minBlocks} blocks of ${seqLength} tokens`,
            `${count} (and ${droppedTokens} tokens left over)`,
            'give more text, or make seqLength or the batch smaller',
          ),
        )
      const packedTokens = length - count
      return E.right({
        tokens: tokens.slice(0, length),
        count,
        seqLength,
        vocabSize: tokenizer.vocabSize,
        specials,
        packedTokens,
        droppedTokens,
      })
    },
  })
}

/** Blocks of documents: split into units, encoded, packed. See `packer`. */
export const packDocuments = (
  tokenizer: Tokenizer,
  documents: Iterable<Document>,
  config: PackConfig,
): E.Either<DataFault, Blocks> => {
  const made = packer(tokenizer, config)
  if (E.isLeft(made)) return made
  for (const { text } of documents) {
    for (const unit of unitsOf(text, config.unit)) made.right.add(tokenizer.encode(unit))
    made.right.endDocument()
  }
  return made.right.finish()
}

/** A name for the text itself: 16 hex digits of the sha256 of all blocks. */
export const fingerprint = ({ tokens, seqLength }: Blocks): string =>
  createHash('sha256')
    .update(`${seqLength}\n`)
    .update(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength))
    .digest('hex')
    .slice(0, 16)
