import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import type { CollectiveName } from '../../../core'
import type { DeviceFault, HostArray } from '../../../kernels'
import { meeting } from '../../../training/ranks/meeting'
import { sharedRanks, tellGone } from '../../../training/ranks/shared'
import { describe } from '../../harness'
import type { RankWork } from './rank-thread'

type Given = HostArray | DeviceFault
type Asked = RankWork['asked']

/** What threads of their own were given for what they asked; one that ends early is told of. */
const threads = async (byRank: readonly Asked[], width: number): Promise<readonly (readonly Given[])[]> => {
  const memory = sharedRanks(byRank.length, width)
  return Promise.all(
    byRank.map(
      (asked, rank) =>
        new Promise<readonly Given[]>((done, failed) => {
          const given: Given[] = []
          const workerData: RankWork = { memory, rank, asked }
          const worker = new Worker(new URL('thread.mjs', import.meta.url), { workerData })
          worker.on('message', (one: Given) => given.push(one))
          worker.on('error', failed)
          worker.on('exit', (code) => {
            if (code !== 0) tellGone(memory, rank)
            done(given)
          })
        }),
    ),
  )
}
/** The same by ranks that take turns in one thread. */
const inTurn = async (byRank: readonly Asked[]): Promise<readonly (readonly HostArray[])[]> =>
  Promise.all(
    meeting(byRank.length).map(async (communicator, rank) => {
      const given: HostArray[] = []
      for (const [op, x] of byRank[rank]!) {
        const one = await communicator.exchange(op as CollectiveName, x)()
        if (E.isLeft(one)) throw new Error(JSON.stringify(one.left))
        given.push(one.right)
      }
      return given
    }),
  )

const numbers = (rank: number, length: number, wide: boolean): Float32Array | Float64Array => {
  const all = Array.from({ length }, (_, i) => Math.sin(1 + i * 1.7 + rank * 3.1) / 3)
  return wide ? Float64Array.from(all) : Float32Array.from(all)
}
const exchanges = fc.record({
  ranks: fc.integer({ min: 2, max: 4 }),
  width: fc.integer({ min: 4, max: 9 }),
  asked: fc.array(
    fc.record({
      op: fc.constantFrom<CollectiveName>('allReduce', 'reduceScatter', 'allGather'),
      k: fc.integer({ min: 0, max: 30 }),
      wide: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  ),
})

describe('training/ranks/shared', (test) => {
  test('threads are given what ranks in one thread are, bit for bit, however many turns it takes', () =>
    fc.assert(
      fc.asyncProperty(exchanges, async ({ ranks, width, asked }) => {
        const byRank = Array.from({ length: ranks }, (_, r): Asked =>
          asked.map(({ op, k, wide }) => [op, numbers(r, op === 'reduceScatter' ? ranks * k : k, wide)] as const),
        )
        assert.equal(await threads(byRank, width), await inTurn(byRank))
      }),
      { seed: 20211202, numRuns: 12 },
    ))

  test('a thread that ends is named to all that wait for it, at once', async () => {
    const x = new Float32Array(5)
    const given = await threads(
      [
        [
          ['allReduce', x],
          ['allReduce', x],
        ],
        [
          ['allReduce', x],
          ['end', x],
        ],
        [
          ['allReduce', x],
          ['allReduce', x],
        ],
      ],
      8,
    )
    for (const rank of [0, 2]) {
      const fault = given[rank]![1] as DeviceFault
      assert.equal([fault.what, fault.expected, fault.got], ['rank 1', 'an exchange with all ranks', 'its end'])
    }
    assert.is(given[1]!.length, 1)
  })

  test('ranks that ask for different exchanges are told which does', async () => {
    const given = await threads([[['allReduce', new Float32Array(4)]], [['allGather', new Float32Array(4)]]], 8)
    for (const [fault] of given as readonly (readonly DeviceFault[])[])
      assert.equal([fault!.what, fault!.expected, fault!.got], ['rank 1', 'allReduce of 4 numbers, as of rank 0', 'allGather of 4 numbers']) // prettier-ignore
  })
})
