import * as assert from 'uvu/assert'
import { evaluate, evaluateOne, mapExprs, mul, ops, type Expr } from '../../../core'
import { grad, valueAndGrad } from '../../../autodiff'
import { auxiliaryLogits, type PairConfig, type PairParams } from '../../../models'
import {
  batchKey,
  detectionWeight,
  drawReplacements,
  mainDropout,
  mlm,
  tNlrV5,
  type PretrainInputs,
} from '../../../training/objectives'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { asInputs, drawPair, hostBatch, pair, runKey, valuesOf, withReplaced } from './specimens'

const params = drawPair(pair, 1)
const host = hostBatch(2, 4)
const batch = asInputs(host)

type Term = 'mlm' | 'clm' | 'rtd' | 'loss' | 'replaced'

const term =
  (name: Term, data: PretrainInputs = batch, config: PairConfig = pair) =>
  (p: PairParams): Expr => {
    const { loss, metrics } = tNlrV5(config)(p, data, runKey)
    return name === 'loss' ? loss : metrics[name]!
  }
const numberOf = (name: Term, data = batch, p = params, config = pair): number =>
  evaluateOne(term(name, data, config)(p))[0]!

/** The gradient of a term, as numbers by path. */
const gradientOf = (name: Term, data = batch): ReadonlyMap<string, Float64Array> =>
  valuesOf(grad(term(name, data))(params))

const isZero = (x: Float64Array): boolean => x.every((v) => v === 0)
const pathsOf = (gradient: ReadonlyMap<string, Float64Array>, zero: boolean): readonly string[] =>
  [...gradient].flatMap(([path, g]) => (isZero(g) === zero ? [path] : []))

/** The ids that are drawn for the batch. */
const drawn = (): Float64Array =>
  evaluateOne(
    drawReplacements(
      auxiliaryLogits(pair, params, batch.masked, batch.positions),
      batch,
      batchKey(runKey, batch),
      pair,
    ),
  )

const isAuxiliary = (path: string): boolean => /^(aux|head\/mlm)\//.test(path)
const isMain = (path: string): boolean => /^(main|head\/clm|head\/rtd)\//.test(path)

/** All weights 0: every logit is its bias. */
const biasesOnly = (rtdBias: number): PairParams => {
  const zero = mapExprs(params, (e) => mul(e, 0))
  const bias = ops.constantArray({ data: [rtdBias], shape: [1], dtype: 'f32' })
  return { ...zero, head: { ...zero.head, rtd: { ...zero.head.rtd, bias } } }
}

