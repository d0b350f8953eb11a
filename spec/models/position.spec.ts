import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluateOne, leavesOf, mul, reshape, sum, tensor, treeOf, type Expr, type Tree } from '../../core'
import { grad } from '../../autodiff'
import {
  bucketsOf,
  hasBuckets,
  initParameters,
  mainHidden,
  pairConfig,
  parameterSpecs,
  positionNames,
  positionTerms,
  t5Bucket,
  validatePair,
  type PairConfig,
  type PairParams,
  type ParameterSpec,
  type PositionScheme,
} from '../../models'
import { describe } from '../harness'
import { assertClose } from '../kit/assert-close'

const T = 9
const sized = (positions: PositionScheme): PairConfig => ({
  ...pairConfig('tiny', 20, T),
  hidden: 8,
  heads: 2,
  ffn: 16,
  mainLayers: 2,
  auxLayers: 1,
  buckets: 8,
  maxDistance: 6,
  locality: 0,
  initStd: 0.5,
  positions,
})
const paramsOf = (config: PairConfig): PairParams => {
  const first = initParameters(config, 3)
  const leaves = leavesOf<ParameterSpec>(parameterSpecs(config)).map(
    ([path, { aval }]) => [path, reshape(tensor([...first.get(path)!]), aval.shape)] as const,
  )
  return treeOf<Expr>(leaves) as PairParams
}

/** T5's bucket as its text has it: from the distance that a key lies behind its query. */
const t5ByText = (d: number, bins: number, Dmax: number): number => {
  const half = bins / 2
  const n = Math.abs(d)
  const m = half / 2
  const log2 = Math.log2(n / m) / Math.log2(Dmax / m)
  return (d > 0 ? half : 0) + (n < m ? n : Math.min(half - 1, m + Math.floor(log2 * (half - m) + 1e-9)))
}

describe('models/buckets: T5', (test) => {
  test('by hand, 32 buckets to 128: exact below 8, then the logarithm rounded down; ahead from 16 on', () => {
    const ids = [0, -1, 1, -7, 7, -8, 8, -16, 16, -64, 127, -128, 1000].map((d) => t5Bucket(d, 32, 128))
    // 16: 8 + ln 2 / ln 16 * 8 = 10; 64: 8 + ln 8 / ln 16 * 8 = 14
    assert.equal(ids, [0, 1, 17, 7, 23, 8, 24, 10, 26, 14, 31, 15, 31])
  })

  test('as the text writes it, for any buckets and distance; ids lie in the table, and 16 of 32 is none', () => {
    const quarter = fc.integer({ min: 1, max: 32 })
    fc.assert(
      fc.property(quarter, fc.integer({ min: 1, max: 300 }), fc.integer({ min: -700, max: 700 }), (q, more, d) => {
        const [bins, Dmax] = [4 * q, q + more]
        const got = t5Bucket(d, bins, Dmax)
        assert.is(got, t5ByText(d, bins, Dmax))
        assert.ok(got >= 0 && got < bins && got !== bins / 2, `${got}`)
      }),
      { seed: 4, numRuns: 500 },
    )
  })
})

