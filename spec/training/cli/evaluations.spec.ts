import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, workshop, type CliOptions, type CliResult } from './run-cli'

const { folder, pretrain } = workshop()
const run = (out: string, more: readonly string[], options?: CliOptions): Promise<CliResult> =>
  pretrain(out, ['--device', 'wasm', ...more], options)
const evaluationsOf = (out: string) =>
  jsonLines(readFileSync(join(folder, out, 'held-out.jsonl'), 'utf8')).map(({ step, evaluation }) => ({
    step: step as number,
    evaluation: evaluation as { readonly metrics: { readonly loss: number } },
  }))
const checkpointsIn = (...path: readonly string[]): readonly string[] =>
  readdirSync(join(folder, ...path)).filter((name) => name.endsWith('.safetensors'))

describe('training/cli: evaluations on the way', (test) => {
  const whole = run('whole', ['--eval-every', '4', '--keep', '3'])

  test('--eval-every: held-out figures on the way; the run itself is what it is without', async () => {
    const { code, stdout, stderr } = await whole
    assert.is(code, 0, stderr)
    assert.equal(
      evaluationsOf('whole').map((e) => e.step),
      [0, 4, 8, 12],
    )
    const plain = await run('plain', [])
    assert.is(plain.code, 0, plain.stderr)
    const losses = (lines: string): readonly unknown[] => jsonLines(lines).map((line) => line['loss'])
    assert.equal(losses(stdout), losses(plain.stdout))
    assert.equal(
      evaluationsOf('plain'),
      evaluationsOf('whole').filter((e) => e.step === 0 || e.step === 12),
    )
    assert.not(readdirSync(join(folder, 'plain')).includes('best'))
  })

  test('--keep: so many of the newest checkpoints stay; the best lies in a folder of its own, whole', async () => {
    await whole
    assert.equal(
      checkpointsIn('whole'),
      [6, 9, 12].map((n) => `step-${String(n).padStart(8, '0')}.safetensors`),
    )
    const [best] = [...evaluationsOf('whole')].sort((a, b) => a.evaluation.metrics.loss - b.evaluation.metrics.loss)
    assert.equal(checkpointsIn('whole', 'best'), [`step-${String(best!.step).padStart(8, '0')}.safetensors`])
    const corrected = await emend(['correct', '--from', join(folder, 'whole', 'best'), '--json', 'The people.'])
    assert.is(corrected.code, 0, corrected.stderr)
    assert.is(jsonLines(corrected.stdout)[0]!['step'], best!.step)
  })

  test('killed between a checkpoint and its evaluation, and resumed: the same figures, each once', async () => {
    await whole
    const more = ['--eval-every', '4', '--save-every', '4']
    const killed = await run('killed', more, {
      watch: (stdout, child) => {
        if (stdout.includes('"step":10')) child.kill('SIGKILL')
      },
    })
    assert.is(killed.code, null)
    const file = join(folder, 'killed', 'held-out.jsonl')
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    writeFileSync(file, `${lines.filter((line) => !line.includes('"step":8,')).join('\n')}\n`)
    const resumed = await run('killed', [...more, '--resume'])
    assert.is(resumed.code, 0, resumed.stderr)
    assert.equal(evaluationsOf('killed'), evaluationsOf('whole'))
  })

  test('no such counts: refused', async () => {
    for (const [flag, value, expected] of [
      ['--keep', '0', 'keep: expected a whole number > 0, got 0'],
      ['--eval-every', '-1', 'evalEvery: expected a whole number'],
    ] as const) {
      const { code, stderr } = await run('bad', [flag, value])
      assert.is(code, 2)
      assert.ok(stderr.includes(expected), stderr)
    }
  })
})
