import { close, open, read as readAt } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../../checkpoint/atomic-write'
import { badInput, ioError, type Fault } from '../../fault'
import { sampledBlocks, type Blocks, type BlockShape, type BlockSource } from '../blocks'
import { isPadding } from '../packing'
import { requireSpecials } from '../tokenizer/specials'
import type { Tokenizer } from '../tokenizer/tokenizer'
import type { SpecialIds } from '../tokenizer/spec'
import { openTokenizer } from '../tokenizer/file/open'
import { corpusFiles, corpusFingerprint, readManifest, type BuildPlan, type Manifest, type Shard, type ShardSet } from './manifest' // prettier-ignore
import { bytesPerId, shardFault, sizeFault, wholeShards } from './verify'

/** A corpus folder, checked and ready to be read. */
export interface OpenCorpus {
  readonly folder: string
  readonly manifest: Manifest
  readonly fingerprint: string
  readonly tokenizer: Tokenizer
  readonly train: BlockSource
  readonly heldOut: BlockSource
}

/**
 * Opens a corpus that `buildCorpus` has made. The sizes of all shards are looked at; `verify` reads them and compares checksums.
 * left  no manifest, one that is no manifest, another tokenizer than the shards were made with, a shard that is missing or damaged
 */
export const openCorpus =
  (folder: string, { verify = false }: { readonly verify?: boolean } = {}): TE.TaskEither<Fault, OpenCorpus> =>
  async () => {
    const read = await readManifest(folder)()
    if (E.isLeft(read)) return read
    const manifest = read.right
    const tokenizer = await readOwnTokenizer(folder, manifest.plan)
    if (E.isLeft(tokenizer)) return tokenizer
    const specials = requireSpecials(tokenizer.right)
    if (E.isLeft(specials)) return specials
    for (const { shards } of [manifest.train, manifest.heldOut]) {
      const whole = await wholeShards(folder, manifest.plan, shards, verify ? shardFault : sizeFault)
      if (whole.fault !== undefined) return E.left(whole.fault)
    }
    const source = (set: ShardSet): BlockSource => shardSource(folder, manifest.plan, set, specials.right)
    return E.right({
      folder,
      manifest,
      fingerprint: corpusFingerprint(manifest),
      tokenizer: tokenizer.right,
      train: source(manifest.train),
      heldOut: source(manifest.heldOut),
    })
  }

const readOwnTokenizer = async (folder: string, plan: BuildPlan): Promise<E.Either<Fault, Tokenizer>> => {
  const path = join(folder, corpusFiles.tokenizer)
  const tokenizer = await openTokenizer(path)()
  if (E.isLeft(tokenizer)) return tokenizer
  const got = tokenizer.right.fingerprint()
  if (got === plan.tokenizer && tokenizer.right.vocabSize === plan.vocabSize) return tokenizer
  return E.left(
    badInput(
      'tokenizer',
      path,
      `the one that the shards were made with (fingerprint ${plan.tokenizer.slice(0, 12)}, ${plan.vocabSize} entries)`,
      `${got.slice(0, 12)}, ${tokenizer.right.vocabSize} entries`,
      'put it back, or build the corpus again',
    ),
  )
}