describe('models/position', (test) => {
  for (const name of positionNames)
    test(`${name}: its parameters and no others`, () => {
      const config = sized(name)
      const paths = leavesOf<ParameterSpec>(parameterSpecs(config)).map(
        ([path, { aval }]) => [path, aval.shape] as const,
      )
      const found = Object.fromEntries(paths.filter(([p]) => /^main\/(embedding|relativeBias|tupe)/.test(p)))
      const linear = (at: string) => ({ [`${at}/weight`]: [8, 8], [`${at}/bias`]: [8] })
      const norm = (at: string) => ({ [`${at}/weight`]: [8], [`${at}/bias`]: [8] })
      const tupe = name.startsWith('tupe')
      assert.equal(found, {
        ...(tupe ? {} : { 'main/embedding/position': [T, 8] }),
        ...norm('main/embedding/norm'),
        ...(hasBuckets(name) ? { 'main/relativeBias': [name === 'tupe-r' ? 9 : 8, 2] } : {}),
        ...(tupe
          ? {
              'main/tupe/table': [T + 1, 8],
              ...norm('main/tupe/norm'),
              ...linear('main/tupe/query'),
              ...linear('main/tupe/key'),
            }
          : {}),
      })
    })

  test('absolute and relative: vectors of the first places; bias by bucket', () => {
    const [absolute, coco, t5] = (['absolute', 'relative', 'relative-t5'] as const).map((name) => {
      const config = sized(name)
      return { config, p: paramsOf(config).main, ...positionTerms(config, paramsOf(config).main, 5) }
    })
    assert.is(absolute!.bias, undefined)
    const table = evaluateOne(absolute!.p.embedding.position!)
    assertClose(evaluateOne(absolute!.input!), table.slice(0, 5 * 8))
    for (const one of [coco!, t5!]) {
      const rows = evaluateOne(one.p.relativeBias!)
      const bias = evaluateOne(one.bias!)
      const buckets = bucketsOf(one.config)!
      for (let h = 0; h < 2; h++)
        for (let i = 0; i < 5; i++)
          for (let j = 0; j < 5; j++) assert.is(bias[(h * 5 + i) * 5 + j], rows[buckets.of(j - i) * 2 + h])
      assert.is(one.scale, 0.5) // 4 wide a head
    }
  })

  for (const name of ['tupe-a', 'tupe-r'] as const)
    test(`${name}: (p U_q)(p U_k) / sqrt(2 d), [CLS] untied, as it is written`, () => {
      const config = sized(name)
      const p = paramsOf(config).main
      const { bias, input, scale } = positionTerms(config, p, 6)
      assert.is(input, undefined)
      assert.is(scale, 8 ** -0.5)
      const got = evaluateOne(bias!)
      const values = (x: Expr): readonly number[] => [...evaluateOne(x)]
      const [table, gain, shift] = [p.tupe!.table!, p.tupe!.norm.weight, p.tupe!.norm.bias].map(values)
      const rows = Array.from({ length: T + 1 }, (_, r) => {
        const row = table!.slice(8 * r, 8 * r + 8)
        const mean = row.reduce((s, x) => s + x, 0) / 8
        const variance = row.reduce((s, x) => s + (x - mean) ** 2, 0) / 8
        return row.map((x, c) => ((x - mean) / Math.sqrt(variance + 1e-5)) * gain![c]! + shift![c]!)
      })
      const projected = ({ weight, bias: b }: { readonly weight: Expr; readonly bias: Expr }) => {
        const [w, own] = [values(weight), values(b)]
        return rows.map((row) => own.map((start, c) => row.reduce((s, x, k) => s + x * w[8 * k + c]!, start)))
      }
      const [q, k] = [projected(p.tupe!.query), projected(p.tupe!.key)]
      const score = (h: number, i: number, j: number): number =>
        [0, 1, 2, 3].reduce((s, c) => s + q[i]![4 * h + c]! * k[j]![4 * h + c]!, 0) / Math.sqrt(8)
      const relative = p.relativeBias === undefined ? undefined : values(p.relativeBias)
      const byBucket = (h: number, i: number, j: number): number => {
        if (relative === undefined) return 0
        const id =
          i === 0 ? config.buckets / 2 : j === 0 ? config.buckets : t5Bucket(j - i, config.buckets, config.maxDistance)
        return relative[id * 2 + h]!
      }
      const want: number[] = []
      for (let h = 0; h < 2; h++)
        for (let i = 0; i < 6; i++)
          for (let j = 0; j < 6; j++)
            want.push(
              (i === 0 ? score(h, 0, 0) : j === 0 ? score(h, 1, 1) : score(h, i + 1, j + 1)) + byBucket(h, i, j),
            )
      assertClose(got, want, { tolerance: 1e-12 })
    })

  for (const name of positionNames)
    test(`${name}: the order of tokens matters, and every parameter of places has a gradient`, () => {
      const config = sized(name)
      const p = paramsOf(config)
      const tokens = tensor([
        Array.from({ length: 6 }, (_, i) => Array.from({ length: 8 }, (__, c) => Math.sin(3 * i + c))),
      ])
      const swapped = tensor([[0, 2, 1, 3, 4, 5].map((i) => Array.from({ length: 8 }, (_, c) => Math.sin(3 * i + c)))])
      const run = (q: PairParams, x: Expr): Expr => mainHidden(config, q, x, null)
      const [one, other] = [tokens, swapped].map((x) => [...evaluateOne(run(p, x))])
      const rowOf = (x: readonly number[], i: number): readonly number[] => x.slice(8 * i, 8 * i + 8)
      const moved = Math.max(...rowOf(one!, 4).map((x, c) => Math.abs(x - rowOf(other!, 4)[c]!)))
      assert.ok(moved > 1e-6, `place 4 sees the exchange of 1 and 2: ${moved}`)
      const weights = tensor([
        Array.from({ length: 6 }, (_, i) => Array.from({ length: 8 }, (__, c) => Math.cos(i * c))),
      ])
      const g = grad((main: PairParams['main']) => sum(mul(run({ ...p, main }, tokens), weights)))(p.main)
      const gradients = leavesOf<Expr>(g as Tree<Expr>).filter(([path]) => /^(embedding|relativeBias|tupe)/.test(path))
      assert.ok(gradients.length >= 3)
      for (const [path, e] of gradients)
        // A key's bias moves all logits of a query alike but for those of [CLS], which have their own.
        assert.ok(
          evaluateOne(e).some((x) => Math.abs(x) > 1e-9),
          path,
        )
    })

  test('locality without a relative bias is refused by name', () => {
    const result = validatePair({ ...sized('absolute'), locality: 1 })
    assert.equal(result._tag === 'Left' && result.left.map((f) => [f.key, f.expected]), [
      ['locality', '0 with positions absolute, which have no relative bias'],
    ])
  })
})
