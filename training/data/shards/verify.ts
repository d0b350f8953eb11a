import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../checkpoint/atomic-write'
import { badInput, type Fault } from '../../fault'
import type { BuildPlan, Shard } from './manifest'

export const bytesPerId = { u16: 2, u32: 4 } as const

/** How many shards from the first on are whole and have the contents they were written with, and what is wrong with the next. */
export const wholeShards = async (
  folder: string,
  plan: BuildPlan,
  shards: readonly Shard[],
  check: typeof shardFault = shardFault,
): Promise<{ readonly count: number; readonly fault?: Fault }> => {
  for (const [count, shard] of shards.entries()) {
    const fault = await check(folder, plan, shard)
    if (fault !== undefined) return { count, fault }
  }
  return { count: shards.length }
}

/** A shard that is missing, or longer or shorter than its blocks. Nothing is read. */
export const sizeFault = async (folder: string, plan: BuildPlan, shard: Shard): Promise<Fault | undefined> => {
  const path = join(folder, shard.file)
  const bytes = shard.blocks * plan.seqLength * bytesPerId[plan.dtype]
  try {
    const { size } = await stat(path)
    if (size === bytes) return undefined
    return badInput('shard', path, `${bytes} bytes (${shard.blocks} blocks of ${plan.seqLength} ids)`, `${size}`, help)
  } catch (error) {
    return badInput('shard', path, 'a readable file', describeError(error), help)
  }
}

/** The same, or one whose contents are not those that were written. Reads all of it. */
export const shardFault = async (folder: string, plan: BuildPlan, shard: Shard): Promise<Fault | undefined> => {
  const wrong = await sizeFault(folder, plan, shard)
  if (wrong !== undefined) return wrong
  const path = join(folder, shard.file)
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array)
  } catch (error) {
    return badInput('shard', path, 'a readable file', describeError(error), help)
  }
  const found = hash.digest('hex')
  if (found === shard.sha256) return undefined
  return badInput('shard', path, `contents with sha256 ${shard.sha256.slice(0, 12)}`, found.slice(0, 12), help)
}

const help = 'the file has been altered since it was written: build the corpus again'
