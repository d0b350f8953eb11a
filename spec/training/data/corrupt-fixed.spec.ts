import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bigramModel, corruptFixed, corruptRow } from '../../../training/data/corrupt-fixed'
import { packedBlocks, tokenCounts, type PackedBlocks } from '../../../training/data/blocks'
import { rocAuc, smoothedUnigram, unigramScorer } from '../../../training/metrics'
import { describe } from '../../harness'
import { specimenBlocks } from './block-specimens'

const blocks = specimenBlocks(400, 32, 200)
const model = bigramModel(blocks)
const seeds = fc.integer({ min: 0, max: 0xffffffff })

/** Blocks of one row from ids given by hand. */
const oneBlock = (...ids: readonly number[]): PackedBlocks =>
  packedBlocks({ ...specimenBlocks(1, ids.length), tokens: Int32Array.from(ids) })

describe('training/data/corrupt-fixed', (test) => {
  test('the bigram counts are the counts', () => {
    const { start, next, pairCounts } = bigramModel(oneBlock(0, 7, 8, 7, 8, 2, 7, 9, 9, 9))
    const of = (prev: number) =>
      Array.from({ length: start[prev + 1]! - start[prev]! }, (_, i) => [
        next[start[prev]! + i],
        pairCounts[start[prev]! + i],
      ])
    assert.equal(of(0), [[7, 1]])
    assert.equal(of(7), [[8, 2], [9, 1]]) // prettier-ignore
    assert.equal(of(8), [[7, 1]], '8 is also followed by [SEP], which is never drawn')
    assert.equal(of(9), [[9, 2]])
    assert.equal(of(2), [[7, 1]])
    assert.is(pairCounts.length, 6)
  })

  test('labels say exactly where ids changed; specials stay; the rate is met row by row', () =>
    fc.assert(
      fc.property(seeds, fc.nat(399), fc.constantFrom(0.05, 0.15, 0.5), (seed, i, rate) => {
        const row = blocks.tokens.subarray(i * 32, (i + 1) * 32)
        const { tokens, labels } = corruptRow(model, row, { seed, rate }, i)
        const n = row.filter((id) => id >= 5).length
        const changed = labels.reduce((a, b) => a + b, 0)
        assert.ok(changed === Math.floor(rate * n) || changed === Math.floor(rate * n) + 1)
        for (let t = 0; t < 32; t += 1) {
          assert.is(labels[t], tokens[t] === row[t] ? 0 : 1)
          if (row[t]! < 5 || tokens[t]! < 5) assert.is(tokens[t], row[t])
        }
      }),
    ))

  test('a replacement follows the left neighbour in the training text whenever one of its frequency does', () => {
    const { tokens, labels } = corruptFixed(model, blocks, { seed: 1 })
    for (let i = 0; i < tokens.length; i += 1) {
      if (labels[i] === 0) continue
      const [prev, x, v] = [blocks.tokens[i - 1]!, blocks.tokens[i]!, tokens[i]!]
      const followers = [...model.next.subarray(model.start[prev], model.start[prev + 1])].filter((id) => id !== x)
      const at = (reach: number) => followers.filter((id) => Math.abs(model.bucket[id]! - model.bucket[x]!) <= reach)
      const allowed = at(0).length > 0 ? at(0) : at(1)
      if (allowed.length > 0) assert.ok(allowed.includes(v))
      else {
        const away = (id: number) => Math.abs(model.bucket[id]! - model.bucket[x]!)
        const nearest = Math.min(...[...model.byBucket].filter((id) => id !== x).map(away))
        assert.is(away(v), nearest, 'with no such follower, the nearest frequency there is')
      }
    }
  })

  test('draws in proportion to the pair counts', () => {
    // after 7: 10 comes three times, 11 once; counts of 10, 11, 12 are all in one bucket
    const text = [0, 7, 10, 7, 10, 7, 10, 7, 11, 11, 11, 12, 12, 12, 7, 12]
    const small = bigramModel(oneBlock(...text))
    const row = Int32Array.of(0, 7, 12)
    let [tens, elevens] = [0, 0]
    for (let g = 0; g < 6000; g += 1) {
      const { tokens, labels } = corruptRow(small, row, { seed: 2, rate: 0.5 }, g)
      if (labels[2] === 1 && tokens[2] === 10) tens += 1
      if (labels[2] === 1 && tokens[2] === 11) elevens += 1
    }
    assert.ok(Math.abs(tens / (tens + elevens) - 0.75) < 0.03, `${tens} and ${elevens}`)
  })

  test('backs off: unseen neighbour, unseen token, a bucket of one, a text of one token', () => {
    const small = bigramModel(oneBlock(0, 7, 8, 8, 8, 8, 8, 8, 8, 8))
    const all = (...row: readonly number[]) => corruptRow(small, Int32Array.from(row), { seed: 1, rate: 1 }, 0).tokens
    assert.equal([...all(0, 30, 8)], [0, 7, 7], 'the only other token, three buckets away')
    assert.equal([...all(0, 30, 7)], [0, 7, 8])
    const lone = corruptRow(bigramModel(oneBlock(0, 7, 7)), Int32Array.of(0, 7, 7), { seed: 1, rate: 1 }, 0)
    assert.equal([[...lone.tokens], [...lone.labels]], [[0, 7, 7], [0, 0, 0]]) // prettier-ignore
  })

  test('fixed: the same text, seed and place give the same corruption; another seed gives another', () => {
    const once = corruptFixed(model, blocks, { seed: 5 })
    assert.equal(corruptFixed(bigramModel(blocks), blocks, { seed: 5 }), once)
    assert.not.equal(corruptFixed(model, blocks, { seed: 6 }).tokens, once.tokens)
  })

  test('frequency alone detects little: the unigram scorer stays near 1/2', () => {
    const { tokens, labels } = corruptFixed(model, blocks, { seed: 1 })
    const judged = [...tokens.keys()].filter((i) => blocks.tokens[i]! >= 5)
    const scores = unigramScorer(smoothedUnigram(tokenCounts(blocks)))(tokens)
    const auc = rocAuc(judged.map((i) => scores[i]!), judged.map((i) => labels[i]!)) // prettier-ignore
    assert.ok(Math.abs(auc! - 0.5) < 0.05, `${auc}`)
  })
})
