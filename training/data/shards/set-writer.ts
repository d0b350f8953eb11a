import { createHash } from 'node:crypto'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import { atomicWrite } from '../../checkpoint/atomic-write'
import type { Fault } from '../../fault'
import type { SpecialIds } from '../tokenizer/spec'
import { begunBefore, blockPacker, type EncodedDocument, type Place } from '../packing'
import { shardFile, type BuildPlan, type SetName, type Shard, type ShardSet } from './manifest'

export interface SetWriterConfig {
  readonly folder: string
  readonly set: SetName
  readonly plan: BuildPlan
  readonly specials: SpecialIds
  /** Shards that are written already: it goes on after the last of them. */
  readonly kept: readonly Shard[]
  /** Told of every shard once it is on the disk. */
  readonly written: (shard: Shard) => Promise<E.Either<Fault, void>>
}

/** Packs the documents of one set and writes shards as they become full. Memory: one shard, and the document being packed. */
export interface SetWriter {
  /** The first document that is wanted, and how much of it is packed already. */
  readonly start: Place
  readonly shards: readonly Shard[]
  readonly add: (document: EncodedDocument, from: number) => Promise<E.Either<Fault, void>>
  /** Writes the last shard. `documents`: of the whole set. */
  readonly finish: (documents: number) => Promise<E.Either<Fault, ShardSet>>
}

interface FullShard {
  readonly ids: Uint16Array | Uint32Array
  readonly blocks: number
  readonly tokens: number
  readonly until: Place
}

export const setWriter = (config: SetWriterConfig): SetWriter => {
  const { folder, set, plan, specials, kept, written } = config
  const { seqLength: T, shardBlocks, dtype } = plan
  const room = (): Uint16Array | Uint32Array =>
    dtype === 'u16' ? new Uint16Array(shardBlocks * T) : new Uint32Array(shardBlocks * T)
  const start = kept.at(-1)?.until ?? { document: 0, token: 0 }
  const shards = [...kept]
  const full: FullShard[] = []
  let ids = room()
  let blocks = 0
  let [tokens, until] = [0, start] // of the shards that are full
  let last = start // where the newest block ends
  const packer = blockPacker({ seqLength: T, packing: plan.packing, specials, start }, (block, next) => {
    ids.set(block, blocks * T)
    blocks += 1
    last = next
    if (blocks === shardBlocks) close()
  })
  const close = (): void => {
    const { packed } = packer.counts()
    full.push({ ids: ids.subarray(0, blocks * T), blocks, tokens: packed - tokens, until: last })
    tokens = packed
    ids = room()
    blocks = 0
  }
  const write = async (documents?: number): Promise<E.Either<Fault, void>> => {
    for (let shard = full.shift(); shard !== undefined; shard = full.shift()) {
      const file = shardFile(set, shards.length, dtype)
      const bytes = new Uint8Array(shard.ids.buffer, shard.ids.byteOffset, shard.ids.byteLength)
      const done = await atomicWrite(join(folder, file), [bytes])()
      if (E.isLeft(done)) return done
      const begun = documents !== undefined && full.length === 0 ? documents : begunBefore(shard.until)
      const record: Shard = {
        file,
        blocks: shard.blocks,
        tokens: shard.tokens,
        documents: begun - begunBefore(until),
        sha256: createHash('sha256').update(bytes).digest('hex'),
        until: shard.until,
      }
      until = shard.until
      shards.push(record)
      const told = await written(record)
      if (E.isLeft(told)) return told
    }
    return E.right(undefined)
  }
  return {
    start,
    shards,
    add: (document, from) => {
      packer.addDocument(document, from)
      return write()
    },
    finish: async (documents) => {
      packer.finish()
      if (blocks > 0) close()
      const done = await write(documents)
      if (E.isLeft(done)) return done
      const sum = (field: 'blocks' | 'tokens') => shards.reduce((n, shard) => n + shard[field], 0)
      return E.right({
        documents,
        blocks: sum('blocks'),
        tokens: sum('tokens'),
        dropped: packer.counts().dropped,
        shards,
      })
    },
  }
}
