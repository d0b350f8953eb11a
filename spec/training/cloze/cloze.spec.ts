import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { evaluateOne, exprLeaves, logSoftmax, leavesOf, take, tensor, where, eq, iota, type Expr } from '../../../core'
import { wasmDevice } from '../../../kernels'
import { auxiliaryLogits, clmLogits, mainHidden, mainTable, rowsAt, type PairConfig } from '../../../models'
import { gapped, openCloze, pairReading, trainTokenizer, uploadAll, type Gapped, type Values } from '../../../training'
import { describe } from '../../harness'
import { assertClose } from '../../kit/assert-close'
import { plainText } from '../cli/run-cli'
import { drawPair, pair } from '../objectives/specimens'

const rightOf = <A>(result: E.Either<unknown, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}
const done = async <A>(task: () => Promise<E.Either<unknown, A>>): Promise<A> => rightOf(await task())

const tokenizer = rightOf(trainTokenizer([plainText(200)], { vocabSize: 300 }))
const config: PairConfig = { ...pair, vocab: tokenizer.vocabSize, maxLength: 24 }
const params = drawPair(config, 3)
const specials = Object.values(tokenizer.specials)

/** ln p over tokens of text at a place of one row, as it is defined. */
const logProbabilities = (model: 'aux' | 'main', ids: readonly number[], place: number): Float64Array => {
  const row = tensor([[...ids]], 'i32')
  const at = tensor([[place]], 'i32')
  const table = mainTable(params)
  const logits =
    model === 'aux'
      ? auxiliaryLogits(config, params, row, at)
      : clmLogits(params.head.clm, table, rowsAt(mainHidden(config, params, take(table, row), null), at))
  return evaluateOne(logSoftmax(specials.reduce((z, id) => where(eq(iota(z.aval.shape), id), -1e9, z), logits)))
}
const best = (p: ArrayLike<number>, n: number): readonly number[] =>
  Array.from(p, (_, i) => i)
    .sort((a, b) => p[b]! - p[a]!)
    .slice(0, n)
/** The main model's answer: what it says when shown the auxiliary's likeliest, weighed by how likely these are. */
const mainAnswer = (ids: readonly number[], gaps: readonly number[], g: number, fills: number): readonly number[] => {
  const aux = gaps.map((place) => logProbabilities('aux', ids, place))
  const filled = ids.map((id, i) => (gaps.includes(i) ? best(aux[gaps.indexOf(i)]!, 1)[0]! : id))
  const shown = best(aux[g]!, fills)
  const total = shown.reduce((s, id) => s + Math.exp(aux[g]![id]!), 0)
  const said = shown.map((id) =>
    logProbabilities(
      'main',
      filled.map((x, i) => (i === gaps[g] ? id : x)),
      gaps[g]!,
    ),
  )
  return Array.from(said[0]!, (_, v) =>
    shown.reduce((s, id, c) => s + (Math.exp(aux[g]![id]!) / total) * Math.exp(said[c]![v]!), 0),
  )
}

const text = 'The people of the [MASK] shall have [MASK].'
const read = (t: string): Gapped => rightOf(gapped.read(tokenizer, config.maxLength, t))

describe('training/cloze: reading', (test) => {
  test('[CLS] first, [SEP] last, a mask at each gap; the space before it belongs to what is missing', () => {
    const { ids, gaps, idsOf } = read(text)
    const { cls, sep, mask } = tokenizer.specials
    assert.is(ids[0], cls)
    assert.is(ids.at(-1), sep)
    assert.equal(
      [...ids.keys()].filter((i) => ids[i] === mask),
      gaps,
    )
    const whole = [...ids].flatMap((id, i) =>
      i === gaps[0] ? [...idsOf('states')] : i === gaps[1] ? [...idsOf('power')] : [id],
    )
    assert.is(tokenizer.decode(whole), 'The people of the states shall have power.')
  })

  test('text that looks like another special token is text', () => {
    const { ids } = read('[CLS] and [MASK]')
    assert.is([...ids].filter((id) => id === tokenizer.specials.cls).length, 1)
  })

  test('no gap; too long a text: refused', () => {
    const long = `${'government '.repeat(40)}[MASK]`
    for (const [t, expected] of [
      ['no gap at all', 'a text with [MASK] where something is missing'],
      [long, 'a text of at most 24 tokens'],
    ] as const) {
      const result = gapped.read(tokenizer, config.maxLength, t)
      assert.ok(E.isLeft(result) && 'expected' in result.left && result.left.expected === expected, t)
    }
  })
})

