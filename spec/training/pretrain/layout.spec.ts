import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import * as assert from 'uvu/assert'
import { layoutOf, type ComputeDType } from '../../../kernels'
import { webgpuDevice } from '../../../kernels/devices/webgpu'
import { initParameters, pairConfig, parameterAvals, type PairParams, type Remat } from '../../../models'
import { batchAvals } from '../../../training/pretrain/shapes'
import { microBatchesAt } from '../../../training/data/batch'
import { openTrainer } from '../../../training/loop'
import { tNlrV5 } from '../../../training/objectives'
import { forecaster } from '../../../training/pretrain/plan-run'
import { recipeOf } from '../../../training/pretrain/recipe'
import { describe } from '../../harness'
import { openGpujs } from '../../kernels/devices/open'
import { specimenBlocks } from '../data/block-specimens'

// spec: long

const [batch, seq, vocab, seed] = [8, 24, 300, 7]
// Software adapters compile for long: one layer each.
const config = { ...pairConfig('tiny', vocab, seq), mainLayers: 1, auxLayers: 1 }
const blocks = specimenBlocks(64, seq, vocab, 5)

const orThrow = async <T>(task: TE.TaskEither<unknown, T>): Promise<T> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

/** Most bytes that a few steps had on the GPU at once, and what was foretold. */
const taken = async (precision: ComputeDType, microBatch: number, remat: Remat) => {
  const device = await orThrow(webgpuDevice())
  const settings = { precision, lossScale: precision === 'f16' ? 'fairseq' : 'none' }
  const forecast = forecaster(config, batch, settings, { maxInputs: device.maxInputs, layout: layoutOf(device.name) })
  const predicted = forecast({ microBatch, remat })
  if (E.isLeft(predicted)) throw predicted.left
  const rest = { lr: 1e-4, warmup: 1, steps: 4, weightDecay: 0.01, clip: 2 }
  const { loss, optimizer, rate } = recipeOf({ ...rest, ...settings }, tNlrV5({ ...config, remat }))
  const trainer = await orThrow(
    openTrainer<PairParams>({
      device,
      loss,
      optimizer,
      schedule: rate,
      params: parameterAvals(config),
      batch: batchAvals(microBatch, seq),
      microBatches: batch / microBatch,
      seed,
      tokensPerStep: batch * seq,
    }),
  )
  const first = new Map([...initParameters(config, seed)].map(([path, data]) => [`params/${path}`, data]))
  let state = await orThrow(trainer.start(first))
  const losses: number[] = []
  for (let step = 0; step < 3; step++) {
    const next = await orThrow(trainer.step(state, microBatchesAt(blocks, { batch, seed, step }, microBatch)))
    state = next.state
    losses.push(next.record.loss)
  }
  const { peak } = device.memory!()
  await device.close()
  return { peak, predicted: predicted.right.peakBytes, losses }
}

describe('training/pretrain: memory of a step on gpujs:webgpu', (test) => {
  for (const [precision, microBatch, remat] of [
    ['f32', 8, 'none'],
    ['f16', 4, 'layers'],
  ] as const)
    test(`${precision}, ${microBatch} of ${batch} rows at once, remat ${remat}: foretold within a tenth`, async () => {
      if ((await openGpujs('webgpu')) === null) return
      const { peak, predicted, losses } = await taken(precision, microBatch, remat)
      assert.ok(Math.abs(peak / predicted - 1) < 0.1, `${peak} bytes at most, foretold ${predicted}`)
      assert.ok(losses.every(Number.isFinite) && losses[2]! < losses[0]!)
    })
})
