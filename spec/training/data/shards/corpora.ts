import * as E from 'fp-ts/Either'
import { trainTokenizer } from '../../../../training/data/tokenizer/train/train-bpe'
import type { BlockSource, PackedBlocks } from '../../../../training/data/blocks'
import type { BuildConfig } from '../../../../training/data/shards/build'
import { localEncoder, type Encoder } from '../../../../training/data/shards/encoder'
import type { Fault } from '../../../../training/fault'
import { plainText } from '../../cli/run-cli'

export const right = <A>(either: E.Either<Fault, A>): A => {
  if (E.isLeft(either)) throw new Error(JSON.stringify(either.left))
  return either.right
}
export const left = <A>(either: E.Either<Fault, A>): Fault => {
  if (E.isRight(either)) throw new Error(`expected a fault, got ${JSON.stringify(either.right)}`)
  return either.left
}

export const bytes = right(trainTokenizer([plainText(50)], { vocabSize: 300 }))

export const settings = {
  heldOut: 0,
  tokenizer: bytes,
  seqLength: 8,
  packing: 'stream',
  unit: 'paragraph',
  shardTokens: 64,
} satisfies Omit<BuildConfig, 'out' | 'files'>

/** Works on `width` lots at once, in this thread; the later of two is done first. */
export const scrambled = (width: number): Encoder => {
  const local = right(localEncoder(bytes, { unit: 'paragraph' }))
  let asked = 0
  return {
    ...local,
    width,
    encode: async (texts) => {
      const turns = width - (asked++ % width)
      for (let turn = 0; turn < turns; turn += 1) await new Promise((done) => setImmediate(done))
      return local.encode(texts)
    },
  }
}

/** All blocks of a source, as a list of lists. */
export const blocksOf = async (source: BlockSource): Promise<readonly (readonly number[])[]> => {
  const numbers = Array.from({ length: source.count }, (_, i) => i)
  const fetched = right(await source.fetch(numbers)())
  return numbers.map((number) => [...fetched.rowAt(number)])
}

export const rowsOf = (blocks: PackedBlocks): readonly (readonly number[])[] =>
  Array.from({ length: blocks.count }, (_, i) => [...blocks.rowAt(i)])
