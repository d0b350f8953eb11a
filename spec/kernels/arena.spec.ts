import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { aval } from '../../core'
import { arenaOf } from '../../kernels'
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
  test('law: buffers that are alive at once share no byte, and each lies in the arena', () => {
    fc.assert(
      fc.property(lives, (all) => {
        const { steps, buffers } = planOf(all)
        const { offsetOf, bytes } = arenaOf(steps, buffers)
        all.forEach((a, i) => {
          const end = offsetOf[i]! + 4 * a.size
          assert.ok(end <= bytes)
          all.slice(i + 1).forEach((b, k) => {
            // alive from its step to its last reader's, both included: the reader's output needs a place of its own
            const j = i + 1 + k
            if (j <= i + a.steps)
              assert.ok(offsetOf[j]! >= end || offsetOf[j]! + 4 * b.size <= offsetOf[i]!, `${i} and ${j} overlap`)
          })
        })
      }),
      { seed: 11, numRuns: 500 },
    )
  })

  test('a chain takes two of its buffers, whatever its length', () => {
    const { steps, buffers } = planOf(Array.from({ length: 20 }, () => ({ size: 10, steps: 1 })))
    assert.is(arenaOf(steps, buffers).bytes, 80)
  })

  test('a buffer goes where the least is wasted', () => {
    const { steps, buffers } = planOf([
      { size: 100, steps: 9 },
      { size: 30, steps: 3 },
      { size: 20, steps: 9 },
      { size: 10, steps: 1 },
      { size: 8, steps: 9 },
      { size: 7, steps: 9 }, // the places of 1 (30) and 3 (10) are free
    ])
    const { offsetOf, bytes } = arenaOf(steps, buffers)
    assert.is(offsetOf[5], offsetOf[3])
    assert.is(bytes, 4 * (100 + 30 + 20 + 10 + 8))
  })

  test('a gap is shared by several small buffers', () => {
    const { steps, buffers } = planOf([
      { size: 100, steps: 1 },
      { size: 10, steps: 9 },
      { size: 60, steps: 9 },
      { size: 40, steps: 9 },
    ])
    assert.is(arenaOf(steps, buffers).bytes, 440)
  })

  test('control: a plan that frees too early puts two live buffers in one place', () => {
    const { steps, buffers } = planOf([
      { size: 4, steps: 3 },
      { size: 4, steps: 9 },
      { size: 3, steps: 9 },
    ])
    const early = steps.map((s, i) => (i === 0 ? { ...s, frees: [0] } : s))
    const { offsetOf } = arenaOf(early, buffers)
    assert.is(offsetOf[1], offsetOf[0])
  })
})
