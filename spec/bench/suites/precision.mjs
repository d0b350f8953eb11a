import { writeFile } from 'node:fs/promises'
import { exprLeaves, input, keyOf, mul, topological } from 'emend/core'
import { valueAndGrad } from 'emend/autodiff'
import { initParameters, pairConfig, parameterAvals } from 'emend/models'
import {
  batchArrays,
  batchAt,
  batchAvals,
  evalStep,
  holes,
  loadCorpus,
  openTrainer,
  prepare,
  readAll,
  recipeOf,
  seedArrays,
  sizeDefaults,
  tNlrV5,
  uploadAll,
} from 'emend/training'
import { addresses } from '../emend/addresses.mjs'
import { openWasm, unwrap } from '../emend/open.mjs'
import { gradientHistogram } from '../runner/histogram.mjs'
import { median } from '../runner/measure.mjs'

export const title = 'tiny pretrained in each precision: held-out loss (f32), and gradients that half precision loses'

/** What is compared. `fairseq` is what --precision f16 has by default. */
const variants = [
  { precision: 'f32', lossScale: 'none' },
  { precision: 'f16', lossScale: 'fairseq' },
  { precision: 'f16', lossScale: 'apex' },
  { precision: 'f16', lossScale: 'none' },
  { precision: 'bf16', lossScale: 'none' },
]
const heldOutBatches = 16

/** Gradients that matrix products on the way back read, seen through transposes and the like: in every precision the same list. */
const readByProducts = (roots) => {
  const onWayBack = (e) => e.path.includes('∂')
  const underViews = (e) => (['reshape', 'transpose', 'repeat'].includes(e.op.name) ? underViews(e.inputs[0]) : e)
  const products = topological(roots).filter((e) => e.op.name === 'matmul' && onWayBack(e))
  return [...new Set(products.flatMap((e) => e.inputs.map(underViews)).filter(onWayBack))]
}

