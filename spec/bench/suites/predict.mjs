import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { askedTask, encoderOf, openTuned, requireSpecials } from 'emend/training'
import { Gone, startContestant } from '../runner/contestant.mjs'
import { findTorch } from '../runner/install.mjs'
import { cores, median, spread } from '../runner/measure.mjs'
import { inferenceBatches, writeWork } from '../tuning/for-torch.mjs'
import { right, sentenceModel, seq } from '../tuning/models.mjs'

const count = 512
const rows = 32
const rounds = 5

export const title = `a tuned \`small\` answers ${count} sentences, ${rows} at once; scores beside those of the first`

const script = (name) => fileURLToPath(new URL(`../contestants/${name}`, import.meta.url))

/** The same rows for PyTorch. */
const writeRows = async (folder, { task: name, file, from }) => {
  const { model, settings, tokenizer } = right(await openTuned(from)())
  const { task } = right(await askedTask(name)())
  const { examples } = right(await task.read(file, 'dev')())
  const encode = right(encoderOf(tokenizer, settings))
  const ids = examples.map((example) => [...encode(example).readings[0].ids])
  const { pad } = right(requireSpecials(tokenizer))
  const batches = inferenceBatches(ids, rows, settings.seq, pad)
  writeWork(folder, { model: model.config, seq, task: task.name, classes: 2, from, dropout: 0, rows: count, batches })
}

export const run = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'emend-bench-'))
  try {
    const model = await sentenceModel(folder, count)
    await writeRows(folder, model)
    const threads = cores()
    const ours = (matmul, fused) => () =>
      startContestant(process.execPath, [script('tuning.mjs'), JSON.stringify({ device: { threads, matmul }, predict: { ...model, rows, fused } })]) // prettier-ignore
    const torch = await findTorch()
    const starters = [
      ['emend, built in', ours('wasm', true)],
      ['emend, built in, not fused', ours('wasm', false)],
      ['emend, BLAS', ours('blas', true)],
      ...(torch.python === undefined
        ? []
        : [['PyTorch', () => startContestant(torch.python, [script('encoder.py'), String(threads), folder])]]),
    ]
    const skipped = torch.python === undefined ? [torch.reason] : []
    const contestants = []
    for (const [name, start] of starters) {
      try {
        const { ask, stop } = await start()
        const { scores } = await ask({ do: 'predict' }) // compiles
        contestants.push({ name, ask, stop, scores, ms: [] })
      } catch (error) {
        if (!(error instanceof Gone)) throw error
        skipped.push(`${name}: ${error.message}`)
      }
    }
    for (let round = 0; round < rounds; round++)
      for (const { ask, ms } of contestants) ms.push(...(await ask({ do: 'predict' })).ms)
    const [{ scores: first }] = contestants
    const found = []
    for (const { name, ask, stop, scores, ms } of contestants) {
      const { rssMb } = await ask({ do: 'memory' })
      await stop()
      const furthest = Math.max(...scores.flatMap((own, i) => own.map((x, k) => Math.abs(x - first[i][k]))))
      found.push({ name, sentencesPerSecond: count / (median(ms) / 1000), spread: spread(ms), rssMb, furthest })
    }
    return { rows: found, skipped }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const columns = [
  ['', (r) => r.name],
  ['sentences/s', (r) => r.sentencesPerSecond.toFixed(0)],
  ['± %', (r) => (100 * r.spread).toFixed(0)],
  ['peak MB', (r) => r.rssMb.toFixed(0)],
  ['scores differ by', (r) => r.furthest.toExponential(1)],
]
