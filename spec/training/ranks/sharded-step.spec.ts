import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import * as assert from 'uvu/assert'
import { leavesOf, sizeOf, type Aval } from '../../../core'
import { referenceDevice, wasmDevice, withPolicy, type Device, type HostArray } from '../../../kernels'
import { initParameters, parameterAvals, type PairParams } from '../../../models'
import { microBatchesAt } from '../../../training/data/batch'
import { openTrainer, type RunState, type StepRecord, type Trainer } from '../../../training/loop'
import { tNlrV5 } from '../../../training/objectives'
import { adamW, linearWarmupDecay, zeroSharded, type GradientTransformation } from '../../../training/optim'
import { solo, type Communicator } from '../../../training/ranks/communicator'
import { meeting } from '../../../training/ranks/meeting'
import { lossScaled, scalerFlavours } from '../../../training/scaling'
import { rankInput, residentAvals } from '../../../training/step'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { specimenBlocks } from '../data/block-specimens'
import { asInputs, hostBatch, pair } from '../objectives/specimens'

const [batch, T, steps] = [4, 12, 3]
const blocks = specimenBlocks(64, T, pair.vocab, 5)
const schedule = linearWarmupDecay(0.01, 1, 8)
const adamWith = (clipNorm: number, ranks: number): GradientTransformation =>
  adamW({ b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay: 0.1, clipNorm, rate: schedule, ranks })
const shardedOver = (ranks: number, inner: GradientTransformation): GradientTransformation =>
  ranks === 1 ? inner : zeroSharded({ ranks, rank: rankInput() })(inner)

const right = async <A>(task: TE.TaskEither<object, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}
const avalsOf = (rows: number): { readonly [name: string]: Aval } =>
  Object.fromEntries(Object.entries(asInputs(hostBatch(0, batch, [0, rows]))).map(([name, e]) => [name, e.aval]))
const first = new Map(
  [...initParameters({ ...pair, initStd: 0.3 }, 1)].map(([path, data]) => [`params/${path}`, data] as const),
)

interface Ran {
  readonly state: ReadonlyMap<string, HostArray>
  readonly records: readonly StepRecord[]
}
type Policy = 'f32' | 'f16'

/** Steps of one rank: of a global batch it takes its share of the micro-batches, each of one rank's rows. */
const runRank = async (
  device: Device,
  communicator: Communicator,
  optimizer: GradientTransformation,
  shares: number,
  policy: Policy,
): Promise<Ran> => {
  const { rank, ranks } = communicator
  const plain = tNlrV5(pair)
  const own = shares / ranks
  const trainer = await right<Trainer>(
    openTrainer<PairParams>({
      device,
      communicator,
      loss: policy === 'f32' ? plain : withPolicy({ compute: policy })(plain),
      optimizer,
      schedule,
      params: parameterAvals(pair),
      batch: avalsOf(batch / shares),
      microBatches: own,
      seed: 3,
      tokensPerStep: batch * T,
    }),
  )
  let state: RunState = await right(trainer.start(first))
  const records: StepRecord[] = []
  for (let step = 0; step < steps; step++) {
    const all = [...microBatchesAt(blocks, { batch, seed: 9, step, maskRate: 0.3 }, batch / shares)]
    const taken = await right(trainer.step(state, all.slice(rank * own, (rank + 1) * own)))
    state = taken.state
    records.push(taken.record)
  }
  const read = await right(trainer.read(state))
  trainer.dispose()
  return { state: read, records }
}

type Open = () => Promise<Device>
const ranksOf = async (
  open: Open,
  ranks: number,
  optimizer: (ranks: number) => GradientTransformation,
  shares = ranks,
  policy: Policy = 'f32',
): Promise<readonly Ran[]> => {
  const runs = await Promise.all(
    (ranks === 1 ? [solo] : meeting(ranks)).map(async (communicator) => {
      const device = await open()
      const ran = await runRank(device, communicator, optimizer(ranks), shares, policy)
      await device.close()
      return ran
    }),
  )
  return runs
}
const params = ({ state }: Ran): readonly (readonly [string, HostArray])[] =>
  [...state].filter(([name]) => name.startsWith('params/'))
