import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  begunBefore,
  blockPacker,
  isPadding,
  packings,
  type EncodedDocument,
  type Packing,
  type Place,
} from '../../../training/data/packing'
import { rowLength } from '../../../training/data/blocks'
import { describe } from '../../harness'

const specials = { cls: 0, pad: 1, sep: 2, unk: 3, mask: 4 }
type Units = readonly (readonly number[])[]

/** Documents of units, each unit with its [SEP]. Some documents are empty. */
const documentsArbitrary = fc.array(
  fc.array(
    fc.array(fc.integer({ min: 5, max: 99 }), { maxLength: 12 }).map((ids) => [...ids, 2]),
    { maxLength: 5 },
  ),
  { maxLength: 8 },
)
const lengths = fc.integer({ min: 2, max: 9 })
const encoded = (units: Units): EncodedDocument => ({
  tokens: Int32Array.from(units.flat()),
  ends: Int32Array.from(units, (_, i) => units.slice(0, i + 1).flat().length),
})

interface Packed {
  readonly blocks: readonly (readonly number[])[]
  readonly places: readonly Place[]
  readonly counts: { readonly packed: number; readonly padding: number; readonly dropped: number }
}
const pack = (documents: readonly Units[], packing: Packing, T: number, start?: Place): Packed => {
  const blocks: number[][] = []
  const places: Place[] = []
  const packer = blockPacker(
    { seqLength: T, packing, specials, ...(start === undefined ? {} : { start }) },
    (b, next) => {
      blocks.push([...b])
      places.push(next)
    },
  )
  documents.slice(start?.document ?? 0).forEach((units, i) => packer.addDocument(encoded(units), i === 0 ? start?.token : 0)) // prettier-ignore
  packer.finish()
  return { blocks, places, counts: packer.counts() }
}

/** fairseq's rule, from its description: whole units as far as they fit. An over-long unit is cut beforehand, so that only its rest shares. */
const byHand = (documents: readonly Units[], packing: 'complete' | 'complete-doc', T: number): number[][] => {
  const rows: number[][] = []
  let row: number[] = []
  const end = (): void => {
    if (row.length > 0) rows.push(row)
    row = []
  }
  for (const units of documents) {
    for (const unit of packing === 'complete' ? [...units, [2]] : units) {
      if (row.length + unit.length > T - 1) end()
      let rest = [...unit]
      while (rest.length > T - 1) {
        rows.push(rest.slice(0, T - 1))
        rest = rest.slice(T - 1)
      }
      row.push(...rest)
      if (row.length === T - 1) end()
    }
    if (packing === 'complete-doc') end()
  }
  end()
  return rows.map((r) => [0, ...r, ...Array.from({ length: T - 1 - r.length }, () => 1)])
}

/** Without blocks at the end that hold separators between documents alone. */
const withoutBareTail = (rows: readonly (readonly number[])[], isBare: boolean): readonly (readonly number[])[] =>
  isBare && rows.at(-1)?.includes(1) === true && rows.at(-1)!.every((id) => id <= 2) ? rows.slice(0, -1) : rows

describe('training/data/packing', (test) => {
  test('stream alone never pads; what the others pad is the [PAD] that rows end in', () =>
    fc.assert(
      fc.property(documentsArbitrary, fc.constantFrom(...packings), lengths, (documents, packing, T) => {
        const { blocks, counts } = pack(documents, packing, T)
        const shape = { specials, isPadded: isPadding(packing) }
        const short = blocks.map((block) => T - rowLength(shape, Int32Array.from(block)))
        assert.is(short.reduce((a, b) => a + b, 0), counts.padding) // prettier-ignore
        assert.is(shape.isPadded, packing !== 'stream')
      }),
    ))

  test('stream: every token in order, cut every T-1, only the last tail lost', () =>
    fc.assert(
      fc.property(documentsArbitrary, lengths, (documents, T) => {
        const stream = documents.flat(2)
        const { blocks, counts } = pack(documents, 'stream', T)
        const kept = Math.floor(stream.length / (T - 1)) * (T - 1)
        assert.equal(
          blocks.flatMap((b) => b.slice(1)),
          stream.slice(0, kept),
        )
        assert.equal(counts, { packed: kept, padding: 0, dropped: stream.length - kept })
      }),
    ))

  test('complete-doc: whole units as far as they fit, no block of two documents, nothing lost', () =>
    fc.assert(
      fc.property(documentsArbitrary, lengths, (documents, T) => {
        const { blocks, counts } = pack(documents, 'complete-doc', T)
        assert.equal(blocks, byHand(documents, 'complete-doc', T))
        assert.is(counts.packed, documents.flat(2).length)
        assert.equal(counts.dropped, 0)
      }),
    ))

  test('complete: the same across documents, with one more [SEP] after each', () =>
    fc.assert(
      fc.property(documentsArbitrary, lengths, (documents, T) => {
        const { blocks, counts } = pack(documents, 'complete', T)
        const want = byHand(documents, 'complete', T)
        const text = (rows: readonly (readonly number[])[]) => rows.flat().filter((id) => id >= 5)
        assert.equal(text(blocks), documents.flat(2).filter((id) => id >= 5)) // prettier-ignore
        if (blocks.length < want.length) assert.equal(blocks, want.slice(0, -1))
        else assert.equal(blocks, want)
        assert.ok(want.length - blocks.length <= 1 && blocks.length >= withoutBareTail(want, true).length)
        assert.is(counts.packed + counts.padding, blocks.length * (T - 1))
      }),
      { examples: [[[[[5, 2]], [[6, 7, 2]]], 4]] },
    ))

  test('a packer that begins where a block ends makes the blocks that follow it: what a build resumes by', () =>
    fc.assert(
      fc.property(documentsArbitrary, lengths, fc.constantFrom(...packings), (documents, T, packing) => {
        const whole = pack(documents, packing, T)
        whole.places.forEach((place, i) => {
          const rest = pack(documents, packing, T, place)
          assert.equal(rest.blocks, whole.blocks.slice(i + 1), `${packing}, after block ${i}`)
          assert.equal(rest.places, whole.places.slice(i + 1))
          assert.ok(begunBefore(place) <= documents.length)
        })
      }),
    ))
})
