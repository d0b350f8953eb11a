import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import * as assert from 'uvu/assert'
import { add, cast, eq, mean, mul, reduceMax, sqrt, sub, type Aval } from '../../core'
import { referenceDevice, withPolicy, type HostArray } from '../../kernels'
import { initParameters, parameterAvals, type PairParams } from '../../models'
import { microBatchesAt } from '../../training/data/batch'
import { openTrainer, type StepRecord, type Trainer } from '../../training/loop'
import { tNlrV5, type LossFn } from '../../training/objectives'
import { adamW, linearWarmupDecay, type GradientTransformation } from '../../training/optim'
import { lossScaled, scalerFlavours } from '../../training/scaling'
import { residentAvals } from '../../training/step'
import { describe } from '../harness'
import { assertClose } from '../kit'
import { specimenBlocks } from './data/block-specimens'
import { asInputs, hostBatch, pair } from './objectives/specimens'

const [batch, T, steps] = [4, 12, 3]
const blocks = specimenBlocks(64, T, pair.vocab, 5)
const schedule = linearWarmupDecay(0.01, 1, 8)
const adam = adamW({ b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay: 0.1, clipNorm: 0.5, rate: schedule })
const scaled = lossScaled(scalerFlavours.fairseq, adam)

const orThrow = async <A>(task: TE.TaskEither<object, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

/** Avals of the first `rows` rows of a batch. */
const avalsOf = (rows: number): { readonly [name: string]: Aval } =>
  Object.fromEntries(Object.entries(asInputs(hostBatch(0, batch, [0, rows]))).map(([name, e]) => [name, e.aval]))
const wanted = (step: number) => ({ batch, seed: 9, step, maskRate: 0.3 })

const trainerOf = (loss: LossFn<PairParams>, optimizer: GradientTransformation, microBatches: number) =>
  orThrow<Trainer>(
    openTrainer<PairParams>({
      device: referenceDevice(),
      loss,
      optimizer,
      schedule,
      params: parameterAvals(pair),
      batch: avalsOf(batch / microBatches),
      microBatches,
      seed: 3,
      tokensPerStep: batch * T,
    }),
  )

type Arrays = ReadonlyMap<string, HostArray>
interface Ran {
  /** After each step. */
  readonly states: readonly Arrays[]
  readonly records: readonly StepRecord[]
  readonly exhausted: readonly boolean[]
}

const ran = async (loss: LossFn<PairParams>, optimizer: GradientTransformation, microBatches: number): Promise<Ran> => {
  const trainer = await trainerOf(loss, optimizer, microBatches)
  const first = [...initParameters({ ...pair, initStd: 0.3 }, 1)].map(
    ([path, data]) => [`params/${path}`, data] as const,
  )
  let state = await orThrow(trainer.start(new Map(first)))
  const [states, records, exhausted]: [Arrays[], StepRecord[], boolean[]] = [[], [], []]
  for (let step = 0; step < steps; step++) {
    const taken = await orThrow(trainer.step(state, microBatchesAt(blocks, wanted(step), batch / microBatches)))
    state = taken.state
    states.push(await orThrow(trainer.read(state)))
    records.push(taken.record)
    exhausted.push(taken.isExhausted)
  }
  return { states, records, exhausted }
}

/** The numbers of a step's log, without the clock's. */
const numbersOf = ({ metrics, tokensPerSecond: _, backend: _backend, skipped, ...rest }: StepRecord) => ({
  ...metrics,
  ...rest,
  skipped: Number(skipped),
})

/** Σ (got - want)² ≤ tolerance² Σ want². */
const assertNear = (got: HostArray, want: HostArray, tolerance: number, label: string): void => {
  const norm = (f: (i: number) => number): number => Math.hypot(...Array.from(want, (_, i) => f(i)))
  const error = norm((i) => got[i]! - want[i]!)
  assert.ok(error <= tolerance * norm((i) => want[i]!), `${label}: off by ${error} of ${norm((i) => want[i]!)}`)
}

/** Every number of every step: parameters, moments, loss scale, log. */
const assertSame = (got: Ran, want: Ran, tolerance: number): void => {
  for (let step = 0; step < steps; step++) {
    assert.equal([...got.states[step]!.keys()].sort(), [...want.states[step]!.keys()].sort())
    for (const [name, array] of want.states[step]!)
      assertClose(got.states[step]!.get(name)!, array, { tolerance, label: `${name} after step ${step + 1}` })
    const [a, b] = [got, want].map(({ records }) => Object.entries(numbersOf(records[step]!)).sort())
    assert.equal(
      a!.map(([name]) => name),
      b!.map(([name]) => name),
    )
    b!.forEach(([name, x], i) => assertClose([a![i]![1]], [x], { tolerance, label: `${name} of step ${step + 1}` }))
  }
  assert.equal(got.exhausted, want.exhausted)
}

const plain = tNlrV5(pair)
const half = withPolicy({ compute: 'f16' })(plain)

/** A loss whose gradient, and not its value, is NaN in the micro-batch that holds an example. */
const planted =
  (loss: LossFn<PairParams>, example: number): LossFn<PairParams> =>
  (params, inputs, key) => {
    const parts = loss(params, inputs, key)
    const left = sub(1, reduceMax(cast(eq(inputs.exampleLo, example), 'f32'))) // 0 there: the root's slope is infinite
    return { ...parts, loss: add(parts.loss, sub(sqrt(add(left, mul(mean(params.embedding.token), 0))), left)) }
  }

/**
 * In halves products over rows, the gradients of weights, are rounded in each micro-batch: what is made of them is near. Not so parameters:
 * Adam makes whole steps of the noise in a gradient that is 0, as that of the keys' bias is.
 */
const assertNearInHalves = (got: Ran, want: Ran): void => {
  for (const [step, { loss, gradNorm, skipped, lossScale, lr }] of want.records.entries()) {
    const record = got.records[step]!
    assertClose([record.loss, record.gradNorm], [loss, gradNorm], { tolerance: 2 ** -9 })
    assert.equal([record.skipped, record.lossScale, record.lr], [skipped, lossScale, lr])
  }
  for (const [name, array] of want.states[0]!)
    if (/^optimizer\/inner\/adam\/[mv]\//.test(name)) assertNear(got.states[0]!.get(name)!, array, 2 ** -7, name)
}

describe('training/step: micro-batches', (test) => {
  for (const [name, optimizer] of Object.entries({ plain: adam, 'under a loss scale': scaled }))
    test(`${name}: a step of 2 and of 4 micro-batches is the step of the whole batch: parameters, moments, log`, async () => {
      const whole = await ran(plain, optimizer, 1)
      assert.ok(whole.records.every((r) => Number.isFinite(r.gradNorm) && !r.skipped))
      for (const microBatches of [2, 4]) assertSame(await ran(plain, optimizer, microBatches), whole, 1e-12)
    })

  test('in f16 under a loss scale: the same up to what micro-batches round', async () => {
    const whole = await ran(half, scaled, 1)
    assert.ok(whole.records.every((r) => Number.isFinite(r.gradNorm) && !r.skipped))
    for (const microBatches of [2, 4]) assertNearInHalves(await ran(half, scaled, microBatches), whole)
  })

  for (const [name, loss] of Object.entries({ f32: plain, f16: half }))
    test(`${name}: an overflow in one micro-batch skips the whole step, as it does in one plan`, async () => {
      const overflowing = planted(loss, batch + 2) // the third row of step 2
      const whole = await ran(overflowing, scaled, 1)
      for (const microBatches of [2, 4]) {
        const cut = await ran(overflowing, scaled, microBatches)
        if (name === 'f32') assertSame(cut, whole, 1e-12)
        else assertNearInHalves(cut, whole)
        assert.equal(
          cut.records.map((r) => [r.skipped, r.lossScale]),
          [
            [false, 128],
            [true, 128],
            [false, 64],
          ],
        )
        for (const [path, before] of cut.states[0]!)
          if (!path.startsWith('optimizer/scaler/') && path !== 'optimizer/skipped')
            assert.equal(cut.states[1]!.get(path), before, path)
      }
    })

  test('an overflow at the least scale is told as the end of the run', async () => {
    const rule = { ...scalerFlavours.deepspeed, init: 1, hysteresis: 1 }
    const { exhausted } = await ran(planted(plain, batch + 2), lossScaled(rule, adam), 2)
    assert.is(exhausted[1], true)
    assert.is(exhausted[0], false)
  })

  test('control: means over the rows that are here do not add up', async () => {
    const means: LossFn<PairParams> = (params, inputs, key) => {
      const { loss, metrics } = plain(params, inputs, key)
      const rows = inputs.tokens.aval.shape[0]!
      return { loss: mul(loss, batch / rows), metrics }
    }
    const [whole, cut] = [await ran(means, adam, 1), await ran(means, adam, 2)]
    assert.ok(Math.abs(cut.records[0]!.loss / whole.records[0]!.loss - 2) < 0.01)
  })

  test('what is carried from step to step is what one plan carries; gradients and sums are gone', async () => {
    const { states } = await ran(plain, scaled, 4)
    assert.equal([...states[0]!.keys()].sort(), [...residentAvals(scaled, parameterAvals(pair)).keys()].sort())
  })

  test('a micro-batch is asked for when it is computed, and as many are taken as the trainer was made for', async () => {
    const trainer = await trainerOf(plain, adam, 2)
    const first = [...initParameters(pair, 1)].map(([path, data]) => [`params/${path}`, data] as const)
    const state = await orThrow(trainer.start(new Map(first)))
    let made = 0
    const counted = function* (rows: number) {
      for (const data of microBatchesAt(blocks, wanted(0), rows)) {
        made += 1
        yield data
      }
    }
    const task = trainer.step(state, counted(2))
    assert.is(made, 0)
    await orThrow(task)
    assert.is(made, 2)
    const two = [...microBatchesAt(blocks, wanted(0), 2)]
    for (const wrong of [two.slice(1), [...two, ...two]]) {
      const fresh = await orThrow(trainer.start(new Map(first)))
      let refused: unknown
      await trainer
        .step(fresh, wrong)()
        .catch((error: unknown) => (refused = error))
      assert.instance(refused, RangeError)
      assert.match((refused as RangeError).message, /expected 2 micro-batches, got (1|more)/)
    }
  })
})
