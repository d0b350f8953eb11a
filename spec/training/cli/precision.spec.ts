import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, smallSettings, workshop, type CliResult } from './run-cli'

const { folder, text, config } = workshop()
const run = (out: string, ...more: readonly string[]): Promise<CliResult> =>
  emend(['pretrain', '--json', '--corpus', text, '--config', config, '--out', join(folder, out), ...more])

/** t-nlrv5, whose gradient is NaN in the steps that hold the given examples, though its loss is not. */
const planted = (name: string, examples: readonly number[]): string => {
  const path = join(folder, `${name}.mjs`)
  writeFileSync(
    path,
    `import { add, eq, mean, mul, reduceMax, cast, sqrt, sub, scalar } from 'emend/core'
     import { tNlrV5 } from 'emend/training'
     export const planted = (config) => (params, batch, key) => {
       const { loss, metrics } = tNlrV5(config)(params, batch, key)
       const hits = ${JSON.stringify(examples)}.map((n) => reduceMax(cast(eq(batch.exampleLo, n), 'f32')))
       const left = sub(1, hits.reduce((a, b) => add(a, b), scalar(0))) // 0 at a hit: the root's slope is infinite there
       return { loss: add(loss, sub(sqrt(add(left, mul(mean(params.embedding.token), 0))), left)), metrics }
     }`,
  )
  return `${path}#planted`
}

/** Lines of steps without what depends on the clock. */
const stepLines = ({ stdout }: CliResult) =>
  jsonLines(stdout)
    .filter((line) => !('done' in line))
    .map(({ tokensPerSecond: _, ...rest }) => rest)

const half = run('half', '--precision', 'f16', '--device', 'wasm')

