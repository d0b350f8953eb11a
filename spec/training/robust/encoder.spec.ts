import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { crossEntropy, div, evaluate, exprLeaves, keyOf, leavesOf, logSoftmax, mul, ops, reshape, sum, type DType, type Expr } from '../../../core' // prettier-ignore
import { valueAndGrad } from '../../../autodiff'
import { compile, interpretPlan, withPolicy } from '../../../kernels'
import {
  lookUp,
  mainHidden,
  mainTable,
  pooledLogits,
  pooledSpecs,
  sanForm,
  sanLogPosterior,
  sanSpecs,
  type MainParams,
  type PairModel,
  type SanParams,
  type TwoLayers,
} from '../../../models'
import { batchKey, passDropout, type LossFn } from '../../../training/objectives'
import {
  builtOnce,
  divergences,
  findNoise,
  adversarialNoise,
  pdrDefaults,
  pdrModes,
  randomNoise,
  unperturbed,
  withPdr,
  type LogPosterior,
  type NoiseSearch,
  type PdrConfig,
  type RobustBatch,
} from '../../../training/robust'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { drawHead } from '../../models/tasks/specimens'
import { drawPair, pair } from '../objectives/specimens'
import { numberOf } from './specimens'

type Params = MainParams & { readonly pooled: TwoLayers; readonly san: SanParams }
type Batch = RobustBatch & { readonly ids: Expr; readonly segments: Expr; readonly targets: Expr }

const { embedding, main } = drawPair(pair, 5)
const params: Params = {
  embedding,
  main,
  pooled: drawHead(pooledSpecs(pair, 3), 6),
  san: drawHead(sanSpecs(pair, 3), 7),
}
const key = keyOf(2)
const still = { ...pair, dropout: 0, attentionDropout: 0 }

const array = (data: readonly number[], dtype: DType, ...shape: readonly number[]): Expr =>
  ops.constantArray({ data, shape, dtype })

/** Pairs of texts, [CLS] a a [SEP] b b [SEP] and padding, of several lengths: rows [from, to) of four, T tokens wide. */
const textsOf = (from: number, to: number, T = 9): Batch => {
  const rows = Array.from({ length: to - from }, (_, i) => from + i)
  const of = (f: (row: number, t: number) => number): readonly number[] =>
    rows.flatMap((row) => Array.from({ length: T }, (_, t) => f(row, t)))
  const second = (row: number): number => 3 + (row % 2)
  const end = (row: number): number => second(row) + 2 + (row % 3)
  const segment = (row: number, t: number): number =>
    t === 0 || t === second(row) || t >= end(row) ? 0 : t < second(row) ? 1 : 2
  const B = rows.length
  return {
    ids: array(of((row, t) => (t > end(row) ? 1 : 2 + ((5 * row + 3 * t) % 17))), 'i32', B, T), // prettier-ignore
    segments: array(of(segment), 'i32', B, T),
    isToken: array(of((row, t) => (t <= end(row) ? 1 : 0)), 'bool', B, T), // prettier-ignore
    targets: array(rows.map((row) => row % 3), 'i32', B), // prettier-ignore
    weights: array(rows.map(() => 1), 'f32', B), // prettier-ignore
    count: array([4], 'f32', 1),
    exampleLo: array(rows, 'i32', B),
    exampleHi: array(rows.map(() => 0), 'i32', B), // prettier-ignore
  }
}

const posteriorOf = (config: PairModel, head: 'pooled' | 'san'): LogPosterior<Params, Batch> =>
  builtOnce((p, batch, runKey, perturb) => {
    const d = passDropout(config, batchKey(runKey, batch))
    const hidden = mainHidden(config, p, lookUp(mainTable(p), batch.ids), d, batch.isToken, perturb)
    return head === 'pooled'
      ? logSoftmax(pooledLogits(p.pooled, hidden, d))
      : sanLogPosterior(sanForm, p.san, hidden, batch.segments, d)
  })

/** A task's loss by a head, with a regulariser. */
const lossOf = (config: PairModel, pdr: PdrConfig, head: 'pooled' | 'san' = 'pooled'): LossFn<Params, Batch> => {
  const posterior = posteriorOf(config, head)
  return withPdr(
    pdr,
    posterior,
  )((p, batch, runKey) => {
    const nll = crossEntropy(posterior(p, batch, runKey, unperturbed), batch.targets)
    const loss = div(sum(mul(nll, batch.weights)), reshape(batch.count, []))
    return { loss, metrics: { nll: loss } }
  })
}

/** Loss and gradient. */
const derived = (loss: LossFn<Params, Batch>, batch: Batch): readonly Float64Array[] => {
  const { value, grads } = valueAndGrad((p: Params) => loss(p, batch, key).loss)(params)
  return evaluate([value, ...exprLeaves(grads)])
}
const paths = ['loss', ...leavesOf<Expr>(params).map(([path]) => path)]
const all = textsOf(0, 4)

const large: { readonly [M in PdrConfig['mode']]: PdrConfig } = {
  random: { ...pdrDefaults.random, eps: 0.5 },
  adversarial: { ...pdrDefaults.adversarial, eps: 0.5, xi: 0.1 },
  smart: { ...pdrDefaults.smart, eps: 0.5, xi: 0.1, eta: 0.1 },
  sift: { ...pdrDefaults.sift, xi: 0.1, eta: 0.1 },
}

