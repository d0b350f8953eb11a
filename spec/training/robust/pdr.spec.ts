import * as assert from 'uvu/assert'
import {
  dropout,
  evaluate,
  exprLeaves,
  foldIn,
  keyOf,
  mapExprs,
  ops,
  sub,
  topological,
  type ExprTree,
} from '../../../core'
import { grad, valueAndGradAux } from '../../../autodiff'
import { batchKey, type LossFn } from '../../../training/objectives'
import {
  builtOnce,
  divergenceNames,
  divergences,
  noiseNorms,
  noiseUnits,
  pdrDefaults,
  unperturbed,
  withPdr,
  type LogPosterior,
  type PdrConfig,
} from '../../../training/robust'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import {
  held,
  numberOf,
  numbers,
  reader,
  readerLoss,
  readerPosterior,
  slopes,
  T,
  textsOf,
  type ReaderBatch,
  type ReaderParams,
} from './specimens'

const key = keyOf(7)
const batch = textsOf(0, 5, 5)

/** Noise large enough to show in float64 differences. */
const forms: readonly PdrConfig[] = [
  ...noiseNorms.flatMap((norm) =>
    noiseUnits.flatMap((noise): readonly PdrConfig[] => [
      { ...pdrDefaults.random, norm, noise, eps: 0.3 },
      { ...pdrDefaults.adversarial, norm, noise, eps: 0.3, xi: 0.1 },
    ]),
  ),
  ...noiseNorms.flatMap((norm): readonly PdrConfig[] => [
    { ...pdrDefaults.smart, norm, eps: 0.3, xi: 0.1, eta: 0.2, steps: 2 },
    { ...pdrDefaults.sift, norm, xi: 0.1, eta: 0.2 },
  ]),
]
const adversarial: PdrConfig = { ...pdrDefaults.adversarial, eps: 0.3, xi: 0.1 }
const robust = (config: PdrConfig): LossFn<ReaderParams, ReaderBatch> => withPdr(config, readerPosterior)(readerLoss)
const labelOf = (c: PdrConfig): string => [c.mode, c.norm, ...('noise' in c ? [c.noise] : [])].join(', ')

/** Loss, logged scalars and gradient in float64. */
const evaluated = (loss: LossFn<ReaderParams, ReaderBatch>, of: ReaderBatch, p: ReaderParams = reader) => {
  const { value, grads, aux } = valueAndGradAux((q: ReaderParams) => {
    const { loss: total, metrics } = loss(q, of, key)
    return { loss: total, aux: metrics }
  })(p)
  const names = Object.keys(aux).sort()
  const [first, ...rest] = evaluate([value, ...names.map((n) => aux[n]!), ...exprLeaves(grads)])
  return {
    loss: first![0]!,
    metrics: Object.fromEntries(names.map((n, i) => [n, rest[i]![0]!])),
    grads: rest.slice(names.length).map((g) => [...g]),
  }
}

