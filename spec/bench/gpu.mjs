// npm run bench:gpu [-- options]: the step of the pair and a large matrix product on this machine's GPU, kernel by kernel, and PyTorch beside them.
import { parseArgs } from 'node:util'
import { maskSlots, sizeDefaults } from 'emend/training'
import { pairConfig, presetNames } from 'emend/models'
import { measureStep, openGpu, timeProduct } from './gpu/emend.mjs'
import { runTorch } from './gpu/torch.mjs'
import { findTorch } from './runner/install.mjs'
import { machine, median, spread } from './runner/measure.mjs'
import { table } from './runner/print.mjs'

const usage = `usage: npm run bench:gpu [-- options]
  --preset NAME     size of the pair (default base)
  --rows N          rows of a micro-batch (default 8)
  --batch N         rows of a step (default 32)
  --seq N           tokens of a row (default 512)
  --vocab N         entries of the vocabulary (default: the size's)
  --steps N         steps that are measured, after two (default 5)
  --precision A,B   of f32, f16 (default both)
  --matmul N        size of the matrix product; 0: none (default 4096)
  --peak F32,F16    TFLOP/s that the GPU can do at most: shares of it are told
  --kernels N       rows of the table of kernels; 0: none (default 25)
  --only A,B        of emend, torch (default both)
  --software        go on where the adapter computes on the CPU, and with PyTorch on the CPU
  --json            one line of JSON a result`
