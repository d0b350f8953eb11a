import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { aval } from '../../core'
import { assignSlots } from '../../kernels'
import type { KernelStep, PlanBuffer } from '../../kernels'
import { describe } from '../harness'

interface Life {
  readonly size: number
  readonly steps: number
}

/** Buffer i is written by step i and read last by step i + steps (or kept, where that is past the end). */
const planOf = (
  lives: readonly Life[],
): { readonly steps: readonly KernelStep[]; readonly buffers: readonly PlanBuffer[] } => ({
  buffers: lives.map(({ size }) => ({ aval: aval('f32', size), source: 'step' })),
  steps: lives.map((_, i) => ({
    kernel: 0,
    inputs: lives.flatMap((l, b) => (b < i && b + l.steps === i ? [b] : [])),
    output: i,
    frees: lives.flatMap((l, b) => (b <= i && b + l.steps === i ? [b] : [])),
    path: [],
  })),
})

const lives = fc.array(fc.record({ size: fc.integer({ min: 0, max: 40 }), steps: fc.nat(6) }), {
  minLength: 1,
  maxLength: 30,
})

describe('kernels/arena', (test) => {
  test('law: two buffers of one slot are never alive at once, and each fits', () => {
    fc.assert(
      fc.property(lives, (all) => {
        const { steps, buffers } = planOf(all)
        const { slotOf, slotBytes } = assignSlots(steps, buffers)
        all.forEach((a, i) => {
          assert.ok(slotBytes[slotOf[i]!]! >= 4 * a.size)
          all.forEach((b, j) => {
            // alive from its step to its last reader's, both included: the reader's output needs a place of its own
            if (j > i && slotOf[i] === slotOf[j]) assert.ok(j > i + a.steps, `${i} and ${j} share slot ${slotOf[i]}`)
            assert.ok(b.size >= 0)
          })
        })
      }),
      { seed: 11, numRuns: 500 },
    )
  })

  test('a chain needs two slots, whatever its length', () => {
    const { steps, buffers } = planOf(Array.from({ length: 20 }, () => ({ size: 10, steps: 1 })))
    assert.equal(assignSlots(steps, buffers).slotBytes, [40, 40])
  })

  test('a buffer goes where the least is wasted', () => {
    const sized = (sizes: readonly number[], steps: readonly number[]) =>
      planOf(sizes.map((size, i) => ({ size, steps: steps[i]! })))
    // 0 (large) and 1 (small) are dead when 3 (small) and 4 (large) come
    const { steps, buffers } = sized([100, 10, 1, 9, 90], [2, 1, 9, 9, 9])
    const { slotOf, slotBytes } = assignSlots(steps, buffers)
    assert.is(slotOf[4], slotOf[0])
    assert.is(slotOf[3], slotOf[1])
    assert.equal(
      [...slotBytes].sort((x, y) => x - y),
      [4, 40, 400],
    )
  })

  test('control: a plan that frees too early puts two live buffers in one slot', () => {
    const { steps, buffers } = planOf([
      { size: 4, steps: 3 },
      { size: 4, steps: 9 },
      { size: 3, steps: 9 },
    ])
    const early = steps.map((s, i) => (i === 0 ? { ...s, frees: [0] } : s))
    const { slotOf } = assignSlots(early, buffers)
    assert.is(slotOf[1], slotOf[0])
  })
})