describe('training/robust/pdr', (test) => {
  test('alpha = 0 gives the task loss back: the same function', () => {
    for (const config of Object.values(pdrDefaults))
      assert.is(withPdr({ ...config, alpha: 0 }, readerPosterior)(readerLoss), readerLoss)
  })

  test('task + alpha Σ weight D / count; logged beside what the task logs, without alpha', () => {
    const config: PdrConfig = { ...pdrDefaults.random, alpha: 3, eps: 0.3 }
    let noise = unperturbed
    const watched: LogPosterior<ReaderParams, ReaderBatch> = (p, b, k, perturb) => {
      if (perturb !== unperturbed) noise = perturb
      return readerPosterior(p, b, k, perturb)
    }
    const { loss, metrics } = withPdr(config, watched)(readerLoss)(reader, batch, key)
    const each = numbers(
      divergences.hellinger(
        readerPosterior(reader, batch, key, unperturbed),
        readerPosterior(reader, batch, key, noise),
      ),
    )
    assert.is(each.length, 5)
    const want = each.slice(0, 4).reduce((s, d) => s + d, 0) / 4 // the last example fills up
    assert.ok(want > 1e-4 && each[4]! > 1e-6)
    assert.equal(Object.keys(metrics), ['nll', 'pdr'])
    assertClose([numberOf(metrics['pdr']!)], [want], { tolerance: 1e-14 })
    assertClose([numberOf(loss)], [numberOf(metrics['nll']!) + 3 * want], { tolerance: 1e-14 })
  })

  for (const config of forms)
    test(`${labelOf(config)}: the gradient is that of finite differences for each divergence, and is not zero`, () => {
      for (const divergence of divergenceNames) {
        const loss = withPdr({ ...config, divergence }, readerPosterior)(noTask)
        const { got, want, norm } = slopes((p: ReaderParams) => loss(p, batch, key).loss, reader)
        assertClose([got], [want], { tolerance: 1e-8, label: divergence })
        assert.ok(norm > 1e-4, `${divergence}: ${norm}`)
      }
    })

  test('control: finite differences through the noise are not the gradient, which takes it as it is', () => {
    const loss = (p: ReaderParams) => withPdr(adversarial, readerPosterior)(noTask)(p, batch, key).loss
    const at = (step: number): number =>
      numberOf(loss(mapExprs(reader, (e) => ops.add(e, ops.literal({ value: step, shape: e.aval.shape, dtype: 'f32' }))))) // prettier-ignore
    const through = (at(1e-5) - at(-1e-5)) / 2e-5
    const along = exprLeaves(grad(loss)(reader)).reduce((s, g) => s + numbers(g).reduce((t, x) => t + x, 0), 0)
    assert.ok(Math.abs(along - through) > 1e-4, `${along} and ${through}`)
    assertClose([numberOf(held(loss(reader)))], [numberOf(loss(reader))], { tolerance: 1e-15 })
  })

  test('no noise, no regulariser: 0 with a gradient of 0, for each divergence', () => {
    for (const divergence of divergenceNames)
      for (const config of [
        { ...pdrDefaults.random, eps: 0 },
        { ...pdrDefaults.adversarial, eps: 0 },
        { ...pdrDefaults.smart, eps: 0 },
        { ...pdrDefaults.sift, xi: 0, eta: 0 },
      ]) {
        // prettier-ignore
        const { loss, grads } = evaluated(withPdr({ ...config, divergence }, readerPosterior)(noTask), batch)
        assertClose([loss], [0], { tolerance: 1e-15 })
        for (const g of grads) assertClose(g, g.map(() => 0), { tolerance: 1e-15 }) // prettier-ignore
      }
  })

  for (const config of forms)
    test(`${labelOf(config)}: micro-batches add up, and padding changes nothing`, () => {
      const whole = evaluated(robust(config), batch)
      const micro = [evaluated(robust(config), textsOf(0, 2, 5)), evaluated(robust(config), textsOf(2, 5, 5))]
      const added = micro[0]!.grads.map((g, i) => g.map((x, k) => x + micro[1]!.grads[i]![k]!))
      assertClose([micro[0]!.loss + micro[1]!.loss], [whole.loss], { tolerance: 1e-13 })
      assertClose([micro[0]!.metrics['pdr']! + micro[1]!.metrics['pdr']!], [whole.metrics['pdr']!], { tolerance: 1e-13 }) // prettier-ignore
      const wide = evaluated(robust(config), textsOf(0, 5, 5, T + 3))
      assertClose([wide.loss], [whole.loss], { tolerance: 1e-13 })
      whole.grads.forEach((g, i) => {
        assertClose(added[i]!, g, { tolerance: 1e-12, label: `micro-batches, leaf ${i}` })
        assertClose(wide.grads[i]!, g, { tolerance: 1e-12, label: `padding, leaf ${i}` })
      })
    })

  test('an example whose gradient is not finite has no term: the loss and all gradients are of the others', () => {
    const row = ops.constantArray({ data: [0, 1, 0, 0, 0].flatMap((on) => Array<number>(T * 3).fill(on)), shape: [5, T, 3], dtype: 'bool' }) // prettier-ignore
    const broken: LogPosterior<ReaderParams, ReaderBatch> = (p, b, k, perturb) =>
      readerPosterior(p, b, k, (e) => {
        const noisy = perturb(e)
        const size = ops.where(row, sub(noisy, e), ops.literal({ value: 1, shape: e.aval.shape, dtype: 'f32' }))
        return perturb === unperturbed ? e : ops.where(row, ops.add(e, ops.sqrt(ops.mul(size, ops.mul(size, ops.literal({ value: 0, shape: e.aval.shape, dtype: 'f32' }))))), noisy) // prettier-ignore
      })
    const without = { ...batch, weights: ops.constantArray({ data: [1, 0, 1, 1, 0], shape: [5], dtype: 'f32' }) }
    const got = evaluated(withPdr(adversarial, broken)(noTask), batch)
    const want = evaluated(withPdr(adversarial, readerPosterior)(noTask), without)
    assertClose([got.loss], [want.loss], { tolerance: 1e-14 })
    got.grads.forEach((g, i) => assertClose(g, want.grads[i]!, { tolerance: 1e-13 }))
  })

  test('dropout: noisy passes share draws of their own, or have those of the clean one', () => {
    const dropped: LogPosterior<ReaderParams, ReaderBatch> = (p, b, k, perturb) =>
      readerPosterior(p, b, k, (e) => dropout(0.4, foldIn(batchKey(k, b), 'x'))(perturb(e)))
    const value = (draws: 'own' | 'same', eps: number): number =>
      evaluated(withPdr({ ...adversarial, eps, draws }, dropped)(noTask), batch).loss
    assertClose([value('same', 0)], [0], { tolerance: 1e-15 })
    assert.ok(value('own', 0) > 1e-3, 'what dropout does is measured as well')
    assert.ok(value('same', 0.3) > 1e-4)
    const draws = (own: 'own' | 'same'): number => {
      const { loss } = withPdr({ ...adversarial, draws: own }, dropped)(noTask)(reader, batch, key)
      const random = topological([loss]).filter((e) => e.op.name === 'threefry')
      return new Set(random.map((e) => e.hash)).size
    }
    assert.equal([draws('same'), draws('own')], [3, 4]) // two of the noise, one or two masks
  })

  test('several posteriors of an example are added up: begin and end of a span', () => {
    const both: LogPosterior<ReaderParams, ReaderBatch> = (p, b, k, perturb) => {
      const one = readerPosterior(p, b, k, perturb)
      return ops.transpose({ perm: [1, 0, 2] }, ops.reshape({ shape: [2, ...one.aval.shape] }, ops.concat({ axis: 0 }, one, one))) // prettier-ignore
    }
    const one = evaluated(withPdr(adversarial, readerPosterior)(noTask), batch).loss
    assertClose([evaluated(withPdr(adversarial, both)(noTask), batch).loss], [2 * one], { tolerance: 1e-13 })
  })

  test('builtOnce: one clean pass for the task and the regulariser, the same numbers', () => {
    let passes = 0
    const counted: LogPosterior<ReaderParams, ReaderBatch> = (...args) => {
      passes += 1
      return readerPosterior(...args)
    }
    const task =
      (f: typeof counted): LossFn<ReaderParams, ReaderBatch> =>
      (p, b, k) => ({
        loss: ops.neg(ops.reduceSum({ axes: [0, 1] }, f(p, b, k, unperturbed))),
        metrics: {},
      })
    const built = (f: typeof counted) => {
      passes = 0
      const result = evaluated(withPdr(adversarial, f)(task(f)), batch)
      return { result, passes }
    }
    const [twice, once] = [built(counted), built(builtOnce(counted))]
    assert.equal([twice.passes, once.passes], [4, 3])
    assertClose([once.result.loss], [twice.result.loss], { tolerance: 1e-14 })
    once.result.grads.forEach((g, i) => assertClose(g, twice.result.grads[i]!, { tolerance: 1e-12 }))
    const kept = builtOnce(readerPosterior)
    const other = textsOf(1, 3, 5)
    assert.is(kept(reader, batch, key, unperturbed), kept(reader, batch, key, unperturbed))
    assert.equal(kept(reader, other, key, unperturbed).aval.shape, [2, 3])
    assert.is.not(kept(reader, batch, key, unperturbed), kept(reader, batch, keyOf(7), unperturbed))
  })
})

/** A task without a loss. */
const noTask: LossFn<ReaderParams & ExprTree, ReaderBatch> = () => ({
  loss: ops.literal({ value: 0, shape: [], dtype: 'f32' }),
  metrics: {},
})
