import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { sourceOf, type BlockSource, type PackedBlocks } from '../data/blocks'
import { fingerprint, packDocuments } from '../data/pack'
import type { Packing } from '../data/packing'
import { readDocuments, type Document } from '../data/read-text'
import { openTokenizer } from '../data/tokenizer/file/open'
import { splitDocuments } from '../data/split'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { trainTokenizer } from '../data/tokenizer/train/train-bpe'
import { badInput, type Fault } from '../fault'
import { isBuilt, loadBuilt } from './built-corpus'

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
  /** Text, or folders of shards. */
  readonly files: readonly string[]
  /** Of folders of shards: how often each is drawn from. Default: as often as it has blocks. */
  readonly weights?: readonly number[] | undefined
  /** A tokenizer.json to take in place of training one; the one that shards must have been made with. */
  readonly tokenizer?: string | undefined
  /** Of text; default stream. What shards must have been made with. */
  readonly packing?: Packing | undefined
  readonly vocab: number
  readonly seq: number
  readonly batch: number
  /** Share of documents held out; shards have theirs. */
  readonly heldOutShare: number
}

/** The corpus of a run: folders of shards opened, text read and packed; `given` is the tokenizer of a run that goes on. Nothing is written. */
export const loadCorpus =
  (config: CorpusConfig, given?: Tokenizer): TE.TaskEither<Fault, Corpus> =>
  async () => {
    if (config.files.length === 0)
      return E.left(badInput('--corpus', '', 'at least one file', 'none', 'emend pretrain --corpus FILE...'))
    const built = await isBuilt(config.files)()
    if (E.isLeft(built)) return built
    if (built.right) return loadBuilt(config)()
    if (config.weights !== undefined)
      return E.left(badInput('--corpus-weights', '', 'folders of shards to weigh', 'files of text', 'emend corpus build makes a folder of each')) // prettier-ignore
    return loadText(config, given)()
  }

/** Read, split, train a tokenizer (or take the given one), pack. */
const loadText =
  (config: CorpusConfig, given?: Tokenizer): TE.TaskEither<Fault, Corpus> =>
  async () => {
    const documents = await readDocuments(config.files)()
    if (E.isLeft(documents)) return documents
    const split = splitDocuments(documents.right, { fraction: config.heldOutShare })
    if (E.isLeft(split)) return split
    const tokenizer = await tokenizerOf(config, split.right.train, given)
    if (E.isLeft(tokenizer)) return tokenizer
    const pack = (docs: readonly Document[], minBlocks: number): E.Either<Fault, PackedBlocks> =>
      packDocuments(tokenizer.right, docs, {
        seqLength: config.seq,
        minBlocks,
        ...(config.packing === undefined ? {} : { packing: config.packing }),
      })
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

const tokenizerOf = async (
  { tokenizer: file, vocab }: CorpusConfig,
  documents: readonly Document[],
  given: Tokenizer | undefined,
): Promise<E.Either<Fault, Tokenizer>> => {
  if (file === undefined && given === undefined)
    return trainTokenizer(
      documents.map((d) => d.text),
      { vocabSize: vocab },
    )
  const opened = file === undefined ? E.right(given!) : await openTokenizer(file)()
  if (E.isLeft(opened) || file === undefined || opened.right.vocabSize === vocab) return opened
  return E.left(badInput('--vocab', file, `${opened.right.vocabSize}, the entries of the tokenizer that is given`, `${vocab}`, 'leave out --vocab')) // prettier-ignore
}
