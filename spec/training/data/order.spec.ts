import fc from 'fast-check'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { batchAt } from '../../../training/data/batch'
import { sourceOf, type BlockSource } from '../../../training/data/blocks'
import { blockOf, blocksOfStep, partOf, sharesOf } from '../../../training/data/order'
import { prefetched } from '../../../training/data/prefetch'
import { mixture } from '../../../training/data/shards/mixture'
import { ioError } from '../../../training/fault'
import { describe } from '../../harness'
import { cutBlocks, specimenBlocks } from './block-specimens'
import { right } from './shards/corpora'

const uint32 = fc.integer({ min: 0, max: 0xffffffff })
const partsArbitrary = fc
  .array(fc.record({ count: fc.integer({ min: 1, max: 20 }), share: fc.integer({ min: 1, max: 5 }) }), {
    minLength: 2,
    maxLength: 4,
  })
  .map((list) =>
    list.map((part, i) => ({ ...part, from: list.slice(0, i).reduce((sum, { count }) => sum + count, 0) })),
  )

describe('training/data/order: several corpora', (test) => {
  test('every period holds exactly the share of each corpus, and every example number of a corpus comes once', () =>
    fc.assert(
      fc.property(uint32, partsArbitrary, fc.integer({ min: 1, max: 6 }), (seed, parts, turns) => {
        const period = parts.reduce((sum, { share }) => sum + share, 0)
        const own = parts.map((): number[] => [])
        for (let g = 0; g < turns * period; g += 1) {
          const found = partOf(parts, seed, g)
          own[found.index]!.push(found.own)
          if ((g + 1) % period === 0)
            own.forEach((list, i) => assert.is(list.length, ((g + 1) / period) * parts[i]!.share))
        }
        own.forEach((list) => assert.equal(list.sort((a, b) => a - b), list.map((_, i) => i))) // prettier-ignore
      }),
    ))

  test('each corpus has epochs of its own: all of its blocks come equally often, to one', () =>
    fc.assert(
      fc.property(uint32, partsArbitrary, fc.integer({ min: 1, max: 12 }), (seed, parts, turns) => {
        const count = parts.reduce((sum, part) => sum + part.count, 0)
        const period = parts.reduce((sum, { share }) => sum + share, 0)
        const seen = new Array<number>(count).fill(0)
        for (let g = 0; g < turns * period; g += 1) {
          const block = blockOf({ count, parts }, seed, g)
          seen[block] = seen[block]! + 1
        }
        for (const { from, count: n, share } of parts) {
          const times = seen.slice(from, from + n)
          assert.is(times.reduce((a, b) => a + b), turns * share) // prettier-ignore
          assert.ok(Math.max(...times) - Math.min(...times) <= 1, times.join())
        }
      }),
    ))

  test('two corpora of one size are not shuffled alike, nor does an order repeat', () => {
    const parts = [0, 64].map((from) => ({ from, count: 64, share: 1 }))
    const order = (index: number, epoch: number): number[] => {
      const found: number[] = []
      for (let g = 128 * epoch; g < 128 * (epoch + 1); g += 1) {
        const { index: i, own } = partOf(parts, 3, g)
        if (i === index) found[own - 64 * epoch] = blockOf({ count: 128, parts }, 3, g) - 64 * index
      }
      return found
    }
    assert.is(new Set([order(0, 0), order(1, 0), order(0, 1)].map((list) => list.join())).size, 3)
  })

  test('shares: whole numbers by their proportion, decimals exactly, anything else to a 4096th', () => {
    for (const [given, want] of [
      [
        [3, 1],
        [3, 1],
      ],
      [
        [6, 2],
        [3, 1],
      ],
      [
        [0.7, 0.3],
        [7, 3],
      ],
      [
        [0.125, 1],
        [1, 8],
      ],
      [
        [Math.PI, 1],
        [3107, 989],
      ],
      [
        [1e9, 1],
        [4096, 1],
      ],
      [[5], [1]],
    ] as const)
      // prettier-ignore
      assert.equal(sharesOf(given), want)
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 9 }), (list) => {
        const shares = sharesOf(list)
        const [sum, total] = [shares.reduce((a, b) => a + b), list.reduce((a, b) => a + b)]
        return shares.every((s, i) => s >= 1 && Number.isInteger(s) && Math.abs(s / sum - list[i]! / total) < 9 / 4096)
      }),
    )
  })
})

