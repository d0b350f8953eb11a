import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { leavesOf, type Aval } from '../../../core'
import { referenceDevice } from '../../../kernels'
import { initParameters, parameterAvals, type PairConfig } from '../../../models'
import { bigramModel } from '../../../training/data/corrupt-fixed'
import { sampledBlocks, type PackedBlocks } from '../../../training/data/blocks'
import { objectives } from '../../../training/objectives'
import { openEvaluator } from '../../../training/pretrain/evaluate'
import { uploadAll } from '../../../training/runner'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { cutBlocks, specimenBlocks } from '../data/block-specimens'
import { pair } from '../objectives/specimens'

/** Lengths with as many places for masks. */
const [T, longer] = [9, 13]
const config: PairConfig = { ...pair, maxLength: longer, dropout: 0, attentionDropout: 0, initStd: 0.5 }
const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}

/** Rows filled up to `longer` tokens. */
const widened = ({ tokens, count, seqLength, vocabSize, specials }: PackedBlocks, isPadded: boolean): PackedBlocks => {
  const wide = new Int32Array(count * longer).fill(specials.pad)
  for (let i = 0; i < count; i += 1) wide.set(tokens.subarray(i * seqLength, (i + 1) * seqLength), i * longer)
  return sampledBlocks({ seqLength: longer, vocabSize, specials, isPadded }, wide)
}

const [train, heldOut] = [specimenBlocks(60, T, pair.vocab, 3), specimenBlocks(10, T, pair.vocab, 8)]
const ragged = (blocks: PackedBlocks): PackedBlocks => cutBlocks(blocks, (row) => 3 + ((row * 5) % 7))

const figures = async (name: string, own: PackedBlocks, held: PackedBlocks) => {
  const objective = objectives[name]!
  const device = referenceDevice()
  const spec = { device, config, loss: objective(config), traits: objective, train: own, bigrams: bigramModel(own) }
  const evaluator = right(await openEvaluator({ ...spec, heldOut: held, batch: 4, microBatch: 2, batches: 2 })())
  const drawn = initParameters(config, 1, objective.heads)
  const params = leavesOf<Aval>(parameterAvals(config, objective.heads)).map(
    ([path, aval]) => [`params/${path}`, drawn.get(path)!, aval] as const,
  )
  const evaluation = right(await evaluator.evaluate(right(await uploadAll(device, params)()))())
  evaluator.dispose()
  return { evaluation, baselines: evaluator.baselines }
}
type Figures = Awaited<ReturnType<typeof figures>>

/** By name. */
const listed = ({ evaluation: { metrics, ...areas }, baselines }: Figures): readonly (readonly [string, number])[] =>
  Object.entries({ ...metrics, ...areas, ...baselines }).map(([key, x]) => [key, x ?? -1])
const assertSame = (got: Figures, want: Figures): void => {
  const [a, b] = [listed(got), listed(want)]
  assert.equal(a.map(([key]) => key), b.map(([key]) => key)) // prettier-ignore
  b.forEach(([key, x], i) => assertClose([a[i]![1]], [x], { tolerance: 1e-12, label: key }))
}

describe('training/pretrain/evaluate: padding', (test) => {
  for (const name of ['t-nlrv5', 'coco-lm', 'electra', 'clm-only', 'all-tokens-mlm'])
    test(`${name}: padding behind rows changes no figure, on either corruption, and no baseline`, async () => {
      const want = await figures(name, train, heldOut)
      assert.ok(want.evaluation.detection! > 0 && want.evaluation.ownDetection! > 0)
      assert.is(want.baselines.heldOutTokens, 8 * T)
      assertSame(await figures(name, widened(train, true), widened(heldOut, true)), want)
      const short = await figures(name, ragged(train), ragged(heldOut))
      assertSame(await figures(name, widened(ragged(train), true), widened(ragged(heldOut), true)), short)
      assert.ok(short.baselines.heldOutTokens < 8 * T)
    })

  test('control: where blocks say nothing of it, it counts', async () => {
    const [plain, blind] = [await figures('t-nlrv5', train, heldOut), await figures('t-nlrv5', widened(train, false), widened(heldOut, false))] // prettier-ignore
    const same = listed(blind).filter(([, x], i) => x === listed(plain)[i]![1]).map(([key]) => key) // prettier-ignore
    assert.equal(same, ['corruptedTokens'])
  })
})