describe('training/cli: precision', (test) => {
  test('lines tell the loss scale and what was skipped; a run in f32 has neither scale nor skips', async () => {
    const [plain, scaled] = [await run('plain'), await half]
    assert.is(plain.code, 0, plain.stderr)
    assert.is(scaled.code, 0, scaled.stderr)
    for (const line of stepLines(plain)) assert.equal([line['lossScale'], line['skipped']], [1, false])
    for (const line of stepLines(scaled)) assert.equal([line['lossScale'], line['skipped']], [128, false])
    const [a, b] = [plain, scaled].map((r) => stepLines(r).at(-1)!['loss'] as number) as [number, number]
    assert.ok(a !== b && Math.abs(a - b) < 0.02 * a, `${a} in f32, ${b} in f16`)
  })

  test('the report draws the scale of a run that has one', async () => {
    await half
    assert.match(readFileSync(join(folder, 'half', 'report.html'), 'utf8'), '"title":"Loss scale"')
    await run('plain-report')
    assert.not.match(readFileSync(join(folder, 'plain-report', 'report.html'), 'utf8'), '"title":"Loss scale"')
  })

  test('bf16 needs no scale; f32 may have one, which changes no bit', async () => {
    const [bf16, plain, scaled] = await Promise.all([
      run('bf16', '--precision', 'bf16'),
      run('f32', '--device', 'wasm'),
      run('f32-scaled', '--device', 'wasm', '--loss-scale', 'static:init=2^10'),
    ])
    assert.is(bf16.code, 0, bf16.stderr)
    assert.equal(
      stepLines(scaled).map(({ lossScale: _, ...rest }) => rest),
      stepLines(plain).map(({ lossScale: _, ...rest }) => rest),
    )
  })

  const overflows = ['--precision', 'f16', '--loss-scale', 'apex:init=2^10,window=4', '--device', 'wasm']

  test('a planted overflow is skipped: the scale halves, the rate waits, the run goes on', async () => {
    const result = await run('planted', ...overflows, '--objective', planted('fifth', [17])) // rows 16..19 are step 5
    assert.is(result.code, 0, result.stderr)
    const all = stepLines(result)
    assert.equal(
      all.map((l) => l['skipped']),
      all.map((_, i) => i === 4),
    )
    assert.equal(
      all.map((l) => Math.log2(l['lossScale'] as number)),
      [10, 10, 10, 10, 11, 10, 10, 10, 10, 11, 11, 11],
    )
    assert.is(all[4]!['gradNorm'], null)
    assert.is(all[5]!['lr'], all[4]!['lr'])
    assert.ok(all.every((l) => Number.isFinite(l['loss'])))
    assert.ok((all.at(-1)!['loss'] as number) < (all[0]!['loss'] as number))
  })

  test('killed after an overflow and resumed: bit for bit the uninterrupted run, scale and rate included', async () => {
    const objective = ['--objective', planted('fifth-again', [17])]
    const whole = stepLines(await run('overflow-whole', ...overflows, ...objective))
    const out = join(folder, 'overflow-killed')
    const args = ['pretrain', '--json', '--corpus', text, '--config', config, '--out', out, ...overflows, ...objective]
    await emend(args, {
      watch: (stdout, child) => {
        if (stdout.includes('"step":8,')) child.kill('SIGKILL')
      },
    })
    const resumed = await run('overflow-killed', ...overflows, ...objective, '--resume')
    assert.is(resumed.code, 0, resumed.stderr)
    const lines = stepLines(resumed)
    assert.ok(lines.length > 0 && lines.length < smallSettings.steps)
    assert.equal(lines, whole.slice(-lines.length))
  })

  test('an overflow at the least scale ends the run with exit 4 and keeps the last checkpoint', async () => {
    const objective = planted('seventh', [24, 28, 32]) // steps 7, 8, 9
    const least = ['--precision', 'f16', '--loss-scale', 'deepspeed:init=2,hysteresis=1', '--device', 'wasm']
    const { code, stderr } = await run('exhausted', ...least, '--objective', objective)
    assert.is(code, 4, stderr)
    assert.match(stderr, /step 8/)
    assert.match(
      stderr,
      /expected finite gradients at a loss scale above the least of deepspeed.*, got an overflow at 1/,
    )
    const [, kept] = /the last checkpoint is (\S+\.safetensors)/.exec(stderr)!
    assert.match(kept!, /step-00000006/)
    assert.ok(readdirSync(join(folder, 'exhausted')).includes('step-00000006.safetensors'))
  })

  test('a precision or a scaler that is none is refused with those that are', async () => {
    for (const [args, message] of [
      [['--precision', 'f8'], /precision: expected f32 \| f16 \| bf16, got "f8"/],
      [['--loss-scale', 'apexx'], /lossScale: expected fairseq \| .* \| none, got "apexx"/],
      [['--loss-scale', 'apex:windw=3'], /expected settings init, .*, got "windw=3"/],
      [['--loss-scale', 'apex:init=0'], /init: expected a number > 0, got "0"/],
    ] as const) {
      const { code, stderr } = await run('refused', ...args)
      assert.is(code, 2, stderr)
      assert.match(stderr, message)
    }
  })

  test('a run in another precision is not resumed', async () => {
    await half
    const { code, stderr } = await run('half', '--precision', 'bf16', '--device', 'wasm', '--resume')
    assert.is(code, 2)
    assert.match(stderr, /precision/)
  })

  test('plan tells what activations and gradients take, about half as much in f16', async () => {
    const planned = async (precision: string) => {
      const { code, stdout, stderr } = await emend(['plan', '--json', '--preset', 'small', '--precision', precision])
      assert.is(code, 0, stderr)
      return JSON.parse(stdout) as Readonly<Record<string, number | string>>
    }
    const [f32, f16] = [await planned('f32'), await planned('f16')]
    assert.equal([f16['precision'], f16['lossScale']], ['f16', 'fairseq'])
    const ratio = (f16['workBytes'] as number) / (f32['workBytes'] as number)
    assert.ok(ratio > 0.4 && ratio < 0.55, String(ratio))
  })
})
