import fc from 'fast-check'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { parseMixing } from '../../../training/finetune'
import { orderOf, type Mixing } from '../../../training/finetune/order'
import { describe } from '../../harness'

const settings = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
  batch: fc.integer({ min: 1, max: 16 }),
  seed: fc.integer({ min: 0, max: 1000 }),
})
const steps = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const proportional: Mixing = { kind: 'proportional' }

describe('training/finetune/order', (test) => {
  test('proportional: an epoch has every row of every task once, whatever the batch', () =>
    fc.assert(
      fc.property(settings, ({ sizes, batch, seed }) => {
        const order = orderOf({ sizes, batch, mixing: proportional, seed })
        for (const epoch of [0, 1, 2]) {
          const seen = sizes.map((): number[] => [])
          for (const s of steps(order.stepsPerEpoch)) {
            const { task, rows, pass } = order.at(epoch * order.stepsPerEpoch + s)
            assert.ok(rows.length > 0 && rows.length <= batch)
            assert.is(pass, epoch)
            seen[task]!.push(...rows)
          }
          seen.forEach((rows, t) => assert.equal([...rows].sort((a, b) => a - b), steps(sizes[t]!))) // prettier-ignore
        }
      }),
    ))

  test('every pass, and every task, has a shuffle of its own', () => {
    const order = orderOf({ sizes: [64, 64], batch: 64, mixing: proportional, seed: 3 })
    const rows = steps(8).map((s) => order.at(s).rows.join())
    assert.is(new Set(rows).size, 8)
  })

  for (const mixing of [{ kind: 'square-root' }, { kind: 'ratio', ratio: 0.5 }] as const)
    test(`${mixing.kind}: no row of a task comes again before all others of it have come`, () =>
      fc.assert(
        fc.property(settings, ({ sizes, batch, seed }) => {
          const order = orderOf({ sizes, batch, mixing, seed })
          // An epoch is shuffled as a whole: passes are counted by what was taken of each, batch by batch.
          const taken = sizes.map(() => new Map<number, number>())
          for (const s of steps(6 * order.stepsPerEpoch)) {
            const { task, rows, pass } = order.at(s)
            for (const row of rows) {
              const key = pass * sizes[task]! + row
              taken[task]!.set(key, (taken[task]!.get(key) ?? 0) + 1)
            }
          }
          for (const counts of taken) assert.ok([...counts.values()].every((n) => n === 1))
        }),
      ))

  test('square-root: shares of batches go by the root of the rows; as many steps in all, to rounding', () => {
    const sizes = [6400, 100]
    const plain = orderOf({ sizes, batch: 10, mixing: proportional, seed: 1 })
    const order = orderOf({ sizes, batch: 10, mixing: { kind: 'square-root' }, seed: 1 })
    assert.equal(plain.batches, [640, 10])
    assert.equal(order.batches, [578, 72]) // 650 · 80/90 and 650 · 10/90
    assert.is(order.stepsPerEpoch, 650)
  })

  test('ratio: other tasks have at most so many times the batches of the first', () => {
    const order = orderOf({ sizes: [100, 5000, 20], batch: 10, mixing: { kind: 'ratio', ratio: 0.5 }, seed: 1 })
    assert.equal(order.batches, [10, 5, 2])
  })

  test('parseMixing', () => {
    assert.equal(parseMixing('ratio=0.25'), E.right({ kind: 'ratio', ratio: 0.25 }))
    assert.equal(parseMixing('square-root'), E.right({ kind: 'square-root' }))
    for (const text of ['', 'ratio', 'ratio=', 'ratio=0', 'ratio=-1', 'ratio=x', 'ratio=Infinity', 'roots'])
      assert.ok(E.isLeft(parseMixing(text)), text)
  })
})
