// A thread of shared.spec.ts: makes the exchanges it is told of, and posts what each gave.
import { parentPort, workerData } from 'node:worker_threads'
import * as E from 'fp-ts/Either'
import type { CollectiveName } from '../../../core'
import { sharedCommunicator, type SharedRanks } from '../../../training/ranks/shared'

export interface RankWork {
  readonly memory: SharedRanks
  readonly rank: number
  readonly asked: readonly (readonly [CollectiveName | 'end', Float32Array | Float64Array])[]
}
const { memory, rank, asked } = workerData as RankWork
const communicator = sharedCommunicator(memory, rank)
for (const [op, x] of asked) {
  if (op === 'end') process.exit(7)
  const given = await communicator.exchange(op, x)()
  parentPort!.postMessage(E.isLeft(given) ? given.left : given.right)
}