describe('training/cloze: answers', (test) => {
  const opened = (async () => {
    const device = rightOf(await wasmDevice({ threads: 1 })())
    const leaves = leavesOf<Expr>(params)
    const arrays = exprLeaves(params).map((e) => Float32Array.from(evaluateOne(e)))
    const values: Values = await done(
      uploadAll(
        device,
        leaves.map(([path, e], i) => [`params/${path}`, arrays[i]!, e.aval] as const),
      ),
    )
    return { device, values }
  })()

  for (const model of ['aux', 'main'] as const)
    test(`${model}: the likeliest for each gap, with their probabilities`, async () => {
      const { device, values } = await opened
      const cloze = await done(openCloze({ device, config, tokenizer, batch: 3, model, fills: 4 }))
      const asked = read(text)
      const found = await done(cloze.fill(values, asked, 6))
      assert.is(found.length, 2)
      found.forEach((candidates, g) => {
        const p =
          model === 'aux'
            ? Array.from(logProbabilities('aux', [...asked.ids], asked.gaps[g]!), Math.exp)
            : mainAnswer([...asked.ids], asked.gaps, g, 4)
        assert.ok(Math.abs(p.reduce((s, x) => s + x, 0) - 1) < 1e-6)
        assert.equal(
          candidates.map((c) => c.id),
          best(p, 6),
        )
        assertClose(
          candidates.map((c) => c.probability),
          best(p, 6).map((id) => p[id]!),
          { tolerance: 1e-5 },
        )
        for (const c of candidates) {
          assert.is(c.text, tokenizer.tokenText(c.id))
          assert.not(tokenizer.isSpecial(c.id))
        }
      })
      cloze.dispose()
    })

  test('a main model that had no auxiliary is asked at [MASK] itself', async () => {
    const { device, values } = await opened
    const traits = { reading: { ...pairReading, isAlone: true } } as const
    const cloze = await done(openCloze({ device, config, tokenizer, batch: 3, model: 'main', traits }))
    const asked = read(text)
    const found = await done(cloze.fill(values, asked, 6))
    assert.is(found.length, 2)
    found.forEach((candidates, g) => {
      const p = logProbabilities('main', [...asked.ids], asked.gaps[g]!)
      assert.equal(
        candidates.map((c) => c.id),
        best(p, 6),
      )
    })
    cloze.dispose()
  })

  test('words: the mean of ln p of their tokens at as many gaps; probabilities among them', async () => {
    const { device, values } = await opened
    const cloze = await done(openCloze({ device, config, tokenizer, batch: 4, model: 'aux' }))
    const asked = read('It was a [MASK] nation.')
    const words = ['the', 'zebra', 'public']
    const found = await done(cloze.choose(values, asked, words))
    const scores = words.map((word) => {
      const tokens = [...asked.idsOf(word)]
      const wide = gapped.widened(asked, tokens.length)
      const logs = tokens.map((id, i) => logProbabilities('aux', [...wide.ids], wide.gaps[i]!)[id]!)
      return { word, tokens: tokens.length, mean: logs.reduce((s, x) => s + x, 0) / tokens.length }
    })
    assert.ok(scores.some((s) => s.tokens > 1) && scores.some((s) => s.tokens === 1))
    const total = scores.reduce((s, x) => s + Math.exp(x.mean), 0)
    const want = [...scores].sort((a, b) => b.mean - a.mean)
    assert.equal(
      found.map((c) => [c.text, c.tokens]),
      want.map((s) => [s.word, s.tokens]),
    )
    assertClose(
      found.map((c) => c.probability),
      want.map((s) => Math.exp(s.mean) / total),
      { tolerance: 1e-5 },
    )
    cloze.dispose()
    await device.close()
  })
})
