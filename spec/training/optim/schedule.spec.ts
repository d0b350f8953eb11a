import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluateOne, scalar } from '../../../core'
import { constantRate, linearWarmupDecay, type Schedule } from '../../../training/optim'
import { describe } from '../../harness'
import { assertClose } from '../../kit'

const at = (schedule: Schedule, step: number): number => evaluateOne(schedule(scalar(step)))[0]!

describe('training/optim/schedule', (test) => {
  test('ten of a hundred steps up, ninety down: the points by hand', () => {
    const rate = linearWarmupDecay(2, 10, 100)
    const points: readonly (readonly [number, number])[] = [
      [0, 0.2], // the first step is taken at peak / warm-up, not at 0
      [4, 1],
      [9, 2],
      [10, 2],
      [55, 1], // half way from 10 to 100
      [99, 2 / 90],
      [100, 0],
      [1000, 0],
    ]
    for (const [step, want] of points)
      assertClose([at(rate, step)], [want], { tolerance: 1e-14, label: `step ${step}` })
  })

  test('the base run: 10000 steps to 5e-4, then down to 0 at 125000 (recipe 3.1)', () => {
    const rate = linearWarmupDecay(5e-4, 10_000, 125_000)
    for (const [step, share] of [
      [0, 1 / 10_000],
      [4_999, 0.5],
      [9_999, 1],
      [10_000, 1],
      [67_500, 0.5],
      [125_000, 0],
    ] as const)
      assertClose([at(rate, step) / 5e-4], [share], { tolerance: 1e-13, label: `step ${step}` })
  })

  const runs = fc
    .tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 40 }))
    .map(([warmup, more]) => ({ warmup, total: warmup + more }))

  test('rises by equal amounts, touches the peak, falls by equal amounts, then stays 0', () =>
    fc.assert(
      fc.property(runs, ({ warmup, total }) => {
        const values = Array.from({ length: total + 5 }, (_, step) => at(linearWarmupDecay(1, warmup, total), step))
        assertClose([Math.max(...values)], [1], { tolerance: 1e-14 })
        values.forEach((v, step) => {
          if (step < warmup) assertClose([v], [(step + 1) / warmup], { tolerance: 1e-13, label: `step ${step}` })
          else if (step < total)
            assertClose([v], [(total - step) / (total - warmup)], { tolerance: 1e-13, label: `step ${step}` })
          else assert.is(v, 0)
        })
      }),
      { seed: 10, numRuns: 100 },
    ))

  test('a warm-up longer than the run never gives a rate below 0 or above the peak', () => {
    for (let step = 0; step < 20; step++) {
      const rate = at(linearWarmupDecay(3, 50, 10), step)
      assert.ok(rate >= 0 && rate <= 3, `step ${step}: ${rate}`)
    }
  })

  test('scaling the peak scales every rate; a constant rate is constant', () => {
    for (const step of [0, 3, 7, 12]) {
      assertClose([at(linearWarmupDecay(6, 5, 15), step)], [2 * at(linearWarmupDecay(3, 5, 15), step)], {
        tolerance: 1e-14,
      })
      assert.is(at(constantRate(0.25), step), 0.25)
    }
  })
})
