import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { bytesOf, leafValues, ShapeError, sizeOf, type Aval } from '../../../core'
import { parameterAvals, pairConfig, rematNames, type Remat } from '../../../models'
import { showFault } from '../../../training/fault'
import { chooseFit, gigabytes, type FitSettings } from '../../../training/pretrain/fit-memory'
import { forecaster, forecastStep, type Fit, type StepForecast } from '../../../training/pretrain/plan-run'
import { recipeOf } from '../../../training/pretrain/recipe'
import { residentAvals } from '../../../training/step'
import type { StepCost } from '../../../training/step-cost'
import { describe } from '../../harness'

const rightOf = <A>(result: E.Either<object, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

/** Costs by rule, and what was asked. FLOPs: 1 a row, 1/60 or 1/3 more where attention or layers are recomputed, and some for each micro-batch. */
const work = { none: 1, attention: 1 + 1 / 60, layers: 4 / 3 }
const kept = { none: 1, attention: 0.75, layers: 0.25 }
const made = (gigabytesOf: (fit: Fit) => number, each = 1) => {
  const asked: string[] = []
  const predict = (fit: Fit): E.Either<ShapeError, StepCost> => {
    asked.push(`${fit.microBatch} ${fit.remat}`)
    const cost = { traffic: 1, workBytes: 1, arenaBytes: 1, buffers: 1, steps: 1, kernels: 1 }
    const flops = 64 * work[fit.remat] + (each * 64) / fit.microBatch
    return E.right({ ...cost, flops, peakBytes: Math.round(gigabytesOf(fit) * 1e9) })
  }
  return { asked, predict }
}
/** A state of 2 GB, sums of gradients of 1, and work by rows. */
const byRows = ({ microBatch, remat }: Fit): number => 2 + (microBatch === 64 ? 0 : 1) + microBatch * kept[remat]

const chosen = (settings: FitSettings, gigabytesOf = byRows, each = 1): string => {
  const { fit } = rightOf(chooseFit(settings, made(gigabytesOf, each).predict))
  return `${fit.microBatch} ${fit.remat}`
}
const refusal = (settings: FitSettings): string => {
  const result = chooseFit(settings, made(byRows).predict)
  if (E.isRight(result)) throw new Error(`fits: ${JSON.stringify(result.right.fit)}`)
  assert.is(result.left._tag, 'BadInput')
  return showFault(result.left)
}

const tiny = { ...pairConfig('tiny', 64, 32), dropout: 0.1 }
const bytesOfAll = (avals: readonly Aval[]): number =>
  avals.reduce((n, { dtype, shape }) => n + bytesOf(dtype) * sizeOf(shape), 0)
const parameterBytes = bytesOfAll(leafValues<Aval>(parameterAvals(tiny)))
const stateBytes = (() => {
  const settings = { precision: 'f32', lossScale: 'none', lr: 1, warmup: 1, steps: 2, weightDecay: 0, clip: 1 } as const
  const { optimizer } = recipeOf(settings, () => {
    throw new Error('only its optimizer is asked for')
  })
  return bytesOfAll([...residentAvals(optimizer, parameterAvals(tiny)).values()])
})()

describe('training/pretrain/fit-memory', (test) => {
  test('as many rows as fit, and attention or layers recomputed where that does less than as many micro-batches as it saves', () => {
    const at = (memory: number): string => chosen({ batch: 64, memory })
    assert.equal([100, 66, 65, 19, 17.5, 7, 4, 3.3].map(at), [
      '64 none',
      '64 none',
      '32 none',
      '16 none',
      '16 attention', // 65 + 4 FLOPs; 8 none: 64 + 8
      '4 none', // 64 + 16; 16 layers: 85 + 4
      '4 layers', // 85 + 16; 1 none: 64 + 64
      '1 layers', // nothing else
    ])
  })

  test('where micro-batches cost nothing rows are cut first, where they cost much layers are recomputed first', () => {
    assert.is(chosen({ batch: 64, memory: 20 }, byRows, 0), '16 none')
    assert.is(chosen({ batch: 64, memory: 20 }, byRows, 100), '64 layers')
  })

  test('what is given is kept', () => {
    assert.is(chosen({ batch: 64, memory: 20, remat: 'none' }), '16 none')
    assert.is(chosen({ batch: 64, memory: 100, remat: 'layers' }), '64 layers')
    assert.is(chosen({ batch: 64, memory: 100, microBatch: 2 }), '2 none')
    assert.is(chosen({ batch: 64, memory: 4, microBatch: 2 }), '2 layers')
    assert.is(chosen({ batch: 64, memory: 66, microBatch: 64, remat: 'none' }), '64 none')
  })

  test('a batch that is no power of two is cut by its divisors', () => {
    assert.is(
      chosen({ batch: 60, memory: 3 + 15, remat: 'none' }, (f) => 3 + f.microBatch),
      '15 none',
    )
  })

  test('few plans are made: one if all fits, and bisected else', () => {
    const count = (memory: number): number => {
      const { asked, predict } = made(byRows)
      chooseFit({ batch: 64, memory }, predict)
      assert.is(new Set(asked).size, asked.length, 'none twice')
      return asked.length
    }
    assert.is(count(100), 1)
    for (const memory of [65, 20, 10, 4, 3.3, 1]) assert.ok(count(memory) <= 12, `${count(memory)} at ${memory}`)
  })

  test('nothing fits: what was asked, the least there is with its settings, and what takes less', () => {
    assert.is(
      refusal({ batch: 64, memory: 3 }),
      [
        '--memory: expected a step in at most 3 GB, got 3.25 GB at the least, with --micro-batch 1 --remat layers',
        '  help: what takes less: a shorter --seq, a smaller --vocab or --preset, --precision f16',
      ].join('\n'),
    )
    assert.match(
      refusal({ batch: 64, memory: 3, microBatch: 8, remat: 'none' }),
      /got 11.0 GB at the least, with --micro-batch 8 --remat none\n.*: no --micro-batch, --remat layers, a shorter --seq/,
    )
  })

  test('a step that cannot be built is told as that', () => {
    const error = new ShapeError({ op: 'matmul', expected: 'x', got: 'y', path: ['main'] })
    const result = chooseFit({ batch: 4, memory: 1 }, () => E.left(error))
    assert.ok(E.isLeft(result))
    assert.match(showFault((result as E.Left<Parameters<typeof showFault>[0]>).left), /matmul: expected x, got y/)
  })

  test('gigabytes are rounded up to three digits', () => {
    assert.equal([5e9, 5.001e9, 12_345_678, 999_999_999].map(gigabytes), ['5.00 GB', '5.01 GB', '0.0124 GB', '1.00 GB'])
  })
})

describe('training/pretrain: forecasts of a cut step', (test) => {
  const batch = 16
  const forecast = forecaster(tiny, batch)
  const of = (microBatch: number, remat: Remat) => rightOf(forecast({ microBatch, remat }))

  test('the peak holds parameters, moments, sums of gradients and work at once', () => {
    const { peakBytes, workBytes, programs } = of(4, 'none')
    const accumulate = programs.find((p) => p.name === 'accumulate')!
    const reads = accumulate.plan.inputs.map((i) => i.name)
    assert.ok(!reads.some((name) => name.startsWith('optimizer/')), 'moments lie beside it')
    const sums = parameterBytes // one f32 for each
    assert.ok(peakBytes >= stateBytes + sums + accumulate.plan.cost.workBytes)
    assert.ok(peakBytes >= accumulate.plan.cost.peakBytes + (stateBytes - parameterBytes))
    assert.ok(workBytes >= accumulate.plan.cost.workBytes + sums)
    assert.ok(peakBytes < 1.5 * (stateBytes + workBytes), 'and little else')
  })

  test('a step of one program costs what its plan does; of more, each as often as it runs', () => {
    const whole = rightOf(forecastStep(tiny, batch))
    assert.equal(
      whole.programs.map((p) => [p.name, p.times]),
      [['step', 1]],
    )
    const { cost } = whole.programs[0]!.plan
    assert.equal([whole.flops, whole.peakBytes, whole.workBytes], [cost.flops, cost.peakBytes, cost.workBytes])
    const cut = of(2, 'layers')
    assert.equal(
      cut.programs.map((p) => [p.name, p.times]),
      [
        ['begin', 1],
        ['accumulate', 8],
        ['apply', 1],
      ],
    )
    assert.is(
      cut.flops,
      cut.programs.reduce((n, { times, plan }) => n + times * plan.cost.flops, 0),
    )
  })

  test('fewer rows take less memory and more FLOPs; so do recomputed attention and, further, layers', () => {
    for (const remat of rematNames)
      for (const rows of [8, 4, 2]) {
        const [more, less] = [of(rows, remat), of(rows / 2, remat)]
        assert.ok(less.peakBytes < more.peakBytes && less.flops > more.flops, `${rows} ${remat}`)
      }
    for (const rows of [16, 8, 4]) {
      const [none, attention, layers] = rematNames.map((remat) => of(rows, remat)) as [
        StepForecast,
        StepForecast,
        StepForecast,
      ]
      assert.ok(attention.peakBytes < none.peakBytes && layers.peakBytes < attention.peakBytes, String(rows))
      assert.ok(attention.flops > none.flops && layers.flops > attention.flops, String(rows))
    }
  })

  test('what is chosen fits, and nothing that fits does less', () => {
    const all = [16, 8, 4, 2, 1].flatMap((rows) => rematNames.map((remat) => of(rows, remat)))
    for (const { peakBytes: limit } of all) {
      const { cost } = rightOf(chooseFit({ batch, memory: limit / 1e9 }, forecast))
      assert.ok(cost.peakBytes <= limit)
      for (const other of all) {
        // Sums of micro-batches are counted, and so are sorts, which are smaller in each: in sum less than a hundredth.
        const least = other.microBatch >= cost.microBatch ? cost.flops : 0.99 * cost.flops
        assert.ok(other.peakBytes > limit || other.flops >= least, `${other.microBatch} ${other.remat} at ${limit}`)
      }
    }
  })
})
