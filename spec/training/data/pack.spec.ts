import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { trainTokenizer } from '../../../training/data/tokenizer/train/train-bpe'
import { showDataFault, type DataFault } from '../../../training/data/fault'
import { blockAt, tokenCounts, type PackedBlocks } from '../../../training/data/blocks'
import { packDocuments, packer, unitsOf } from '../../../training/data/pack'
import { describe } from '../../harness'

const right = <A>(either: E.Either<DataFault, A>): A => {
  if (E.isLeft(either)) throw new Error(showDataFault(either.left))
  return either.right
}
const bytes = right(trainTokenizer(['ab ab ab'], { vocabSize: 262 }))
const named = (texts: readonly string[]) => texts.map((text, i) => ({ text, source: `d${i}` }))

/** The stream the blocks hold: [CLS]s taken out again. */
const streamOf = (blocks: PackedBlocks): number[] => [...blocks.tokens].filter((_, i) => i % blocks.seqLength !== 0)

describe('training/data/pack', (test) => {
  test('blocks are [CLS] and the stream of units, each ended by [SEP], cut every T-1; only a short tail is lost', () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 5, max: 261 }), { maxLength: 20 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 2, max: 9 }),
        (units, seqLength) => {
          const p = right(packer(bytes, { seqLength, minBlocks: 0 }))
          for (const unit of units) p.add(unit)
          const blocks = right(p.finish())
          const stream = units.flatMap((unit) => [...unit, 2])
          const kept = Math.floor(stream.length / (seqLength - 1)) * (seqLength - 1)
          assert.equal(streamOf(blocks), stream.slice(0, kept))
          assert.is(blocks.droppedTokens, stream.length - kept)
          assert.is(blocks.packedTokens, kept)
          for (let i = 0; i < blocks.count; i += 1) assert.is(blockAt(blocks, i)[0], 0)
          assert.is(blocks.tokens.length, blocks.count * seqLength)
        },
      ),
    ))

  test('without crossDocuments every block lies in one document', () => {
    const documents = named(['aaaaa\n\naa', 'bbbb', 'ccc'])
    const cfg = { seqLength: 4, crossDocuments: false }
    const blocks = right(packDocuments(bytes, documents, cfg))
    const shown = Array.from({ length: blocks.count }, (_, i) => bytes.decode(blockAt(blocks, i), { specials: 'keep' }))
    assert.equal(shown, ['[CLS]aaa', '[CLS]aa[SEP]', '[CLS]aa[SEP]', '[CLS]bbb', '[CLS]ccc'])
    assert.is(blocks.droppedTokens, 3, 'b[SEP] and [SEP]')
    assert.is(right(packDocuments(bytes, documents, { seqLength: 4 })).droppedTokens, 0, '18 tokens are 6 blocks')
  })

  test('units: paragraphs join their lines, lines stand alone', () => {
    const text = ' One\n  two \r\n\r\n\n three\n\t\nfour  five\n'
    assert.equal(unitsOf(text), ['One two', 'three', 'four  five'])
    assert.equal(unitsOf(text, 'line'), ['One', 'two', 'three', 'four  five'])
    assert.equal(unitsOf(' \n\n '), [])
    assert.is(unitsOf(`a${' '.repeat(1e6)}\n${'\n'.repeat(1e6)}b`).length, 2)
  })

  test('too little text for a batch is a fault with both numbers', () => {
    const got = packDocuments(bytes, named(['abcdefgh']), { seqLength: 4, minBlocks: 8 })
    assert.is(
      E.isLeft(got) && showDataFault(got.left),
      'corpus: expected at least 8 blocks of 4 tokens, got 2 (and 2 tokens left over)\n  at packing\n' +
        '  help: give more text, or make seqLength or the batch smaller',
    )
    assert.is(E.isLeft(packer(bytes, { seqLength: 1 })), true)
    assert.is(E.isLeft(packer(bytes, { seqLength: 8.5 })), true)
  })

  test('counts tokens', () => {
    const blocks = right(packDocuments(bytes, named(['ab ab']), { seqLength: 4 }))
    const counts = tokenCounts(blocks)
    assert.equal([counts[0], counts[261], counts.reduce((a, b) => a + b)], [1, 2, 4])
  })
})