describe('training/data/order: reading', (test) => {
  const [a, b] = [specimenBlocks(37, 24), specimenBlocks(11, 24, 50, 9)]
  const mixed = mixture([sourceOf(a), sourceOf(b)], [3, 1])

  test('a batch of several corpora is the rows of each; its ranks partition it', () =>
    fc.assert(
      fc.asyncProperty(uint32, fc.nat(50), fc.integer({ min: 1, max: 7 }), async (seed, step, cut) => {
        const blocks = right(await mixed.fetch(blocksOfStep(mixed, { batch: 8, seed, step }))())
        const whole = batchAt(blocks, { batch: 8, seed, step })
        for (let row = 0; row < 8; row += 1) {
          const block = blockOf(mixed, seed, 8 * step + row)
          const want = block < a.count ? a.rowAt(block) : b.rowAt(block - a.count)
          assert.equal(whole.tokens.slice(row * 24, (row + 1) * 24), want.slice())
        }
        const ranks = [[0, cut], [cut, 8]].map(([from, to]) => batchAt(blocks, { batch: 8, seed, step, rows: [from!, to!] })) // prettier-ignore
        for (const field of ['tokens', 'masked', 'positions', 'exampleLo'] as const)
          assert.equal([...ranks[0]![field], ...ranks[1]![field]], [...whole[field]])
        assert.equal(ranks[0]!.maskCount, whole.maskCount)
      }),
    ))

  test('blocks of several corpora can be padded if those of one can, whatever is drawn of them', async () => {
    const cut = cutBlocks(b, (row) => 2 + row)
    for (const [sources, isPadded, packed] of [
      [[a, b], false, a.packedTokens + b.packedTokens],
      [[a, cut], true, a.packedTokens + cut.packedTokens],
      [[cut], true, cut.packedTokens],
    ] as const) {
      const all = mixture(sources.map(sourceOf))
      const [some, sample] = [right(await all.fetch([0])()), right(await all.sample(1e6)())]
      assert.equal([all, some, sample].map((blocks) => blocks.isPadded ?? false), [isPadded, isPadded, isPadded]) // prettier-ignore
      assert.equal([all.packedTokens, sample.packedTokens], [packed, packed])
    }
  })

  test('a block of a source that was not read is refused, not made up', async () => {
    const blocks = right(await mixed.fetch([40])())
    assert.equal(blocks.rowAt(40), b.rowAt(3))
    assert.throws(() => blocks.rowAt(0), /expected a block that was fetched, got 0/)
  })

  /** Counts what is asked of it, and answers when it is let. */
  const slow = (): { source: BlockSource; asked: (readonly number[])[]; answer: () => void } => {
    const asked: (readonly number[])[] = []
    let answer = (): void => undefined
    const gate = new Promise<void>((done) => (answer = done))
    const source: BlockSource = {
      ...sourceOf(a),
      fetch: (numbers) => async () => {
        asked.push(numbers)
        await gate
        return E.right(a)
      },
    }
    return { source, asked, answer: () => answer() }
  }
  test('the steps to come are read before they are asked for, none twice, none after the last', async () => {
    const { source, asked, answer } = slow()
    const wanted = { batch: 4, seed: 7 }
    const reader = prefetched(source, { ...wanted, steps: 5 })
    const first = reader.at(0)()
    assert.is(asked.length, 3)
    answer()
    right(await first)
    for (let step = 1; step < 5; step += 1) right(await reader.at(step)())
    assert.equal(
      asked,
      [0, 1, 2, 3, 4].map((step) => blocksOfStep(source, { ...wanted, step })),
    )
  })

  test('what is got depends on the step alone: begun in the middle, or asked out of order', async () => {
    const reader = prefetched(mixed, { batch: 4, seed: 7, steps: 40 })
    for (const step of [20, 21, 3, 39, 4]) {
      const got = batchAt(right(await reader.at(step)()), { batch: 4, seed: 7, step })
      const all = right(await mixed.fetch(Array.from({ length: mixed.count }, (_, i) => i))())
      assert.equal(got, batchAt(all, { batch: 4, seed: 7, step }))
    }
  })

  test('a step that cannot be read is a fault of that step, not of those before it', async () => {
    let reads = 0
    const failing: BlockSource = {
      ...sourceOf(a),
      fetch: () => () => Promise.resolve(reads++ === 2 ? E.left(ioError('shard', '', '', 'EIO')) : E.right(a)),
    }
    const reader = prefetched(failing, { batch: 4, seed: 7, steps: 5 })
    assert.ok(E.isRight(await reader.at(0)()))
    assert.ok(E.isRight(await reader.at(1)()))
    assert.ok(E.isLeft(await reader.at(2)()))
  })
})
