import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ascendingOrder, batchAt, tokensOfStep, type PretrainBatch } from '../../../training/data/batch'
import { permuted, uniform } from '../../../training/data/draw'
import { maskSlots, selectPositions } from '../../../training/data/mask'
import { blockAt, rowLength, tokenCounts } from '../../../training/data/blocks'
import { blockOf } from '../../../training/data/order'
import { describe } from '../../harness'
import { cutBlocks, specimenBlocks } from './block-specimens'

const uint32 = fc.integer({ min: 0, max: 0xffffffff })
const blocks = specimenBlocks(37, 24)
const slices = (batch: PretrainBatch, T: number, K: number, b: number) => ({
  tokens: batch.tokens.slice(b * T, (b + 1) * T),
  masked: batch.masked.slice(b * T, (b + 1) * T),
  positions: batch.positions.slice(b * K, (b + 1) * K),
  targets: batch.targets.slice(b * K, (b + 1) * K),
  weights: batch.weights.slice(b * K, (b + 1) * K),
})

describe('training/data/batch', (test) => {
  test('the shuffle of an epoch is a permutation, and another one for each epoch and seed', () => {
    const shuffle = (seed: number, epoch: number, n: number) =>
      Array.from({ length: n }, (_, i) => permuted(seed, epoch, n, i))
    fc.assert(
      fc.property(uint32, fc.nat(1000), fc.integer({ min: 1, max: 300 }), (seed, epoch, n) => {
        assert.equal(shuffle(seed, epoch, n).sort((a, b) => a - b), Array.from({ length: n }, (_, i) => i)) // prettier-ignore
      }),
      { examples: [[0, 0, 1], [0, 0, 2], [1, 1, 4], [1, 1, 16], [7, 3, 256]] }, // prettier-ignore
    )
    assert.not.equal(shuffle(1, 0, 100), shuffle(1, 1, 100))
    assert.not.equal(shuffle(1, 0, 100), shuffle(2, 0, 100))
  })

  test('the shuffle is fair: each block comes to each place about equally often', () => {
    const [n, epochs] = [12, 6000]
    const seen = new Float64Array(n * n)
    for (let e = 0; e < epochs; e += 1)
      for (let i = 0; i < n; i += 1) {
        const cell = i * n + permuted(5, e, n, i)
        seen[cell] = seen[cell]! + 1
      }
    const expected = epochs / n
    const chiSquared = seen.reduce((sum, x) => sum + (x - expected) ** 2 / expected, 0)
    assert.ok(chiSquared < 180, `chi² of ${chiSquared} on 121 degrees of freedom`) // p about 0.0004
  })

  test('each pass reads every block once, with no block dropped where a batch spans two passes', () => {
    const read = Array.from({ length: 2 * blocks.count }, (_, g) => blockOf(blocks, 3, g))
    for (const pass of [read.slice(0, blocks.count), read.slice(blocks.count)])
      assert.is(new Set(pass).size, blocks.count)
    const B = 8
    const batches = Array.from({ length: 5 }, (_, step) => batchAt(blocks, { batch: B, seed: 3, step }))
    for (let g = 0; g < 40; g += 1) {
      const row = slices(batches[Math.floor(g / B)]!, 24, 4, g % B).tokens
      assert.equal(row, blockAt(blocks, read[g]!).slice())
    }
  })

  test('masked rows: sorted distinct positions, [MASK] exactly there, targets the tokens that were there', () =>
    fc.assert(
      fc.property(
        uint32,
        fc.nat(100),
        fc.integer({ min: 2, max: 40 }),
        fc.constantFrom(0.15, 0.25, 0.5, 1),
        (seed, step, T, maskRate) => {
          const own = specimenBlocks(5, T)
          const B = 3
          const K = maskSlots(T, maskRate)
          const batch = batchAt(own, { batch: B, seed, step, maskRate })
          assert.is(batch.positions.length, B * K)
          let total = 0
          for (let b = 0; b < B; b += 1) {
            const { tokens, masked, positions, targets, weights } = slices(batch, T, K, b)
            const used = weights.reduce((a, w) => a + w, 0)
            const n = tokens.filter((id) => id >= 5).length
            assert.ok(used === Math.floor(maskRate * n) || used === Math.min(n, Math.floor(maskRate * n) + 1))
            total += used
            for (let k = 0; k < K; k += 1) {
              assert.is(weights[k], k < used ? 1 : 0, 'used slots come first')
              assert.is(targets[k], tokens[positions[k]!])
              if (k < used) assert.ok(tokens[positions[k]!]! >= 5, 'a special is never masked')
              if (k > 0 && k < used) assert.ok(positions[k - 1]! < positions[k]!)
            }
            const chosen = new Set(positions.slice(0, used))
            for (let t = 0; t < T; t += 1) assert.is(masked[t], chosen.has(t) ? 4 : tokens[t])
          }
          assert.equal([batch.maskCount[0], batch.tokenCount[0]], [total, B * T])
        },
      ),
    ))

  test('rows do not depend on the batch they are in: ranks and micro-batches read what the whole batch reads', () =>
    fc.assert(
      fc.property(uint32, fc.nat(50), fc.integer({ min: 1, max: 7 }), (seed, step, from) => {
        const whole = batchAt(blocks, { batch: 8, seed, step })
        const part = batchAt(blocks, { batch: 8, seed, step, rows: [from, 8] })
        for (let b = from; b < 8; b += 1) assert.equal(slices(part, 24, 4, b - from), slices(whole, 24, 4, b))
        assert.equal([part.maskCount, part.tokenCount], [whole.maskCount, whole.tokenCount], 'denominators are global')
        const again = batchAt(blocks, { batch: 4, seed, step: 2 * step })
        assert.equal(again.masked, whole.masked.slice(0, 4 * 24))
      }),
    ))

  test('padding: the [PAD] that a row ends in is no token, is never masked, and the batch counts what is left', () => {
    const lengthOf = (row: number): number => 2 + ((row * 5) % 23)
    const cut = cutBlocks(blocks, lengthOf)
    fc.assert(
      fc.property(uint32, fc.nat(50), fc.integer({ min: 1, max: 7 }), (seed, step, from) => {
        const whole = batchAt(cut, { batch: 8, seed, step })
        const part = batchAt(cut, { batch: 8, seed, step, rows: [from, 8] })
        const lengths = Array.from({ length: 8 }, (_, b) => lengthOf(blockOf(cut, seed, 8 * step + b)))
        const places = lengths.flatMap((n) => Array.from({ length: 24 }, (_, t) => (t < n ? 1 : 0)))
        assert.equal([...whole.isToken!], places)
        assert.equal([...part.isToken!], places.slice(from * 24))
        const tokens = lengths.reduce((a, b) => a + b)
        for (const { tokenCount, rowCount } of [whole, part]) assert.equal([tokenCount[0], rowCount![0]], [tokens, 8])
        assert.is(tokensOfStep(cut, { batch: 8, seed, step }), tokens)
        places.forEach((isToken, i) => isToken === 1 || assert.is(whole.masked[i], 1))
      }),
    )
    const { isToken, rowCount, tokenCount } = batchAt(blocks, { batch: 8, seed: 1, step: 0 })
    assert.equal(
      [isToken, rowCount, tokenCount[0]],
      [undefined, undefined, 8 * 24],
      'blocks without padding have neither',
    )
  })

  test('what blocks say of padding decides, not a [PAD] in the text', () => {
    const row = Int32Array.of(0, 7, 1, 8, 1, 1)
    const { specials } = blocks
    assert.equal([{ specials, isPadded: true }, { specials }].map((shape) => rowLength(shape, row)), [4, 6]) // prettier-ignore
    const cut = cutBlocks(blocks, (i) => (i === 0 ? 4 : 24))
    assert.is(tokenCounts(cut)[1], 0)
    assert.is(tokenCounts({ ...cut, isPadded: false })[1], 20)
    assert.is(cut.packedTokens, 3 + 36 * 23)
  })

  test('the mean mask rate is the rate, not its floor', () => {
    let masked = 0
    const [rows, n] = [4000, 23]
    const row = Int32Array.from({ length: 24 }, (_, t) => (t === 0 ? 0 : 9))
    const hits = new Float64Array(24)
    for (let g = 0; g < rows; g += 1)
      for (const t of selectPositions(row, (id) => id < 5, 0.15, 1, 'mask', g)) {
        masked += 1
        hits[t] = hits[t]! + 1
      }
    assert.ok(Math.abs(masked / (rows * n) - 0.15) < 0.002, `${masked / (rows * n)}`)
    assert.is(hits[0], 0)
    for (let t = 1; t < 24; t += 1)
      assert.ok(Math.abs(hits[t]! / rows - 0.15) < 0.03, `position ${t}: ${hits[t]! / rows}`)
  })

  test('masks are drawn anew in every pass, and differ by seed', () => {
    const one = specimenBlocks(1, 64)
    const masks = [0, 1].map((step) => batchAt(one, { batch: 1, seed: 1, step }).masked)
    assert.not.equal(masks[0], masks[1])
    assert.not.equal(batchAt(one, { batch: 1, seed: 2, step: 0 }).masked, masks[0])
  })

  test('tokenOrder sorts ids and keeps the order of equals', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(9)), (ids) => {
        const want = ids.map((_, i) => i).sort((a, b) => ids[a]! - ids[b]! || a - b)
        assert.equal([...ascendingOrder(Int32Array.from(ids), 10)], want)
      }),
    ))

  test('the limbs spell the global example, to the end of uint32', () => {
    const step = 2 ** 30 - 1
    const batch = batchAt(blocks, { batch: 4, seed: 1, step })
    const spelled = Array.from({ length: 4 }, (_, b) => batch.exampleHi[b]! * 65536 + batch.exampleLo[b]!)
    assert.equal(
      spelled,
      [0, 1, 2, 3].map((b) => 4 * step + b),
    )
    assert.is(spelled[3], 2 ** 32 - 1)
    assert.throws(() => batchAt(blocks, { batch: 4, seed: 1, step: step + 1 }), /below 2\^32/)
    assert.throws(() => batchAt(blocks, { batch: 4, seed: 1, step: 0, rows: [3, 5] }), /rows within \[0, 4\)/)
  })

  test('uniforms are in [0, 1), spread, and differ by use', () => {
    const draws = Array.from({ length: 20000 }, (_, i) => uniform(9, 'mask', 3, i))
    const mean = draws.reduce((a, b) => a + b) / draws.length
    const square = draws.reduce((a, b) => a + b * b, 0) / draws.length
    assert.ok(draws.every((u) => u >= 0 && u < 1))
    assert.ok(Math.abs(mean - 1 / 2) < 0.01 && Math.abs(square - 1 / 3) < 0.01)
    assert.is.not(uniform(9, 'corrupt', 3, 0), draws[0])
  })
})