const refuse = (message) => {
  console.error(`${message}\n${usage}`)
  process.exit(2)
}
const given = (() => {
  try {
    const { values } = parseArgs({
      options: {
        preset: { type: 'string', default: 'base' },
        rows: { type: 'string', default: '8' },
        batch: { type: 'string', default: '32' },
        seq: { type: 'string' },
        vocab: { type: 'string' },
        steps: { type: 'string', default: '5' },
        precision: { type: 'string', default: 'f32,f16' },
        matmul: { type: 'string', default: '4096' },
        peak: { type: 'string' },
        kernels: { type: 'string', default: '25' },
        only: { type: 'string', default: 'emend,torch' },
        software: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    return refuse(error.message)
  }
})()
if (given.help) {
  console.log(usage)
  process.exit(0)
}
const whole = (name, least, text) => {
  const n = Number(text)
  return Number.isInteger(n) && n >= least
    ? n
    : refuse(`--${name}: expected a whole number of at least ${least}, got ${text}`)
}
const among = (name, allowed) => {
  const names = given[name].split(',')
  const bad = names.find((n) => !allowed.includes(n))
  return bad === undefined ? names : refuse(`--${name}: expected some of ${allowed.join(', ')}, got ${bad}`)
}
const preset = presetNames.includes(given.preset)
  ? given.preset
  : refuse(`--preset: expected one of ${presetNames.join(', ')}, got ${given.preset}`)
const usual = sizeDefaults(preset)
const [rows, batch, steps] = ['rows', 'batch', 'steps'].map((name) => whole(name, 1, given[name]))
if (batch % rows !== 0) refuse(`--batch: expected a multiple of --rows ${rows}, got ${batch}`)
const seq = given.seq === undefined ? usual.seq : whole('seq', 2, given.seq)
const vocab = given.vocab === undefined ? usual.vocab : whole('vocab', 300, given.vocab)
const product = whole('matmul', 0, given.matmul)
const shown = whole('kernels', 0, given.kernels)
const precisions = among('precision', ['f32', 'f16'])
const only = among('only', ['emend', 'torch'])
const peaks = (given.peak ?? '').split(',').map(Number)
if (given.peak !== undefined && !peaks.every((x) => x > 0))
  refuse(`--peak: expected TFLOP/s above 0, got ${given.peak}`)
const peakOf = (precision) => (given.peak === undefined ? undefined : (peaks[precision === 'f32' ? 0 : 1] ?? peaks[0]))

const model = pairConfig(preset, vocab, seq)
const progress = (text) => process.stderr.write(`${text}\n`)
const tell = (row) => given.json && console.log(JSON.stringify(row))
/** Every result: what it is of, and its row. */
const products = []
const results = []

if (!given.json) {
  console.log(machine())
  console.log(
    `${preset}, vocabulary ${vocab}: ${batch} rows of ${seq} tokens a step, ${rows} at once; matrix product ${product}^3; medians\n`,
  )
}

const addProduct = (who, precision, ms) => {
  const tflops = (2 * product ** 3) / median(ms) / 1e9
  const row = { what: 'matmul', who, precision, n: product, ms: median(ms), spread: spread(ms), tflops }
  products.push(row)
  tell(row)
}
const addStep = (who, precision, { ms, losses, peak, flops, predicted }) => {
  const seconds = median(ms) / 1000
  const row = {
    what: 'step',
    who,
    precision,
    stepMs: median(ms),
    spread: spread(ms),
    tokensPerSecond: (batch * seq) / seconds,
    tflops: flops === undefined ? undefined : flops / seconds / 1e12,
    losses,
    peakBytes: peak,
    predictedBytes: predicted,
  }
  results.push(row)
  tell(row)
  return row
}

let stepFlops
if (only.includes('emend')) {
  const first = await openGpu({})
  if (first.backend.isSoftware === true && !given.software)
    refuse(`no GPU: ${first.backend.detail}; --software measures on it`)
  progress(`emend on ${first.backend.detail}`)
  for (const precision of precisions) {
    if (product > 0) addProduct('emend', precision, await timeProduct(first, product, precision))
  }
  await first.close()
  // Beside the products of the matrix unit, where there is one: the same without.
  if (product > 0 && precisions.includes('f16') && /matrix unit \d/.test(first.backend.detail)) {
    const without = await openGpu({ matrix: false })
    addProduct('emend, no matrix unit', 'f16', await timeProduct(without, product, 'f16'))
    await without.close()
  }
  for (const precision of precisions) {
    progress(`emend: step in ${precision}`)
    const device = await openGpu({})
    const measured = await measureStep(device, { model, rows, batch, seq, precision, steps })
    await device.close()
    stepFlops = measured.predicted.flops
    const row = addStep('emend', precision, {
      ...measured,
      flops: stepFlops,
      predicted: measured.predicted.peakBytes,
    })
    if (shown === 0) continue
    progress(`emend: kernels in ${precision}`)
    const timed = await openGpu({ timed: true }).catch((error) => progress(`no times of kernels: ${error.message}`))
    if (timed === undefined) continue
    const { kernels } = await measureStep(timed, { model, rows, batch, seq, precision, steps: 1 })
    await timed.close()
    const inAll = kernels.reduce((sum, k) => sum + k.ms, 0)
    row.busy = inAll / row.stepMs
    tell({ what: 'kernels', precision, gpuMs: inAll, busy: row.busy, kernels })
    if (!given.json) {
      console.log(`emend, ${precision}: the GPU computes ${inAll.toFixed(1)} of ${row.stepMs.toFixed(1)} ms of a step`)
      console.log(
        table([
          ['kernel', 'runs', 'ms', '% of all', 'TFLOP/s', 'GB/s'],
          ...kernels
            .slice(0, shown)
            .map((k) => [
              k.name,
              k.runs,
              k.ms.toFixed(2),
              ((100 * k.ms) / inAll).toFixed(1),
              (k.flops / k.ms / 1e9).toFixed(2),
              (k.bytes / k.ms / 1e6).toFixed(0),
            ]),
        ]),
      )
      console.log()
    }
  }
}

const skipped = []
if (only.includes('torch')) {
  const torch = await findTorch()
  if (torch.python === undefined) skipped.push(`torch: ${torch.reason}`)
  else
    for (const precision of precisions)
      for (const compiled of [false, true]) {
        const who = compiled ? 'torch compiled' : 'torch'
        progress(`${who}: ${precision}`)
        const job = {
          model,
          rows,
          microBatches: batch / rows,
          seq,
          slots: maskSlots(seq, 0.15),
          steps,
          precision,
          compiled,
          matmul: compiled ? 0 : product,
        }
        try {
          const answers = await runTorch(torch.python, { ...job, software: given.software })
          if (answers.matmul !== undefined) addProduct(`torch on ${answers.ready.device}`, precision, answers.matmul.ms)
          const { ms, losses, peakBytes } = answers.step
          addStep(who, precision, { ms, losses, peak: peakBytes ?? undefined, flops: stepFlops })
        } catch (error) {
          skipped.push(`${who}, ${precision}: ${error.message}`)
        }
      }
}

if (given.json) for (const reason of skipped) tell({ what: 'skipped', reason })
else {
  const share = (row) => {
    const peak = peakOf(row.precision)
    return peak === undefined || row.tflops === undefined ? '' : ((100 * row.tflops) / peak).toFixed(0)
  }
  const optional = (x, text) => (x === undefined ? '' : text(x))
  if (products.length > 0)
    console.log(
      `${table([
        ['matmul', 'precision', 'ms', '± %', 'TFLOP/s', '% of peak'],
        ...products.map((r) => [
          r.who,
          r.precision,
          r.ms.toFixed(2),
          (100 * r.spread).toFixed(0),
          r.tflops.toFixed(2),
          share(r),
        ]),
      ])}\n`,
    )
  console.log(
    table([
      ['step', 'precision', 'ms', '± %', 'tokens/s', 'TFLOP/s', '% of peak', 'busy %', 'peak GB', 'foretold', 'losses'],
      ...results.map((r) => [
        r.who,
        r.precision,
        r.stepMs.toFixed(1),
        (100 * r.spread).toFixed(0),
        r.tokensPerSecond.toFixed(0),
        optional(r.tflops, (x) => x.toFixed(2)),
        share(r),
        optional(r.busy, (x) => (100 * x).toFixed(0)),
        optional(r.peakBytes, (x) => (x / 1e9).toFixed(2)),
        optional(r.predictedBytes, (x) => (x / 1e9).toFixed(2)),
        `${r.losses[0].toFixed(3)} to ${r.losses.at(-1).toFixed(3)}`,
      ]),
    ]),
  )
  for (const reason of skipped) console.log(`skipped: ${reason}`)
}