describe('training/objectives/t-nlrv5', (test) => {
  test('loss = mlm + clm + 50 rtd (recipe 2.3, 2.5)', () => {
    assert.is(detectionWeight, 50)
    const [loss, mlmTerm, clm, rtd] = evaluate(
      (['loss', 'mlm', 'clm', 'rtd'] as const).map((name) => term(name)(params)),
    )
    assertClose(loss!, [mlmTerm![0]! + clm![0]! + 50 * rtd![0]!], { tolerance: 1e-14 })
  })

  test('a model that knows nothing: ln V for both language losses, ln 2 for detection', () => {
    const blank = biasesOnly(0)
    assertClose([numberOf('mlm', batch, blank)], [Math.log(pair.vocab)], { tolerance: 1e-12 })
    assertClose([numberOf('clm', batch, blank)], [Math.log(pair.vocab)], { tolerance: 1e-12 })
    assertClose([numberOf('rtd', batch, blank)], [Math.log(2)], { tolerance: 1e-12 })
  })

  test('target 1 is "original": a constant logit b costs softplus(-b) at originals and softplus(b) at replaced tokens', () => {
    const others = Array.from(host.targets, (id) => (id + 1) % pair.vocab)
    const tokens = host.tokens.length
    const masks = host.maskCount[0]!
    const softplus = (x: number): number => Math.log1p(Math.exp(x))
    for (const b of [-4, 0.5, 4]) {
      const p = biasesOnly(b)
      const wrong = masks * softplus(b) + (tokens - masks) * softplus(-b)
      assertClose([numberOf('rtd', withReplaced(batch, others), p)], [wrong / tokens], { tolerance: 1e-12 })
      // What was drawn is the truth everywhere: nothing is replaced.
      assertClose([numberOf('rtd', withReplaced(batch, host.targets), p)], [softplus(-b)], { tolerance: 1e-12 })
    }
    assert.is(numberOf('replaced', withReplaced(batch, host.targets)), 0)
    assertClose([numberOf('replaced', withReplaced(batch, others))], [masks / tokens], { tolerance: 1e-12 })
  })

  test('the masked LM has no gradient in the main model, detection and correction none in the auxiliary: none passes the draw', () => {
    const all = pathsOf(gradientOf('loss'), false)
    assert.equal([...all].sort(), [...valuesOf(params).keys()].sort(), 'every parameter has a gradient of the loss')
    assert.equal(
      pathsOf(gradientOf('mlm'), false),
      all.filter((p) => isAuxiliary(p) || p === 'embedding/token'),
    )
    assert.equal(
      pathsOf(gradientOf('rtd'), false),
      all.filter((p) => (isMain(p) && p !== 'head/clm/bias') || p === 'embedding/token'),
    )
    assert.equal(
      pathsOf(gradientOf('clm'), false),
      all.filter((p) => (isMain(p) && !p.startsWith('head/rtd/')) || p === 'embedding/token'),
    )
  })

  test('a draw that is given is the draw: loss and gradients are the same when its ids come with the batch', () => {
    const given = withReplaced(batch, drawn())
    const [a, b] = [batch, given].map((data) => valueAndGrad(term('loss', data))(params))
    assert.is(evaluateOne(a!.value)[0], evaluateOne(b!.value)[0])
    const [ga, gb] = [valuesOf(a!.grads), valuesOf(b!.grads)]
    for (const [path, g] of ga) assertClose(gb.get(path)!, g, { label: path })
    const other = withReplaced(
      batch,
      drawn().map((id) => (id + 1) % pair.vocab),
    )
    assert.not.equal(numberOf('loss', other), numberOf('loss'), 'control: other ids give another loss')
  })

  test('slots that are not used change no loss and no gradient', () => {
    const K = host.positions.length / 4
    assert.ok(host.weights.includes(0), 'there are unused slots')
    const unused = (data: Int32Array, f: (b: number) => number): Int32Array =>
      data.map((x, slot) => (host.weights[slot] === 1 ? x : f(Math.floor(slot / K))))
    const other = asInputs({
      ...host,
      positions: unused(host.positions, (b) => 3 + b),
      targets: unused(host.targets, (b) => 7 + b),
    })
    const [a, b] = [batch, other].map((data) => valuesOf(grad(term('loss', data))(params)))
    assertClose([numberOf('loss', other)], [numberOf('loss')], { tolerance: 1e-13 })
    for (const [path, g] of a!) assertClose(b!.get(path)!, g, { tolerance: 1e-12, label: path })
  })

  test('losses and gradients of micro-batches, over the counts of the whole batch, add up to those of the whole', () => {
    for (const cut of [1, 2, 3]) {
      const parts = [hostBatch(2, 4, [0, cut]), hostBatch(2, 4, [cut, 4])].map((h) => asInputs(h))
      for (const name of ['loss', 'mlm', 'clm', 'rtd', 'replaced'] as const) {
        const sum = parts.reduce((s, data) => s + numberOf(name, data), 0)
        assertClose([sum], [numberOf(name)], { tolerance: 1e-12, label: `${name}, cut at ${cut}` })
      }
    }
    const whole = gradientOf('loss')
    const [a, b] = [[0, 2] as const, [2, 4] as const].map((rows) => gradientOf('loss', asInputs(hostBatch(2, 4, rows))))
    for (const [path, g] of whole)
      assertClose(
        a!.get(path)!.map((x, i) => x + b!.get(path)![i]!),
        g,
        { tolerance: 1e-12, label: path },
      )
  })

  test('the auxiliary has no dropout, the main model has its own and none where the rates are 0', () => {
    const dry: PairConfig = { ...pair, dropout: 0, attentionDropout: 0 }
    assert.is(mainDropout(dry, runKey), null)
    const given = withReplaced(batch, host.targets)
    assert.is(numberOf('mlm', given, params, dry), numberOf('mlm', given))
    assert.not.equal(numberOf('clm', given, params, dry), numberOf('clm', given))
    const onlyAttention: PairConfig = { ...pair, dropout: 0 }
    assert.not.equal(numberOf('clm', given, params, onlyAttention), numberOf('clm', given, params, dry))
  })

  test('mlm alone is the masked LM of the pair', () => {
    const { loss, metrics } = mlm(pair)(params, batch, runKey)
    assert.is(evaluateOne(loss)[0], numberOf('mlm'))
    assert.equal(Object.keys(metrics), ['mlm'])
  })
})
