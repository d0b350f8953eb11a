import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { sourceOf, type BlockSource, type PackedBlocks } from '../data/blocks'
import { fingerprint, packDocuments } from '../data/pack'
import { readDocuments, type Document } from '../data/read-text'
import { splitDocuments } from '../data/split'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { trainTokenizer } from '../data/tokenizer/train/train-bpe'
import { badInput, type Fault } from '../fault'

/** A corpus ready to train on: its tokenizer, training blocks, and blocks of documents held out. */
export interface Corpus {
  readonly tokenizer: Tokenizer
  readonly train: BlockSource
  readonly heldOut: BlockSource
  readonly documents: { readonly train: number; readonly heldOut: number }
  /** Held-out text, for sentences to correct. */
  readonly heldOutText: readonly Document[]
  /** A name for the training text as it was packed. */
  readonly fingerprint: string
}

export interface CorpusConfig {
  readonly files: readonly string[]
  readonly vocab: number
  readonly seq: number
  readonly batch: number
  /** Share of documents held out. */
  readonly heldOutShare: number
}

/** Read, split, train a tokenizer (or take the given one), pack. Nothing is written. */
export const loadCorpus =
  (config: CorpusConfig, given?: Tokenizer): TE.TaskEither<Fault, Corpus> =>
  async () => {
    if (config.files.length === 0)
      return E.left(badInput('--corpus', '', 'at least one file', 'none', 'emend pretrain --corpus FILE...'))
    const documents = await readDocuments(config.files)()
    if (E.isLeft(documents)) return documents
    const split = splitDocuments(documents.right, { fraction: config.heldOutShare })
    if (E.isLeft(split)) return split
    const tokenizer =
      given === undefined
        ? trainTokenizer(
            split.right.train.map((d) => d.text),
            { vocabSize: config.vocab },
          )
        : E.right(given)
    if (E.isLeft(tokenizer)) return tokenizer
    const pack = (docs: readonly Document[], minBlocks: number): E.Either<Fault, PackedBlocks> =>
      packDocuments(tokenizer.right, docs, { seqLength: config.seq, minBlocks })
    const train = pack(split.right.train, config.batch)
    if (E.isLeft(train)) return train
    const heldOut = pack(split.right.heldOut, 1)
    if (E.isLeft(heldOut)) return heldOut
    return E.right({
      tokenizer: tokenizer.right,
      train: sourceOf(train.right),
      heldOut: sourceOf(heldOut.right),
      documents: { train: split.right.train.length, heldOut: split.right.heldOut.length },
      heldOutText: split.right.heldOut,
      fingerprint: fingerprint(train.right),
    })
  }
