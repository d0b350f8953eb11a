import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import * as assert from 'uvu/assert'
import { referenceDevice, type ComputeDType, type Device } from '../../../kernels'
import { initParameters, parameterAvals, type PairConfig, type PairParams } from '../../../models'
import { batchAt } from '../../../training/data/batch'
import { openTrainer, type StepRecord } from '../../../training/loop'
import { objectives } from '../../../training/objectives'
import { recipeOf } from '../../../training/pretrain/recipe'
import { batchAvals } from '../../../training/pretrain/shapes'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { openGpujs, openWasm } from '../../kernels/devices/open'
import { cutBlocks, specimenBlocks } from '../data/block-specimens'
import { pair } from '../objectives/specimens'

// spec: long

const orThrow = async <A>(task: TE.TaskEither<object, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

const [B, T] = [4, 12]
const config: PairConfig = { ...pair, initStd: 0.3 }
const blocks = cutBlocks(specimenBlocks(64, T, pair.vocab, 5), (row) => 2 + ((row * 7) % 11))
const recipe = { lr: 0.01, warmup: 1, steps: 8, weightDecay: 0.1, clip: 0.5 }

/** What two steps on padded rows log. */
const logged = async (device: Device, name: string, precision: ComputeDType): Promise<readonly StepRecord[]> => {
  const objective = objectives[name]!
  const { loss, optimizer, rate } = recipeOf({ ...recipe, precision, lossScale: 'none' }, objective(config))
  const trainer = await orThrow(
    openTrainer<PairParams>({
      device,
      loss,
      optimizer,
      schedule: rate,
      params: parameterAvals(config, objective.heads),
      batch: batchAvals(B, T, 0.3, true),
      seed: 3,
      tokensPerStep: B * T,
    }),
  )
  const first = [...initParameters(config, 1, objective.heads)].map(([path, data]) => [`params/${path}`, data] as const)
  let state = await orThrow(trainer.start(new Map(first)))
  const records: StepRecord[] = []
  for (const step of [0, 1]) {
    const batch = batchAt(blocks, { batch: B, seed: 9, step, maskRate: 0.3 })
    const taken = await orThrow(trainer.step(state, [batch]))
    state = taken.state
    records.push(taken.record)
  }
  trainer.dispose()
  return records
}

const devices: Readonly<Record<string, () => Promise<Device | null>>> = {
  wasm: () => openWasm({ threads: 2 }),
  'gpujs:cpu': () => openGpujs('cpu'),
  'gpujs:webasm': () => openGpujs('webasm'),
  'gpujs:webgpu': () => openGpujs('webgpu'),
}

const everywhere = Object.keys(devices)
const quick = everywhere.filter((kind) => kind !== 'gpujs:webgpu') // in software its kernels are compiled for minutes

describe('training/pretrain: steps on padded rows', (test) => {
  for (const [name, precision, tolerance, kinds] of [
    ['t-nlrv5', 'f32', 1e-4, everywhere],
    ['coco-lm', 'f32', 1e-4, quick],
    ['t-nlrv5', 'f16', 2e-2, quick],
  ] as const)
    for (const kind of kinds)
      test(`${name} in ${precision} on ${kind}: what the reference logs`, async () => {
        const device = await devices[kind]!()
        if (device === null) return
        const [got, want] = [await logged(device, name, precision), await logged(referenceDevice(), name, precision)]
        want.forEach(({ loss, gradNorm, metrics }, step) => {
          const numbers = ({ loss: l, gradNorm: g, metrics: m }: StepRecord) => Object.entries({ l, g, ...m })
          assert.ok(loss > 0 && gradNorm > 0 && metrics['rtd']! > 0)
          for (const [i, [key, x]] of numbers(want[step]!).entries())
            assertClose([numbers(got[step]!)[i]![1]], [x], { tolerance, label: `${key} of step ${step + 1}` })
        })
      })
})
