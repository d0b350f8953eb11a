import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import type * as TE from 'fp-ts/TaskEither'
import { closed, codecFaults, NonNegativeInt, oneOf, PositiveInt, Rate } from '../../../core'
import { atomicWrite, describeError } from '../../checkpoint/atomic-write'
import { badInput, type Fault } from '../../fault'
import { packings } from '../packing'
import { preparationNames } from '../preparation'

/** What a corpus folder holds, beside its shards. The journal is there while a build is unfinished, the manifest once it is done. */
export const corpusFiles = {
  manifest: 'manifest.json',
  journal: 'building.json',
  tokenizer: 'tokenizer.json',
  lock: 'building.lock',
} as const

/** Text to train on, and text held out. */
export const setNames = ['train', 'heldOut'] as const
export type SetName = (typeof setNames)[number]

const shardPattern = /^(train|held-out)-\d{5,}\.u(16|32)$/
export const shardFile = (set: SetName, index: number, dtype: 'u16' | 'u32'): string =>
  `${set === 'train' ? 'train' : 'held-out'}-${String(index).padStart(5, '0')}.${dtype}`

/** Some whole blocks in a file: ids end to end, little-endian, in the order of the text. */
export const Shard = closed(
  'shard',
  {
    file: new t.Type<string>(
      'a name as train-00000.u16',
      (u): u is string => typeof u === 'string' && shardPattern.test(u),
      (u, context) => (typeof u === 'string' && shardPattern.test(u) ? t.success(u) : t.failure(u, context)),
      t.identity,
    ),
    blocks: PositiveInt,
    tokens: NonNegativeInt, // [CLS] and [PAD] not counted
    documents: NonNegativeInt, // that begin in it
    sha256: t.string, // of the file
    until: closed('place', { document: NonNegativeInt, token: NonNegativeInt }, {}), // where the next shard begins
  },
  {},
)
export type Shard = t.TypeOf<typeof Shard>

const ShardSet = closed(
  'shards',
  { documents: NonNegativeInt, blocks: NonNegativeInt, tokens: NonNegativeInt, dropped: NonNegativeInt, shards: t.readonlyArray(Shard) }, // prettier-ignore
  {},
)
export type ShardSet = t.TypeOf<typeof ShardSet>

const Sources = t.readonlyArray(closed('source', { file: t.string, bytes: NonNegativeInt }, {}), 'a list of files')

/** All that decides what a build writes: two builds of one plan write the same bytes. */
export const BuildPlan = closed(
  'plan',
  {
    tokenizer: t.string, // fingerprint
    vocabSize: PositiveInt,
    dtype: oneOf(['u16', 'u32'] as const),
    seqLength: PositiveInt, // T
    packing: oneOf(packings),
    unit: oneOf(['paragraph', 'line'] as const),
    shardBlocks: PositiveInt,
    heldOutShare: Rate, // of the documents; 0 where files are given
    sources: Sources,
    heldOutSources: Sources,
  },
  { prepare: oneOf(preparationNames) }, // what was done to each unit first; default none
)
export type BuildPlan = t.TypeOf<typeof BuildPlan>

export const Manifest = closed(
  'manifest',
  {
    format: t.literal(1),
    plan: BuildPlan,
    text: t.string, // sha256 over all documents, in order
    train: ShardSet,
    heldOut: ShardSet,
  },
  {},
)
export type Manifest = t.TypeOf<typeof Manifest>

/** How documents are held out: none, those of files of their own, those whose hash is at most `cut`, or the end of the only one. */
export const HeldOutRule = closed('rule', { kind: oneOf(['none', 'files', 'hash', 'end'] as const) }, { cut: t.number })
export type HeldOutRule = t.TypeOf<typeof HeldOutRule>

/** An unfinished build: shards that are whole, and what had been read when the last of them was. */
export const Journal = closed(
  'journal',
  {
    format: t.literal(1),
    plan: BuildPlan,
    rule: HeldOutRule,
    seen: closed('seen', { documents: NonNegativeInt, text: t.string }, {}),
    train: t.readonlyArray(Shard),
    heldOut: t.readonlyArray(Shard),
  },
  {},
)
export type Journal = t.TypeOf<typeof Journal>

/** A name for what the blocks are: 16 hex digits over tokenizer, packing and contents of every shard. Where the text lay does not count. */
export const corpusFingerprint = ({ plan, train, heldOut }: Manifest): string =>
  createHash('sha256')
    .update(JSON.stringify([plan.tokenizer, plan.seqLength, plan.packing, plan.dtype]))
    .update(JSON.stringify([train, heldOut].map(({ shards }) => shards.map(({ sha256 }) => sha256))))
    .digest('hex')
    .slice(0, 16)

export const readManifest = (folder: string): TE.TaskEither<Fault, Manifest> =>
  readRecord(folder, corpusFiles.manifest, Manifest, 'corpus manifest')

/** undefined where no build is unfinished. */
export const readJournal =
  (folder: string): TE.TaskEither<Fault, Journal | undefined> =>
  async () =>
    (await isFile(join(folder, corpusFiles.journal)))
      ? readRecord(folder, corpusFiles.journal, Journal, 'journal of a build')()
      : E.right(undefined)

export const holdsManifest = (folder: string): Promise<boolean> => isFile(join(folder, corpusFiles.manifest))

export const writeJson = (folder: string, name: string, value: unknown): TE.TaskEither<Fault, void> =>
  atomicWrite(join(folder, name), [Buffer.from(`${JSON.stringify(value, null, 1)}\n`)])

const isFile = (path: string): Promise<boolean> =>
  readFile(path).then(
    () => true,
    (error: unknown) => !(error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code))), // prettier-ignore
  )

const readRecord =
  <A>(folder: string, name: string, codec: t.Type<A, unknown>, what: string): TE.TaskEither<Fault, A> =>
  async () => {
    const path = join(folder, name)
    let value: unknown
    try {
      value = JSON.parse(await readFile(path, 'utf8')) as unknown
    } catch (error) {
      if (!(error instanceof Error)) throw error
      return E.left(badInput(what, path, 'a readable JSON file', describeError(error)))
    }
    const decoded = codec.decode(value)
    if (E.isRight(decoded)) return decoded
    const [first] = codecFaults(decoded.left)
    return E.left(badInput(what, path, `${first!.key}: ${first!.expected}`, first!.got))
  }
