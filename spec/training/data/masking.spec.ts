import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { batchAt, microBatchesAt, type PretrainBatch } from '../../../training/data/batch'
import { trainTokenizer } from '../../../training/data/tokenizer/train/train-bpe'
import type { Masking } from '../../../training/data/mask'
import { packDocuments } from '../../../training/data/pack'
import { startsWord, wordEdges } from '../../../training/data/word-edges'
import { describe } from '../../harness'
import { plainText } from '../cli/run-cli'
import { specimenBlocks } from './block-specimens'

const [MASK, V] = [4, 50]
const blocks = specimenBlocks(200, 32, V)
const wide = (masking: Masking, step = 0): PretrainBatch => batchAt(blocks, { batch: 400, seed: 3, step, ...masking })

/** Of the chosen tokens, the shares that are [MASK], as they were, and others. */
const shares = ({ masked, positions, targets, weights }: PretrainBatch) => {
  const [K, T] = [positions.length / 400, 32]
  const counts = { mask: 0, kept: 0, other: 0 }
  let n = 0
  weights.forEach((w, slot) => {
    if (w === 0) return
    const id = masked[Math.floor(slot / K) * T + positions[slot]!]!
    n += 1
    counts[id === MASK ? 'mask' : id === targets[slot] ? 'kept' : 'other'] += 1
  })
  return { n, mask: counts.mask / n, kept: counts.kept / n, other: counts.other / n }
}

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}

/** A vocabulary so small that most words are cut, and a text of words, numbers and signs in it. */
const text = plainText(300).replaceAll('people', "people's").replaceAll(' year', ', 1921 (year)')
const tokenizer = right(trainTokenizer([text], { vocabSize: 300 }))
const edges = right(wordEdges(tokenizer))
const cut = right(packDocuments(tokenizer, [{ text, source: '' }], { seqLength: 48 }))

describe('training/data/masking', (test) => {
  test('kept and random shares are those asked for: the recipe, ELECTRA, BERT, all kept', () => {
    assert.equal(shares(wide({})), { ...shares(wide({})), mask: 1, kept: 0, other: 0 })
    for (const [maskKeep, maskRandom] of [
      [0.15, 0],
      [0.1, 0.1],
      [0, 0.5],
      [1, 0],
    ] as const)
      // prettier-ignore
      for (const step of [0, 1]) {
        const { n, mask, kept, other } = shares(wide({ maskKeep, maskRandom }, step))
        const chance = maskRandom / (V - 5) // a random token may be the one that was there; few are, as the text is skewed
        const near = (got: number, want: number): void => {
          const error = 4 * Math.sqrt((want * (1 - want) + 0.01) / n)
          assert.ok(Math.abs(got - want) < error + 2 * chance, `${got}, ${want} ± ${error} of ${n}`)
        }
        near(mask, 1 - maskKeep - maskRandom)
        near(kept, maskKeep)
        near(other, maskRandom)
      }
  })

  test('random tokens are of the whole vocabulary but the specials, all alike likely', () => {
    const counts = new Array<number>(V).fill(0)
    for (const step of [0, 1, 2]) {
      const { masked, tokens } = wide({ maskRandom: 1 }, step)
      masked.forEach((id, i) => {
        if (id !== tokens[i]) counts[id]! += 1
      })
    }
    assert.equal(counts.slice(0, 5), [0, 0, 0, 0, 0])
    const seen = counts.slice(30) // ids that the text has so seldom that "the same by chance" takes nothing from them
    const mean = seen.reduce((a, b) => a + b) / seen.length
    const chi = seen.reduce((s, n) => s + (n - mean) ** 2 / mean, 0)
    assert.ok(chi < 43.8, `chi-square ${chi} with 19 degrees of freedom`) // p = 0.001
  })

  test('shares change neither the places nor the targets, and leave the rest of the text alone', () => {
    const [plain, mixed] = [wide({}), wide({ maskKeep: 0.3, maskRandom: 0.3 })]
    for (const field of ['tokens', 'positions', 'targets', 'weights', 'maskCount'] as const)
      assert.equal(mixed[field], plain[field])
    mixed.masked.forEach((id, i) => {
      if (plain.masked[i] !== MASK) assert.is(id, plain.tokens[i])
    })
    const order = [...mixed.tokenOrder].map((place) => mixed.masked[place]!)
    assert.equal(
      order,
      [...order].sort((a, b) => a - b),
    )
  })

  test('draws belong to the example: any split reads the same, with the counts of the whole', () =>
    fc.assert(
      fc.property(fc.nat(20), fc.constantFrom(1, 2, 4), fc.boolean(), (step, rows, whole) => {
        const masking: Masking = { maskRate: 0.3, maskKeep: 0.2, maskRandom: 0.3, ...(whole ? { words: edges } : {}) }
        const config = { batch: 8, seed: 5, step, ...masking }
        const all = batchAt(cut, config)
        const parts = [...microBatchesAt(cut, config, rows)]
        for (const field of ['masked', 'positions', 'targets', 'weights'] as const)
          assert.equal(
            parts.flatMap((p) => [...p[field]]),
            [...all[field]],
          )
        for (const p of parts) assert.equal(p.maskCount, all.maskCount)
        assert.is(
          all.maskCount[0],
          all.weights.reduce((a, b) => a + b, 0),
        )
      }),
      { seed: 2, numRuns: 40 },
    ))

  test('words start where byte-level BPE starts them', () => {
    const sentence = "The people's year, 1921 (of 30), naïve  états:  wine"
    const ids = tokenizer.encode(sentence)
    const words: string[] = []
    ids.forEach((id, i) => {
      const piece = tokenizer.tokenText(id)
      if (i === 0 || startsWord(edges, ids[i - 1]!, id)) words.push(piece)
      else words.push(`${words.pop()!}${piece}`)
    })
    const broken = /ï|é/ // parts of a character go with what is before them
    assert.equal(
      words.map((w) => w.trim()).filter((w) => w !== '' && !w.includes('\ufffd')),
      ['The', 'people', "'s", 'year', ',', '1921', '(', 'of', '30', '),', ':', 'wine'].filter((w) => !broken.test(w)),
    )
  })

  test('whole words: none is chosen in part, at the rate asked for; control: single tokens cut them', () => {
    const T = 48
    /** Chosen places whose neighbour in the same word is not chosen. */
    const torn = (words: Masking['words']): { readonly torn: number; readonly rate: number } => {
      let [count, chosen, eligible] = [0, 0, 0]
      for (let step = 0; step < 10; step += 1) {
        const { tokens, masked } = batchAt(cut, { batch: 16, seed: 7, step, ...(words === undefined ? {} : { words }) })
        tokens.forEach((id, i) => {
          if (edges.first[id] !== 0) eligible += 1
          if (masked[i] === MASK) chosen += 1
          const isInside = i % T > 0 && !startsWord(edges, tokens[i - 1]!, id)
          if (isInside && (masked[i] === MASK) !== (masked[i - 1] === MASK)) count += 1
        })
      }
      return { torn: count, rate: chosen / eligible }
    }
    const whole = torn(edges)
    assert.is(whole.torn, 0)
    assert.ok(whole.rate > 0.13 && whole.rate < 0.155, `${whole.rate}`)
    assert.ok(torn(undefined).torn > 100)
  })

  test('a vocabulary that does not tell where words start is refused', () => {
    const bare = { ...tokenizer, tokenText: (id: number) => tokenizer.tokenText(id).trim() }
    const refused = wordEdges(bare)
    assert.ok(E.isLeft(refused) && /the space before a word/.test(refused.left.expected))
  })
})
