import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cores, gflopsOf, median } from '../runner/measure.mjs'
import { startEmend, takeTurns } from '../runner/turns.mjs'

export const title = 'matrix products, float32, GFLOP/s'
const call = promisify(execFile)
const source = fileURLToPath(new URL('../native/sgemm.c', import.meta.url))

/** A C program that calls the BLAS at `library`, playing by the rules of a contestant. */
const compileNative = async (folder) => {
  const program = join(folder, 'sgemm')
  await call('cc', ['-O2', '-o', program, source, '-ldl', '-lm'])
  return (library, threads) => ({
    ask: async ({ n, times }) => {
      const { stdout } = await call(program, [library, String(threads), String(n), String(times)])
      return { ms: stdout.trim().split('\n').map(Number) }
    },
    stop: () => undefined,
  })
}

/** Built in with and without fused multiply-add, by BLAS, and the same BLAS from C; one thread and all. */
export const run = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'emend-bench-'))
  const skipped = []
  const started = []
  const attempt = async (name, threads, start) => {
    try {
      started.push({ name, threads, contestant: await start() })
    } catch (error) {
      skipped.push(`${name}, ${threads} threads: ${error.message.split('\n')[0]}`)
    }
  }
  const native = await compileNative(folder).catch((error) => error)
  for (const threads of new Set([1, cores()])) {
    await attempt('built in', threads, () => startEmend({ threads, matmul: 'wasm' }))
    await attempt('built in, not fused', threads, () => startEmend({ threads, matmul: 'wasm', fused: false }))
    await attempt('BLAS', threads, () => startEmend({ threads, matmul: 'blas' }))
    const blas = started.find(({ name }) => name === 'BLAS')?.contestant.backend
    const library = /products by (\S+?),/.exec(blas ?? '')?.[1]
    await attempt('the same BLAS from C', threads, () => {
      if (native instanceof Error) throw native
      if (library === undefined) throw new Error('no BLAS')
      return native(library, threads)
    })
  }
  const rows = started.map(({ name, threads }) => ({ name, threads }))
  for (const n of [256, 512, 1024, 2048]) {
    const turn = { do: 'matmul', n, times: n > 1024 ? 4 : 20 }
    const ms = await takeTurns(
      started.map(({ contestant }) => contestant),
      5,
      turn,
    )
    for (const [i, row] of rows.entries()) row[n] = gflopsOf(n, median(ms[i]))
  }
  for (const { contestant } of started) await contestant.stop()
  rmSync(folder, { recursive: true })
  return { rows, skipped }
}

export const columns = [
  ['', (r) => r.name],
  ['threads', (r) => r.threads],
  ...[256, 512, 1024, 2048].map((n) => [String(n), (r) => r[n].toFixed(1)]),
]