describe('training/robust on an encoder', (test) => {
  for (const mode of pdrModes)
    for (const head of ['pooled', 'san'] as const)
      test(`${mode}, ${head} head: micro-batches add up and padding changes nothing, dropout included; layers again give the same`, () => {
        const loss = lossOf(pair, large[mode], head)
        const whole = derived(loss, all)
        const [a, b] = [derived(loss, textsOf(0, 1)), derived(loss, textsOf(1, 4))]
        whole.forEach((want, i) => {
          const added = [...want].map((_, k) => a[i]![k]! + b[i]![k]!)
          assertClose(added, want, { tolerance: 1e-11, label: paths[i]! })
        })
        const again = derived(lossOf({ ...pair, remat: 'layers' }, large[mode], head), all)
        whole.forEach((want, i) => assertClose(again[i]!, want, { tolerance: 1e-12, label: paths[i]! }))
        // Dropout of attention is drawn by place among T² others: it is left out where T changes.
        const wide = derived(lossOf(still, large[mode], head), textsOf(0, 4, 12))
        derived(lossOf(still, large[mode], head), all).forEach((want, i) =>
          assertClose(wide[i]!, want, { tolerance: 1e-11, label: paths[i]! }),
        )
      })

  test('every parameter that the posterior reads has a gradient of the regulariser', () => {
    for (const mode of pdrModes) {
      const posterior = posteriorOf(still, 'pooled')
      const none: LossFn<Params, Batch> = () => ({ loss: ops.literal({ value: 0, shape: [], dtype: 'f32' }), metrics: {} }) // prettier-ignore
      derived(withPdr(large[mode], posterior)(none), all).forEach((g, i) => {
        const reads = !paths[i]!.startsWith('san/')
        assert.is(g.some((x) => x !== 0), reads, `${mode}: ${paths[i]}`) // prettier-ignore
      })
    }
  })

  test('adversarial noise moves the posterior further than random noise of its length: on average, and for most texts', () => {
    const posterior = (perturb: typeof unperturbed): Expr => posteriorOf(still, 'pooled')(params, all, key, perturb)
    const clean = posterior(unperturbed)
    const apart = (search: NoiseSearch, seed: number): readonly number[] => {
      const { perturb } = findNoise(search, posterior, clean, all.isToken, batchKey(keyOf(seed), all))
      return [...evaluate([divergences.js(clean, posterior(perturb))])[0]!]
    }
    const form = { eps: 0.05, norm: 'l2', noise: 'tok' } as const
    const seeds = [1, 2, 3, 4, 5]
    const [chance, sought] = [
      seeds.map((seed) => apart(randomNoise({ mode: 'random', ...form }), seed)),
      seeds.map((seed) => apart(adversarialNoise({ mode: 'adversarial', ...form, xi: 1e-3, steps: 1 }, divergences.js), seed)), // prettier-ignore
    ]
    const mean = (x: readonly (readonly number[])[]): number => x.flat().reduce((s, v) => s + v, 0) / x.flat().length
    assert.ok(mean(sought) > 3 * mean(chance), `${mean(sought)} and ${mean(chance)}`)
    const wins = sought.flat().filter((x, i) => x > chance.flat()[i]!).length
    assert.ok(wins >= 18, `${wins} of 20`)
  })

  for (const compute of ['f16', 'bf16'] as const)
    test(`under ${compute} loss and gradient are finite, and near those of f32 where noise is above its last place`, () => {
      for (const mode of pdrModes) {
        const tiny = withPolicy({ compute })(lossOf(pair, { ...pdrDefaults[mode], alpha: 2 }, 'san'))
        for (const [i, g] of derived(tiny, all).entries()) assert.ok(g.every(Number.isFinite), `${mode}: ${paths[i]}`)
        const [got, want] = [withPolicy({ compute })(lossOf(pair, large[mode])), lossOf(pair, large[mode])].map((f) => derived(f, all)) // prettier-ignore
        const apart = Math.hypot(...got!.flatMap((g, i) => [...g].map((x, k) => x - want![i]![k]!)))
        const size = Math.hypot(...want!.flatMap((g) => [...g]))
        assert.ok(apart < (compute === 'f16' ? 0.05 : 0.4) * size, `${mode}: ${apart / size}`)
      }
    })

  test('the fused plan of a regularised loss has the numbers of the expression', () => {
    for (const mode of pdrModes) {
      const { value, grads } = valueAndGrad((p: Params) => lossOf(pair, large[mode])(p, all, key).loss)(params)
      const outputs = [value, grads.main.layers['layer00']!.attention.qkv.weight]
      const plan = compile(() => ({ outputs: outputs.map((e, i) => ({ name: String(i), value: e })) }))
      if (E.isLeft(plan)) throw plan.left
      const got = interpretPlan(plan.right, new Map())
      evaluate(outputs).forEach((want, i) =>
        assertClose(got.get(String(i)) as ArrayLike<number>, want, { tolerance: 1e-10, label: mode }),
      )
    }
  })

  test('with draws of its own the regulariser measures dropout first; with the same draws the noise', () => {
    const pdrOf = (draws: 'own' | 'same'): number =>
      numberOf(lossOf(pair, { ...pdrDefaults.adversarial, draws })(params, all, key).metrics['pdr']!)
    assert.ok(pdrOf('own') > 1e3 * pdrOf('same'), `${pdrOf('own')} and ${pdrOf('same')}`)
    assert.ok(pdrOf('same') > 0)
  })
})
