import { cores, median, spread } from '../runner/measure.mjs'
import { startEmend, takeTurns } from '../runner/turns.mjs'
import { encoder, gflopOf, parameterCount } from '../problem.mjs'

const { L, H, B, S, V } = encoder
export const title = `training step: ${L} layers, ${H} wide, ${B} x ${S} tokens, vocabulary ${V}; ${parameterCount().toLocaleString('en')} parameters, ${gflopOf().toFixed(1)} GFLOP, float32`

/** The step with each way of multiplying, on one thread and on all; and what 100 further steps do to memory. */
export const run = async () => {
  const threads = [...new Set([1, cores()])]
  const started = []
  for (const matmul of ['wasm', 'blas'])
    for (const n of threads) {
      const options = { matmul, threads: n }
      started.push({ options, contestant: await startEmend(options).catch((error) => error) })
    }
  const there = started.filter(({ contestant }) => !(contestant instanceof Error))
  const contestants = there.map(({ contestant }) => contestant)
  const losses = []
  for (const contestant of contestants) losses.push((await contestant.ask({ do: 'step', times: 10 })).losses)
  const ms = await takeTurns(contestants, 5, { do: 'step', times: 5 })
  const rows = []
  for (const [i, { options, contestant }] of there.entries()) {
    await contestant.ask({ do: 'step', times: 50 }) // until the engine has compiled what it will
    const before = await contestant.ask({ do: 'memory' })
    await contestant.ask({ do: 'step', times: 100 })
    const after = await contestant.ask({ do: 'memory' })
    await contestant.stop()
    rows.push({
      matmul: options.matmul,
      threads: options.threads,
      stepMs: median(ms[i]),
      spread: spread(ms[i]),
      gflops: gflopOf() / (median(ms[i]) / 1000),
      peakMb: before.rssMb,
      growthMb: after.nowMb - before.nowMb,
      loss1: losses[i][0],
      loss10: losses[i][9],
    })
  }
  const skipped = started.flatMap(({ options, contestant }) =>
    contestant instanceof Error ? [`${options.matmul}, ${options.threads} threads: ${contestant.message}`] : [],
  )
  return { rows, skipped }
}

export const columns = [
  ['matmul', (r) => r.matmul],
  ['threads', (r) => r.threads],
  ['step ms', (r) => r.stepMs.toFixed(0)],
  ['± %', (r) => (100 * r.spread).toFixed(1)],
  ['GFLOP/s', (r) => r.gflops.toFixed(1)],
  ['peak MB', (r) => r.peakMb.toFixed(0)],
  ['100 steps later, MB', (r) => `${r.growthMb >= 0 ? '+' : ''}${r.growthMb.toFixed(1)}`],
  ['loss 1', (r) => r.loss1.toFixed(4)],
  ['loss 10', (r) => r.loss10.toFixed(4)],
]
