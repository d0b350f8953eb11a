import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { evaluate, exprLeaves, leavesOf, topological, type Expr } from '../../core'
import { valueAndGrad } from '../../autodiff'
import { compile, interpretPlan, withPolicy, type ComputeDType, type Plan } from '../../kernels'
import { pairConfig, parameterAvals, type PairModel, type PairParams, type Remat } from '../../models'
import { mlm, tNlrV5, type LossFn, type Objective } from '../../training/objectives'
import { batchAvals } from '../../training/pretrain/shapes'
import { holes, trainStep } from '../../training/step'
import { adamW } from '../../training/optim'
import { describe } from '../harness'
import { assertClose } from '../kit'
import { asInputs, drawPair, hostBatch, pair, runKey } from '../training/objectives/specimens'

const deep: PairModel = { ...pair, mainLayers: 2, auxLayers: 2 }
const params = drawPair(deep, 1)
const batch = asInputs(hostBatch(2, 3))

const lossOf = (objective: Objective<PairParams>, precision: ComputeDType, remat: Remat): LossFn<PairParams> => {
  const plain = objective({ ...deep, remat })
  return precision === 'f32' ? plain : withPolicy({ compute: precision })(plain)
}

/** Loss and gradients, the expressions. */
const derived = (loss: LossFn<PairParams>): readonly (readonly [string, Expr])[] => {
  const { value, grads } = valueAndGrad((p: PairParams) => loss(p, batch, runKey).loss)(params)
  return [['loss', value], ...leavesOf<Expr>(grads)]
}
const numbers = (exprs: readonly (readonly [string, Expr])[]): readonly (readonly [string, readonly number[]])[] => {
  const values = evaluate(exprs.map(([, e]) => e))
  return exprs.map(([path], i) => [path, [...values[i]!]])
}

/** A training step of a model deep enough for its activations to be what takes memory. */
const stepPlan = (remat: Remat, precision: ComputeDType = 'f32'): Plan => {
  const config = { ...pairConfig('tiny', 64, 32), mainLayers: 6, auxLayers: 6, dropout: 0.1, attentionDropout: 0.1 }
  const plain = tNlrV5({ ...config, remat })
  const plan = compile(
    () =>
      trainStep<PairParams>({
        loss: precision === 'f32' ? plain : withPolicy({ compute: precision })(plain),
        optimizer: adamW({ b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay: 0, clipNorm: 1, rate: (step) => step }),
        params: parameterAvals(config),
        batch: batchAvals(16, 32),
      }).program,
  )
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}

describe('models/remat', (test) => {
  for (const [name, objective] of Object.entries({ tNlrV5, mlm }))
    for (const precision of ['f32', 'f16'] as const)
      for (const what of ['attention', 'layers'] as const)
        test(`${name} in ${precision}: loss and gradients of recomputed ${what} are those of kept ones, bit for bit, dropout included`, () => {
          const [kept, again] = (['none', what] as const).map((remat) =>
            numbers(derived(lossOf(objective, precision, remat))),
          )
          for (const [i, [path, want]] of kept!.entries()) {
            const [, got] = again![i]!
            // In halves the bias of all layers is rounded once where they are kept, so that its cotangents add up in halves; else in f32.
            if (precision === 'f16' && path.endsWith('/relativeBias'))
              assertClose(got, want, { tolerance: 2 ** -10, label: path })
            else assert.equal(got, want, path)
          }
        })

  test('each layer of the encoders that are differentiated is computed again, and none where none is asked for', () => {
    const fenced = (objective: Objective<PairParams>, remat: Remat): readonly string[] => {
      const nodes = topological(derived(lossOf(objective, 'f32', remat)).map(([, e]) => e))
      const layers = nodes.filter((e) => e.op.name === 'fence').map(({ path }) => path.slice(0, 2).join('/'))
      return [...new Set(layers)].sort()
    }
    const both = ['aux', 'main'].flatMap((of) => ['layer00', 'layer01'].map((layer) => `${of}/${layer}`))
    assert.equal(fenced(tNlrV5, 'layers'), both)
    assert.equal(fenced(mlm, 'layers'), both.slice(0, 2))
    assert.equal(fenced(tNlrV5, 'attention'), both)
    assert.equal(fenced(tNlrV5, 'none'), [])
  })

  test('dropout masks of a layer are drawn again and not kept', () => {
    const draws = (remat: Remat): number =>
      topological(derived(lossOf(tNlrV5, 'f32', remat)).map(([, e]) => e)).filter(
        (e) => e.op.name === 'threefry' && e.path.some((name) => name.startsWith('layer')),
      ).length
    assert.is(draws('none'), 6) // three in each of two layers
    assert.is(draws('attention'), 8) // attention's own
    assert.is(draws('layers'), 12)
  })

  test('control: dropout with other draws gives other numbers', () => {
    const other = { ...runKey, site: runKey.site + 1 }
    const loss: LossFn<PairParams> = (p, b) => lossOf(tNlrV5, 'f32', 'layers')(p, b, other)
    assert.not.equal(numbers(derived(loss)), numbers(derived(lossOf(tNlrV5, 'f32', 'layers'))))
  })

  for (const precision of ['f32', 'f16'] as const)
    test(`the peak of a step in ${precision} falls by more than half where activations are most of it`, () => {
      const [kept, again] = [stepPlan('none', precision), stepPlan('layers', precision)]
      assert.ok(
        again.cost.workBytes < 0.5 * kept.cost.workBytes,
        `${again.cost.workBytes} of ${kept.cost.workBytes} at work`,
      )
      assert.ok(again.cost.peakBytes < kept.cost.peakBytes, `${again.cost.peakBytes} of ${kept.cost.peakBytes}`)
      assert.ok(again.cost.flops > kept.cost.flops && again.cost.flops < 1.5 * kept.cost.flops)
    })

  test('between nothing and layers: attention is computed again for few FLOPs', () => {
    const { none, attention, layers } = {
      none: stepPlan('none').cost,
      attention: stepPlan('attention').cost,
      layers: stepPlan('layers').cost,
    }
    assert.ok(layers.workBytes < attention.workBytes && attention.workBytes < none.workBytes)
    assert.ok(layers.flops > attention.flops && attention.flops > none.flops)
  })

  test('the fused plan of recomputed layers has the same numbers as the expression', () => {
    const named = holes('params', parameterAvals(deep)) as PairParams
    const { value } = valueAndGrad((p: PairParams) => lossOf(tNlrV5, 'f32', 'layers')(p, batch, runKey).loss)(named)
    const plan = compile(() => ({ outputs: [{ name: 'loss', value }] }))
    if (E.isLeft(plan)) throw plan.left
    const arrays = evaluate(exprLeaves(params))
    const given = new Map(leavesOf<Expr>(named).map(([path], i) => [`params/${path}`, arrays[i]!]))
    const [got] = interpretPlan(plan.right, given).get('loss') as ArrayLike<number> as readonly number[]
    const [, [want]] = numbers(derived(lossOf(tNlrV5, 'f32', 'none')))[0]!
    assert.ok(Math.abs(got! - want!) < 1e-12 * Math.abs(want!), `${got}, ${want}`)
  })
})
