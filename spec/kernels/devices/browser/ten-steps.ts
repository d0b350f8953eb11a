import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Device } from '../../../../kernels'
import { initParameters, pairConfig, parameterAvals, type PairParams } from '../../../../models'
import { batchAt } from '../../../../training/data/batch'
import { packedBlocks, type Blocks } from '../../../../training/data/blocks'
import { openTrainer } from '../../../../training/loop'
import { tNlrV5 } from '../../../../training/objectives'
import { adamW, linearWarmupDecay } from '../../../../training/optim'
import { batchAvals } from '../../../../training/pretrain/shapes'

const seed = 7

/** Sizes of a run of tiny: its own, and some that a GPU in software takes. */
export interface Sizes {
  readonly batch: number
  readonly seq: number
  readonly vocab: number
  /** Of the main encoder. */
  readonly layers: number
}
export const own: Sizes = { batch: 16, seq: 64, vocab: 2048, layers: 3 }
export const smallest: Sizes = { batch: 4, seq: 16, vocab: 256, layers: 1 }

/** Blocks of ids without meaning: 64 rows. */
const blocksOf = ({ seq, vocab }: Sizes): Blocks =>
  packedBlocks({
    tokens: Int32Array.from({ length: 64 * seq }, (_, i) =>
      i % seq === 0 ? 0 : 5 + ((Math.imul(i, 2654435761) >>> 8) % (vocab - 5)),
    ),
    count: 64,
    seqLength: seq,
    vocabSize: vocab,
    specials: { cls: 0, pad: 1, sep: 2, unk: 3, mask: 4 },
    packedTokens: 64 * (seq - 1),
    droppedTokens: 0,
  })

export interface TenSteps {
  readonly backend: string
  readonly losses: readonly number[]
  /** A hash of the bits of every parameter and moment after the last step. */
  readonly bits: { readonly [name: string]: number }
}

const orThrow = async <T>(task: TE.TaskEither<unknown, T>): Promise<T> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

/** FNV-1a over words. */
const hashOf = (data: ArrayLike<number>): number => {
  let hash = 0x811c9dc5
  for (const word of new Uint32Array(Float32Array.from(data).buffer)) hash = Math.imul(hash ^ word, 0x01000193)
  return hash >>> 0
}

/** Ten pretraining steps of the tiny pair on a device, which is closed then. */
export const tenSteps = async (device: Device, sizes: Sizes): Promise<TenSteps> => {
  const { batch, seq, vocab, layers } = sizes
  const blocks = blocksOf(sizes)
  const config = { ...pairConfig('tiny', vocab, seq), mainLayers: layers }
  const schedule = linearWarmupDecay(3e-3, 3, 10)
  const trainer = await orThrow(
    openTrainer<PairParams>({
      device,
      loss: tNlrV5(config),
      optimizer: adamW({ b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay: 0.01, clipNorm: 2, rate: schedule }),
      schedule,
      params: parameterAvals(config),
      batch: batchAvals(batch, seq),
      seed,
      tokensPerStep: batch * seq,
    }),
  )
  const first = [...initParameters(config, seed)].map(([path, data]) => [`params/${path}`, data] as const)
  let state = await orThrow(trainer.start(new Map(first)))
  const losses: number[] = []
  for (let step = 0; step < 10; step++) {
    const next = await orThrow(trainer.step(state, [batchAt(blocks, { batch, seed, step })]))
    state = next.state
    losses.push(next.record.loss)
  }
  const arrays = await orThrow(trainer.read(state))
  await device.close()
  return {
    backend: device.backend.detail,
    losses,
    bits: Object.fromEntries([...arrays].map(([name, data]) => [name, hashOf(data)])),
  }
}
