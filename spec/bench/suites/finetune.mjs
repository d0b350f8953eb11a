import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encoderOf, locate, openPair, requireSpecials, taskOf } from 'emend/training'
import { Gone, startContestant } from '../runner/contestant.mjs'
import { findTorch } from '../runner/install.mjs'
import { cores, median } from '../runner/measure.mjs'
import { epochBatches, writeWork } from '../tuning/for-torch.mjs'
import { right, seq, smallCheckpoint } from '../tuning/models.mjs'

export const title = 'an epoch of fine-tuning `small` to RTE, 32 rows of at most 128 tokens a step; compiling included'

const script = (name) => fileURLToPath(new URL(`../contestants/${name}`, import.meta.url))
const settings = { batch: 32, lr: 1e-4, seed: 1, weightDecay: 0.01 }
const dropout = 0.1

export const run = async ({ data = '../shared/data', rounds = 1 }) => {
  const task = taskOf('rte')
  const file = await locate(task, 'train', data)()
  if (file._tag === 'Left')
    return { rows: [], skipped: [`RTE: ${file.left.expected}, got ${file.left.got} (--data DIR)`] }
  const folder = mkdtempSync(join(tmpdir(), 'emend-bench-'))
  try {
    const from = await smallCheckpoint(folder)
    const pair = right(await openPair(from)())
    const { examples } = right(await task.read(file.right, 'train')())
    const encode = right(encoderOf(pair.tokenizer, { seq, separators: 2 }))
    const ids = examples.map((example) => [...encode(example).readings[0].ids])
    const { pad } = right(requireSpecials(pair.tokenizer))
    const batches = epochBatches(ids, examples.map(({ target }) => target), settings, seq, pad) // prettier-ignore
    const work = { model: pair.config, seq, task: task.name, classes: 2, from: pair.checkpoint.path, dropout }
    writeWork(folder, { ...work, optimizer: settings, batches })
    const threads = cores()
    const ours = (matmul) => () => {
      const epoch = { ...settings, task: ['rte'], data, from, epochs: 1, evalsPerEpoch: 1, out: join(folder, matmul) }
      return startContestant(process.execPath, [script('tuning.mjs'), JSON.stringify({ device: { threads, matmul }, epoch })]) // prettier-ignore
    }
    const torch = await findTorch()
    const skipped = torch.python === undefined ? [torch.reason] : []
    const contestants = [
      ['emend, built in', ours('wasm')],
      ['emend, BLAS', ours('blas')],
      ...(torch.python === undefined
        ? []
        : [['PyTorch', () => startContestant(torch.python, [script('encoder.py'), String(threads), folder])]]),
    ].map(([name, start]) => ({ name, start, ms: [], rssMb: 0, loss: 0 }))
    // A process each time: an epoch is what a user waits for, with all that is made on its way.
    for (let round = 0; round < rounds; round++)
      for (const contestant of contestants) {
        try {
          const { ask, stop } = await contestant.start()
          const { ms, losses } = await ask({ do: 'epoch' })
          const { rssMb } = await ask({ do: 'memory' })
          await stop()
          const tail = losses.slice(-20)
          contestant.ms.push(...ms)
          contestant.rssMb = Math.max(contestant.rssMb, rssMb)
          contestant.loss = tail.reduce((a, b) => a + b) / tail.length
        } catch (error) {
          if (!(error instanceof Gone)) throw error
          skipped.push(`${contestant.name}: ${error.message}`)
        }
      }
    const tokens = ids.reduce((n, row) => n + row.length, 0)
    const done = contestants.filter(({ ms }) => ms.length > 0)
    return {
      rows: done.map(({ name, ms, rssMb, loss }) => ({
        name,
        seconds: median(ms) / 1000,
        rowsPerSecond: ids.length / (median(ms) / 1000),
        tokensPerSecond: tokens / (median(ms) / 1000),
        rssMb,
        loss,
      })),
      skipped,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const columns = [
  ['', (r) => r.name],
  ['seconds', (r) => r.seconds.toFixed(0)],
  ['rows/s', (r) => r.rowsPerSecond.toFixed(1)],
  ['tokens/s', (r) => r.tokensPerSecond.toFixed(0)],
  ['peak MB', (r) => r.rssMb.toFixed(0)],
  ['loss of the last 20 steps', (r) => r.loss.toFixed(3)],
]
