import { spawn } from 'node:child_process'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../harness'

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const bench = (script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  new Promise((done) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
      env: { ...process.env, ...env },
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('close', (code) => done({ code, stdout, stderr }))
  })

const quick = ['--json', '--rounds', '1', '--steps', '1']

// PyTorch 2.13 on this problem
const losses = [9.0305, 8.2257, 7.4664, 6.815, 6.3042, 5.8427, 5.4134, 5.0138, 4.6469, 4.2912]

describe('bench', (test) => {
  test('bench:peers measures what it promises, on the step whose losses PyTorch gives', async () => {
    const { code, stdout, stderr } = await bench('peers.mjs', [...quick, '--only', 'emend wasm', '--threads', '2'])
    assert.is(code, 0, stderr)
    const result = JSON.parse(stdout) as Readonly<Record<string, unknown>>
    assert.is(result['name'], 'emend wasm')
    assert.is(result['threads'], 2)
    for (const key of ['stepMs', 'matmul512', 'matmul1024', 'rssMb']) assert.ok((result[key] as number) > 0, key)
    const got = result['losses'] as readonly number[]
    assert.is(got.length, 10)
    got.forEach((loss, i) => assert.ok(Math.abs(loss - losses[i]!) < 5e-4, `loss ${i + 1}: ${loss}`))
  })

  test('a peer that cannot be had says why', async () => {
    const python = { EMEND_TORCH_PYTHON: '/nowhere/python' }
    const { code, stdout } = await bench('peers.mjs', [...quick, '--only', 'torch'], python)
    assert.is(code, 1)
    assert.equal(JSON.parse(stdout), { name: 'torch', skipped: '/nowhere/python cannot import torch' })
  })

  test('bad options are refused with what is allowed', async () => {
    for (const [args, message] of [
      [['--only', 'numpy'], /--only: one of emend wasm, .*torch, got numpy/],
      [['--rounds', 'many'], /--rounds: a whole number above 0, got many/],
      [['--fast'], /--fast/],
    ] as const) {
      const { code, stderr } = await bench('peers.mjs', args)
      assert.is(code, 2)
      assert.match(stderr, message)
    }
    for (const [args, message] of [
      [['--batch', '6', '--rows', '4'], /--batch: expected a multiple of --rows 4, got 6/],
      [['--preset', 'huge'], /--preset: expected one of tiny, .*xxl, got huge/],
      [['--precision', 'f32,f8'], /--precision: expected some of f32, f16, got f8/],
    ] as const) {
      const { code, stderr } = await bench('gpu.mjs', args)
      assert.is(code, 2)
      assert.match(stderr, message)
    }
    for (const [args, message] of [
      [[], /--from: a pretrained run, got none/],
      [['--from', 'x', '--data', '/nowhere'], /--data: a folder with glue\/ in it, got \/nowhere/],
      [['--from', 'x', '--only', 'squad'], /--only: one of cola, .*qnli, got squad/],
    ] as const) {
      const { code, stderr } = await bench('glue.mjs', args)
      assert.is(code, 2)
      assert.match(stderr, message)
    }
    for (const [args, message] of [
      [['matmull'], /no suite matmull\n.*step, matmul, elementwise, scaling, compile, tokenizer/],
      [['matmul', '--steps', '3'], /--steps is of the suite precision/],
      [['predict', '--data', 'x'], /--data is of the suite finetune/],
      [['precision', '--seeds', '0'], /--seeds: expected a whole number above 0, got 0/],
    ] as const) {
      const { code, stderr } = await bench('run.mjs', args)
      assert.is(code, 2)
      assert.match(stderr, message)
    }
  })
})