export const run = async ({ corpus: files, steps = 300, seeds = 3, svg }) => {
  const device = await openWasm()
  const { batch, seq, vocab, lr } = sizeDefaults('tiny')
  const corpus = unwrap(
    await loadCorpus({ files: files ?? addresses(), vocab, seq, batch, heldOutShare: 0.05 }, undefined)(),
  )
  const model = pairConfig('tiny', vocab, seq)
  const avals = batchAvals(batch, seq)
  const params = parameterAvals(model)
  const plain = tNlrV5(model)
  const [train, evaluated] = [
    unwrap(await corpus.train.sample(Infinity)()),
    unwrap(await corpus.heldOut.sample(Infinity)()),
  ]
  const batchOf = (blocks, seed, step) => batchAt(blocks, { batch, seed, step })
  const upload = async (data, seed) =>
    unwrap(await uploadAll(device, [...batchArrays(data, avals), ...seedArrays(seed)])())

  let logged
  const evaluator = unwrap(
    await prepare(device, () => {
      const step = evalStep({ loss: tNlrV5({ ...model, dropout: 0, attentionDropout: 0 }), params, batch: avals })
      logged = step.logged
      return step.program
    })(),
  )
  const parametersOf = (state) => [...state.values].filter(([name]) => name.startsWith('params/'))
  /** Mean over fixed held-out batches with fixed draws, in f32 whatever it was trained in. */
  const heldOut = async (state) => {
    let sum = 0
    for (let i = 0; i < heldOutBatches; i++) {
      const given = await upload(batchOf(evaluated, 1, i), 1)
      const out = unwrap(await evaluator.run(new Map([...parametersOf(state), ...given]))())
      const [log] = unwrap(await readAll(device, out)()).values()
      device.free([...out.values()])
      sum += log[logged.indexOf('loss')] / heldOutBatches
    }
    return sum
  }

  /** The gradients of a batch at a state, of a loss times `scale`: the parameters', and those that products read on the way back. */
  const gradients = async (state, precision, scale) => {
    const { loss } = recipeOf({ precision, lossScale: 'none', lr, warmup: 1, steps, weightDecay: 0, clip: 0 }, plain)
    const program = () => {
      const limb = (name) => input(name, [], 'i32')
      const key = keyOf({ lo: limb('seed/lo'), hi: limb('seed/hi') })
      const { grads } = valueAndGrad((p) => mul(loss(p, holes('batch', avals), key).loss, scale))(
        holes('params', params),
      )
      const leaves = exprLeaves(grads)
      return {
        outputs: [
          ...leaves.map((value, i) => ({ name: `parameters/${i}`, value })),
          ...readByProducts(leaves).map((value, i) => ({ name: `activations/${i}`, value })),
        ],
      }
    }
    const runner = unwrap(await prepare(device, program)())
    const given = await upload(batchOf(train, 1, steps), 1)
    const out = unwrap(await runner.run(new Map([...parametersOf(state), ...given]))())
    const read = [...unwrap(await readAll(device, out)())]
    device.free([...out.values(), ...given.values()])
    runner.dispose()
    const of = (kind) => read.flatMap(([name, g]) => (name.startsWith(kind) ? [...g] : []))
    return { parameters: of('parameters/'), activations: of('activations/') }
  }
  /** Of the numbers that are not 0 in f32, the share that is 0 here. */
  const lost = (got, exact) => {
    const there = exact.reduce((n, g) => n + (g === 0 ? 0 : 1), 0)
    return got.reduce((n, g, i) => n + (g === 0 && exact[i] !== 0 ? 1 : 0), 0) / there
  }

  const rows = []
  for (const { precision, lossScale } of variants) {
    const settings = { precision, lossScale, lr, warmup: Math.ceil(steps / 10), steps, weightDecay: 0.01, clip: 2 }
    const { loss, optimizer, rate } = recipeOf(settings, plain)
    const losses = []
    const stepMs = []
    const lostShare = { parameters: 0, activations: 0 }
    let [skipped, scale] = [0, 1]
    for (let seed = 1; seed <= seeds; seed++) {
      const trainer = unwrap(
        await openTrainer({
          device,
          loss,
          optimizer,
          schedule: rate,
          params,
          batch: avals,
          seed,
          tokensPerStep: batch * seq,
        })(),
      )
      const first = new Map([...initParameters(model, seed)].map(([path, data]) => [`params/${path}`, data]))
      let state = unwrap(await trainer.start(first)())
      for (let step = 0; step < steps; step++) {
        const began = performance.now()
        const taken = unwrap(await trainer.step(state, [batchOf(train, seed, step)])())
        stepMs.push(performance.now() - began)
        state = taken.state
        scale = taken.record.lossScale
        skipped += taken.record.skipped ? 1 : 0
      }
      losses.push(await heldOut(state))
      const exact = await gradients(state, 'f32', 1)
      const here = await gradients(state, precision, scale)
      for (const kind of Object.keys(lostShare)) lostShare[kind] += lost(here[kind], exact[kind]) / seeds
      if (svg !== undefined && precision === 'f16' && lossScale === 'apex' && seed === 1) {
        const plainHalf = await gradients(state, 'f16', 1)
        const [a, b, c] = [exact, plainHalf, here].map(({ activations }) => activations)
        await writeFile(svg, gradientHistogram({ exact: a, plain: b, scaled: c, scale }))
      }
      device.free([...state.values.values()])
      trainer.dispose()
    }
    rows.push({
      precision,
      lossScale,
      losses,
      stepMs: median(stepMs),
      skipped: skipped / seeds,
      scale,
      lost: lostShare,
    })
  }
  evaluator.dispose()
  await device.close()
  const mean = (xs) => xs.reduce((a, b) => a + b, 0) / xs.length
  const base = mean(rows[0].losses)
  return { rows: rows.map((r) => ({ ...r, mean: mean(r.losses), above: mean(r.losses) / base - 1 })), skipped: [] }
}

export const columns = [
  ['precision', (r) => r.precision],
  ['loss scale', (r) => r.lossScale],
  ['held-out loss, by seed', (r) => r.losses.map((x) => x.toFixed(3)).join('  ')],
  ['mean', (r) => r.mean.toFixed(3)],
  ['to f32, %', (r) => `${r.above >= 0 ? '+' : ''}${(100 * r.above).toFixed(2)}`],
  ['lost: parameters, %', (r) => (100 * r.lost.parameters).toFixed(2)],
  ['activations, %', (r) => (100 * r.lost.activations).toFixed(2)],
  ['last scale', (r) => r.scale],
  ['skipped', (r) => r.skipped.toFixed(1)],
  ['step ms', (r) => r.stepMs.toFixed(0)],
]