const logged = ({ records }: Ran): readonly number[] =>
  records.flatMap(({ metrics, loss, lr }) => [
    loss,
    lr,
    ...Object.entries(metrics)
      .sort()
      .map(([, x]) => x),
  ])

const devices: { readonly [name: string]: Open } = {
  reference: () => Promise.resolve(referenceDevice()),
  wasm: () => right(wasmDevice({ threads: 1, matmul: 'wasm' })),
}

describe('training/ranks: a step of several', (test) => {
  for (const [name, open] of Object.entries(devices))
    for (const ranks of [2, 4])
      test(`${name}, ${ranks} ranks: bit for bit the step of one rank with as many micro-batches; all have the same parameters`, async () => {
        const optimizer = (n: number): GradientTransformation => shardedOver(n, adamWith(0, n))
        const [want] = await ranksOf(open, 1, optimizer, ranks)
        const got = await ranksOf(open, ranks, optimizer)
        for (const ran of got) {
          for (const [path, array] of params(want!)) assert.equal([...ran.state.get(path)!], [...array], path)
          assert.equal(logged(ran), logged(want!))
        }
      })

  test('two ranks with two micro-batches each, clipping by the norm of all: to rounding', async () => {
    const optimizer = (n: number): GradientTransformation => shardedOver(n, adamWith(0.5, n))
    const [want] = await ranksOf(devices['reference']!, 1, optimizer, 4)
    for (const ran of await ranksOf(devices['reference']!, 2, optimizer, 4)) {
      for (const [path, array] of params(want!))
        assertClose(ran.state.get(path)!, array, { tolerance: 1e-10, label: path })
      ran.records.forEach(({ gradNorm }, i) => assertClose([gradNorm], [want!.records[i]!.gradNorm], { tolerance: 1e-12, label: 'norm' })) // prettier-ignore
    }
  })

  test('halves under a loss scale: whether a step counts is decided by all', async () => {
    // A first scale at which the gradients of one rank's rows overflow.
    const rule = { ...scalerFlavours.fairseq, init: 2 ** 40 }
    const optimizer = (n: number): GradientTransformation => shardedOver(n, lossScaled(rule, adamWith(0.5, n), n))
    const [want] = await ranksOf(devices['reference']!, 1, optimizer, 2, 'f16')
    const got = await ranksOf(devices['reference']!, 2, optimizer, 2, 'f16')
    assert.ok(want!.records.some((r) => r.skipped))
    for (const ran of got) {
      assert.equal(ran.records.map((r) => [r.skipped, r.lossScale]), want!.records.map((r) => [r.skipped, r.lossScale])) // prettier-ignore
      for (const [path, array] of params(want!)) assertClose(ran.state.get(path)!, array, { tolerance: 1e-6, label: path }) // prettier-ignore
    }
  })

  test('of N ranks each holds 1/N of the moments', () => {
    const size = leavesOf<Aval>(parameterAvals(pair)).reduce((n, [, { shape }]) => n + sizeOf(shape), 0)
    for (const ranks of [2, 4, 8]) {
      const held = [...residentAvals(shardedOver(ranks, adamWith(0, ranks)), parameterAvals(pair))]
        .filter(([name]) => /^optimizer\/adam\/[mv]\//.test(name))
        .reduce((n, [, { shape }]) => n + sizeOf(shape), 0)
      assert.is(held, 2 * Math.ceil(size / ranks))
    }
  })

  test('ranks that part ways are told which, and what each asked for', async () => {
    const [one, two, three] = meeting(3) as [Communicator, Communicator, Communicator]
    const asked = await Promise.all([
      one.exchange('allReduce', new Float32Array(3))(),
      two.exchange('allReduce', new Float32Array(3))(),
      three.exchange('allGather', new Float32Array(2))(),
    ])
    for (const answer of asked) {
      if (E.isRight(answer)) throw new Error('it was exchanged')
      assert.equal(
        [answer.left.what, answer.left.expected, answer.left.got],
        ['rank 2', 'allReduce of 3 numbers, as of rank 0', 'allGather of 2 numbers'],
      )
    }
  })
})
