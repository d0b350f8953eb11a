import * as assert from 'uvu/assert'
import { broadcastTo, evaluateOne, keyOf, ops, tensor, withStream, type Expr, type Key } from '../../../core'
import { batchKey, drawReplacements, type PretrainInputs } from '../../../training/objectives'
import { describe } from '../../harness'
import { asInputs, hostBatch, pair } from './specimens'

/** Six probabilities, by hand. */
const p = [0.4, 0.25, 0.15, 0.1, 0.07, 0.03]
const V = p.length

/** Upper 1e-4 points of chi-square by degrees of freedom. */
const limit = { 5: 25.74, 35: 74.93 }

const chiSquare = (counts: readonly number[], expected: readonly number[]): number =>
  counts.reduce((s, n, i) => s + (n - expected[i]!) ** 2 / expected[i]!, 0)

const zerosOf = (...shape: readonly number[]): Expr => ops.literal({ value: 0, shape, dtype: 'i32' })

/** B rows of K slots, all of them with the probabilities `p`, numbered from `first`. */
const draw = (key: Key, B: number, K: number, first = 0, hi = 0): Float64Array => {
  const row = p.map((x) => Math.log(x) + 3) // a softmax ignores what is added to all
  const logits = broadcastTo(tensor(row), [B * K, V])
  const numbers = (f: (b: number) => number): Expr =>
    ops.constantArray({ data: Array.from({ length: B }, (_, b) => f(b)), shape: [B], dtype: 'i32' })
  const batch: PretrainInputs = {
    ...asInputs(hostBatch(0, 1)),
    positions: zerosOf(B, K),
    exampleLo: numbers((b) => first + b),
    exampleHi: numbers(() => hi),
  }
  return evaluateOne(drawReplacements(logits, batch, batchKey(key, batch), { ...pair, vocab: V }))
}

const countOf = (ids: ArrayLike<number>): readonly number[] => {
  const counts = new Array<number>(V).fill(0)
  for (const id of Array.from(ids)) counts[id]! += 1
  return counts
}

describe('training/objectives/draws', (test) => {
  const [B, K] = [4000, 4]
  let drawn: Float64Array | undefined
  const many = (): Float64Array => (drawn ??= draw(keyOf(11), B, K))

  test('draws follow the softmax of the logits', () => {
    const expected = p.map((x) => x * B * K)
    const found = chiSquare(countOf(many()), expected)
    assert.ok(found < limit[5], `chi-square ${found} with 5 degrees of freedom`)
  })

  test('control: a distribution two per cent away is told from it', () => {
    const wrong = [0.42, 0.23, 0.15, 0.1, 0.07, 0.03].map((x) => x * B * K)
    assert.ok(chiSquare(countOf(many()), wrong) > limit[5])
  })

  test('neighbouring slots, rows and seeds are drawn independently', () => {
    const ids = many()
    const other = draw(keyOf(12), B, K)
    const next: readonly (readonly [string, (i: number) => number])[] = [
      ['slots', (i) => ids[K * Math.floor(i / K) + ((i + 1) % K)]!],
      ['rows', (i) => ids[(i + K) % (B * K)]!],
      ['seeds', (i) => other[i]!],
    ]
    for (const [title, follow] of next) {
      const pairs = new Array<number>(V * V).fill(0)
      // The first slot of every other row: no draw is in two pairs.
      for (let i = 0; i < B * K; i += 2 * K) pairs[ids[i]! * V + follow(i)]! += 1
      const n = B / 2
      const expected = pairs.map((_, i) => p[Math.floor(i / V)]! * p[i % V]! * n)
      const found = chiSquare(pairs, expected)
      assert.ok(found < limit[35], `${title}: chi-square ${found} with 35 degrees of freedom`)
    }
  })

  test('a draw belongs to its example: rows of any split of the batch draw what the whole batch draws', () => {
    const whole = [...draw(keyOf(11), 12, K, 100)]
    for (const cut of [1, 5, 6, 11])
      assert.equal([...draw(keyOf(11), cut, K, 100), ...draw(keyOf(11), 12 - cut, K, 100 + cut)], whole)
  })

  test('both halves of the number of an example count, and so does every part of the key', () => {
    const here = [...draw(keyOf(11), 30, K)]
    assert.equal([...draw(keyOf(11), 30, K)], here, 'the same again')
    const others: readonly (readonly [string, Float64Array])[] = [
      ['next examples', draw(keyOf(11), 30, K, 30)],
      ['high half', draw(keyOf(11), 30, K, 0, 1)],
      ['low half of the seed', draw(keyOf(12), 30, K)],
      ['high half of the seed', draw(keyOf(11 + 65536), 30, K)],
    ]
    for (const [title, other] of others) assert.not.equal([...other], here, title)
  })

  test('batchKey numbers rows by the examples of the batch', () => {
    const batch = asInputs(hostBatch(3, 4, [1, 3]))
    const key = batchKey(keyOf(5), batch)
    assert.equal(key, withStream(keyOf(5), { lo: batch.exampleLo, hi: batch.exampleHi }))
    assert.equal([...evaluateOne(key.stream.lo)], [13, 14])
  })
})