/** Blocks of the shards of a set, in order. Files are read at the blocks that are asked for, and stay open for no longer. */
const shardSource = (folder: string, plan: BuildPlan, set: ShardSet, specials: SpecialIds): BlockSource => {
  const T = plan.seqLength
  const starts = new Float64Array(set.shards.length + 1)
  set.shards.forEach(({ blocks }, i) => (starts[i + 1] = starts[i]! + blocks))
  const { vocabSize, packing } = plan
  const shape: BlockShape = { count: set.blocks, seqLength: T, vocabSize, specials, isPadded: isPadding(packing) }

  /** Rows of these blocks side by side, in the order given. */
  const rows = async (numbers: readonly number[]): Promise<E.Either<Fault, Int32Array>> => {
    const ids = new Int32Array(numbers.length * T)
    const wanted = new Map<number, { readonly row: number; readonly place: number }[]>()
    for (const [row, number] of numbers.entries()) {
      const shard = shardOf(starts, number)
      const list = wanted.get(shard) ?? []
      list.push({ row, place: number - starts[shard]! })
      wanted.set(shard, list)
    }
    // All at once: what is asked of the disk goes on while this thread computes.
    const reads = [...wanted].map(([shard, list]) => readRows(folder, plan, set.shards[shard]!, list, ids))
    return (await Promise.all(reads)).find(E.isLeft) ?? E.right(ids)
  }
  return {
    ...shape,
    packedTokens: set.tokens,
    droppedTokens: set.dropped,
    fetch: (numbers) => async () => {
      const distinct = [...new Set(numbers)]
      const read = await rows(distinct)
      if (E.isLeft(read)) return read
      const places = new Map(distinct.map((number, row) => [number, row]))
      const blocks: Blocks = {
        ...shape,
        rowAt: (index) => {
          const row = places.get(index)
          if (row === undefined) throw new RangeError(`rowAt: expected a block that was fetched, got ${index}`)
          return read.right.subarray(row * T, (row + 1) * T)
        },
      }
      return E.right(blocks)
    },
    sample: (tokens) => async () => {
      const count = Math.min(set.blocks, Math.max(1, Math.floor(tokens / T)))
      const read = await rows(Array.from({ length: count }, (_, i) => Math.floor((i * set.blocks) / count)))
      if (E.isLeft(read)) return read
      return E.right(sampledBlocks(shape, read.right))
    },
  }
}

const shardOf = (starts: Float64Array, block: number): number => {
  let [low, high] = [0, starts.length - 2]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= block) low = middle
    else high = middle - 1
  }
  return low
}

/** Some blocks of one shard into rows of `ids`. left  the file cannot be read, is too short, or holds ids of no token */
const readRows = async (
  folder: string,
  { seqLength: T, dtype, vocabSize }: BuildPlan,
  { file }: Shard,
  wanted: readonly { readonly row: number; readonly place: number }[],
  ids: Int32Array,
): Promise<E.Either<Fault, void>> => {
  const path = join(folder, file)
  const size = T * bytesPerId[dtype]
  const bytes = new ArrayBuffer(wanted.length * size)
  let fd: number
  try {
    fd = await openFile(path, 'r')
  } catch (error) {
    return E.left(ioError('shard', path, 'a readable file', describeError(error)))
  }
  const places = wanted.map(({ place }) => place * size)
  const got = await readRanges(fd, bytes, size, places)
  close(fd)
  if (got instanceof Error) return E.left(ioError('shard', path, 'a readable file', describeError(got)))
  const short = got.findIndex((n) => n < size)
  if (short >= 0) return E.left(ioError('shard', path, `${size} bytes from ${places[short]!} on`, `${got[short]!}`))
  const read = dtype === 'u16' ? new Uint16Array(bytes) : new Uint32Array(bytes)
  for (const [i, { row, place }] of wanted.entries()) {
    const block = read.subarray(i * T, (i + 1) * T)
    if (block.some((id) => id >= vocabSize)) return E.left(ioError('shard', path, `ids below ${vocabSize}`, `another in block ${place} of it`, 'build the corpus again')) // prettier-ignore
    ids.set(block, row * T)
  }
  return E.right(undefined)
}

const openFile = promisify(open)

/** Ranges of `size` bytes, one after the other into `bytes`: how many bytes of each were there, or the first error once all have ended. */
const readRanges = (fd: number, bytes: ArrayBuffer, size: number, places: readonly number[]) =>
  new Promise<readonly number[] | Error>((done) => {
    const got: number[] = []
    let failed: Error | undefined
    let left = places.length
    places.forEach((place, i) =>
      readAt(fd, new Uint8Array(bytes, i * size, size), 0, size, place, (error, bytesRead) => {
        got[i] = bytesRead
        failed ??= error ?? undefined
        left -= 1
        if (left === 0) done(failed ?? got)
      }),
    )
  })
