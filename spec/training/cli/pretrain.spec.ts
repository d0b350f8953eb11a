import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, smallSettings, workshop, type CliResult } from './run-cli'

// spec: long

const { folder, text, config, pretrain } = workshop()
const run = (out: string, ...more: readonly string[]): Promise<CliResult> => pretrain(out, more)

/** A line without what depends on the clock or the folder. */
const timeless = ({
  tokensPerSecond: _,
  checkpoint: _path,
  report: _report,
  ...rest
}: Readonly<Record<string, unknown>>) => rest
const lines = ({ stdout }: CliResult) => jsonLines(stdout).map(timeless)

const whole = run('whole')

describe('training/cli: pretrain', (test) => {
  test('a line a step with what the interface promises, then one that is done', async () => {
    const { code, stdout, stderr } = await whole
    assert.is(code, 0, stderr)
    const all = jsonLines(stdout)
    assert.is(all.length, smallSettings.steps + 1)
    all.slice(0, -1).forEach((line, i) => {
      assert.is(line['step'], i + 1)
      for (const key of ['loss', 'mlm', 'clm', 'rtd', 'gradNorm', 'lr', 'tokens', 'tokensPerSecond'])
        assert.ok(Number.isFinite(line[key]), `${key} of step ${i + 1}`)
      assert.is(line['backend'], 'gpujs:webasm')
      assert.is(line['tokens'], (i + 1) * 64)
    })
    assert.is(all.at(-1)!['done'], true)
    assert.is(all.at(-1)!['checkpoint'], join(folder, 'whole', 'step-00000012.safetensors'))
  })

  test('the folder holds the run: checkpoints, tokenizer, log, report', async () => {
    await whole
    assert.equal(readdirSync(join(folder, 'whole')).sort(), [
      'config.json',
      'held-out.jsonl',
      'log.jsonl',
      'report.html',
      'step-00000009.safetensors',
      'step-00000012.safetensors',
      'tokenizer.json',
    ])
  })

  test('the same numbers again; an earlier run in the same folder is kept', async () => {
    const first = lines(await whole)
    assert.equal(lines(await run('again')), first)
    const second = await run('again')
    assert.equal(lines(second), first)
    assert.match(second.stderr, /an earlier run was in .*: moved to .*previous-1/)
    assert.ok(readdirSync(join(folder, 'again', 'previous-1')).includes('step-00000012.safetensors'))
  })

  test('the reference device trains too, and agrees', async () => {
    const { code, stdout, stderr } = await run('reference', '--device', 'reference', '--steps', '2', '--warmup', '2')
    assert.is(code, 0, stderr)
    const webasm = jsonLines((await run('two', '--steps', '2', '--warmup', '2')).stdout)
    jsonLines(stdout).forEach((line, i) => {
      for (const key of ['loss', 'mlm', 'clm', 'rtd', 'gradNorm'])
        if (i < 2) {
          const [got, want] = [webasm[i]![key] as number, line[key] as number]
          assert.ok(Math.abs(got - want) <= 1e-5 * Math.abs(want), `${key} of step ${i + 1}: ${got}, ${want}`)
        }
    })
    assert.is(jsonLines(stdout)[0]!['backend'], 'reference')
  })

  test('a run on the reference device resumes bit for bit: its checkpoints hold float64', async () => {
    const args = ['--device', 'reference', '--save-every', '1']
    const all = lines(await run('reference-whole', ...args, '--steps', '3'))
    const killed = await emend(
      [
        'pretrain',
        '--json',
        '--corpus',
        text,
        '--config',
        config,
        '--out',
        join(folder, 'reference-killed'),
        ...args,
        '--steps',
        '3',
      ],
      {
        watch: (out, child) => {
          if (out.includes('"step":2,')) child.kill('SIGKILL')
        },
      },
    )
    assert.is(killed.code, null)
    const resumed = lines(await run('reference-killed', ...args, '--steps', '3', '--resume'))
    assert.equal(resumed, all.slice(all.length - resumed.length))
  })

  test('another seed gives other numbers', async () => {
    assert.not.equal(lines(await run('seed', '--seed', '2')), lines(await whole))
  })

  // Every step is a place to be killed at: the one before a checkpoint, the one after it, in the middle.
  for (const killedAt of [4, 6, 8])
    test(`killed after step ${killedAt} and resumed: bit for bit the uninterrupted run`, async () => {
      const out = `killed-${killedAt}`
      const killed = await pretrain(out, [], {
        watch: (stdout, child) => {
          if (stdout.includes(`"step":${killedAt},`)) child.kill('SIGKILL')
        },
      })
      assert.is(killed.code, null)
      const resumed = await run(out, '--resume')
      assert.is(resumed.code, 0, resumed.stderr)
      const [got, want] = [lines(resumed), lines(await whole)]
      const from = got[0]!['step'] as number
      assert.ok(from > 1, `resumed at step ${from - 1}`)
      assert.equal(got, want.slice(from - 1))
      const log = readFileSync(join(folder, out, 'log.jsonl'), 'utf8')
      assert.is(log.trim().split('\n').length, smallSettings.steps)
      const name = 'step-00000012.safetensors'
      assert.ok(readFileSync(join(folder, out, name)).equals(readFileSync(join(folder, 'whole', name))))
    })

  test('killed before its first checkpoint, a run resumes from its beginning and says so', async () => {
    const args = ['pretrain', '--json', '--corpus', text, '--config', config, '--out', join(folder, 'early')]
    await emend(args, {
      watch: (stdout, child) => {
        if (stdout.includes('"step":1,')) child.kill('SIGKILL')
      },
    })
    const resumed = await run('early', '--resume')
    assert.match(resumed.stderr, /at step 0, before its first checkpoint/)
    assert.equal(lines(resumed), lines(await whole))
  })

  test('a folder in which another run is at work is refused, and that run goes on', async () => {
    let second: ReturnType<typeof emend> | undefined
    const args = ['pretrain', '--corpus', text, '--config', config, '--out', join(folder, 'shared')]
    const first = await pretrain('shared', ['--steps', '40'], {
      watch: (stdout, child) => {
        if (second !== undefined || !stdout.includes('"step":2,')) return
        child.kill('SIGSTOP')
        second = emend(args).finally(() => child.kill('SIGCONT'))
      },
    })
    assert.is(first.code, 0, first.stderr)
    const { code, stderr } = await second!
    assert.is(code, 2)
    assert.match(stderr, /--out: expected a folder in which no other process is at work, got one of process \d+/)
    assert.is(lines(first).length, 40 + 1) // and the one that is done
    assert.not.ok(readdirSync(join(folder, 'shared')).some((name) => /lock|previous/.test(name)))
  })

  test('resuming a finished run takes no step', async () => {
    await whole
    const again = await run('whole', '--resume')
    assert.is(again.code, 0, again.stderr)
    assert.is(jsonLines(again.stdout).length, 1)
  })

  test('SIGINT ends the run with a checkpoint of the step it was at', async () => {
    const args = ['pretrain', '--json', '--corpus', text, '--config', config, '--out', join(folder, 'stopped')]
    let sent = false
    const stopped = await emend(args, {
      watch: (stdout, child) => {
        if (!sent && stdout.includes('"step":2,')) sent = child.kill('SIGINT')
      },
    })
    assert.is(stopped.code, 130, stopped.stderr)
    const last = jsonLines(stopped.stdout).at(-1)!
    assert.is(last['done'], false)
    assert.is(last['checkpoint'], join(folder, 'stopped', `step-${String(last['step']).padStart(8, '0')}.safetensors`))
    const resumed = await run('stopped', '--resume')
    assert.equal(lines(resumed), lines(await whole).slice(last['step'] as number))
  })

  test('a loss that is not finite ends the run with exit 4 and keeps the last checkpoint', async () => {
    const out = join(folder, 'diverged')
    const module = join(folder, 'diverge.mjs')
    writeFileSync(
      module,
      `import { add, log, mean } from 'emend/core'
       // falls along the mean of the table until the logarithm of a negative number
       export const diverge = () => (params) => ({ loss: log(add(mean(params.embedding.token), 1)), metrics: {} })`,
    )
    const args = ['--corpus', text, '--config', config, '--out', out, '--objective', `${module}#diverge`]
    const { code, stderr, stdout } = await emend(['pretrain', '--json', ...args, '--lr', '0.5', '--save-every', '1'])
    assert.is(code, 4, stderr + stdout)
    assert.match(stderr, /training step: expected a finite loss/)
    const [, kept] = /the last checkpoint is (\S+\.safetensors)/.exec(stderr)!
    assert.ok(readFileSync(kept!).length > 1000)
  })
})

describe('training/cli: a user objective', (test) => {
  test('the example of docs/objectives.md trains, its metrics are logged and charted', async () => {
    const document = readFileSync('docs/objectives.md', 'utf8')
    const [, source] = /```js\n(\/\/ from-the-row\.mjs\n[^]*?)```/.exec(document)!
    const module = join(folder, 'from-the-row.mjs')
    writeFileSync(module, source!)
    const { code, stdout, stderr } = await run('mine', '--objective', `${module}#fromTheRow`)
    assert.is(code, 0, stderr)
    const all = jsonLines(stdout)
    assert.is(all.length, smallSettings.steps + 1)
    for (const line of all.slice(0, -1)) {
      assert.ok(Math.abs((line['loss'] as number) - ((line['clm'] as number) + 50 * (line['rtd'] as number))) < 1e-3)
      assert.is('mlm' in line, false)
    }
    assert.match(readFileSync(join(folder, 'mine', 'report.html'), 'utf8'), /CLM/i)
    const padded = await run('mine-padded', '--packing', 'complete-doc', '--objective', `${module}#fromTheRow`)
    assert.is(padded.code, 0, padded.stderr)
    const plan = JSON.parse((await emend(['plan', '--json', '--objective', `${module}#fromTheRow`])).stdout) as {
      parameters: { main: number; parts: readonly { part: string; parameters: number }[] }
    }
    const part = plan.parameters.parts.find((p) => p.part === 'head/doubt')!
    assert.is(part.parameters, 128 * 128 + 128 + 128 + 1)
    const plain = JSON.parse((await emend(['plan', '--json'])).stdout) as typeof plan
    assert.is(plan.parameters.main - plain.parameters.main, part.parameters)
    const texts = ['correct', '--json', '--from', join(folder, 'mine'), 'The people shall have the government.']
    const [mine, pair] = [await emend([...texts, '--objective', `${module}#fromTheRow`]), await emend(texts)]
    assert.is(mine.code, 0, mine.stderr)
    assert.is(pair.code, 0, pair.stderr)
    assert.not.equal(mine.stdout, pair.stdout, 'the head that was trained, and the one that was not')
  })
})

describe('training/cli: correct, plan, doctor', (test) => {
  test('correct gives a probability for each token, which join to the text', async () => {
    await whole
    const sentence = 'The people shall have the government of states.'
    const { code, stdout, stderr } = await emend(['correct', '--json', '--from', join(folder, 'whole'), sentence])
    assert.is(code, 0, stderr)
    const answer = JSON.parse(stdout) as {
      text: string
      corrected: string
      tokens: readonly { text: string; replaced: number }[]
    }
    assert.is(answer.tokens.map((t) => t.text).join(''), sentence)
    assert.ok(answer.tokens.every((t) => t.replaced > 0 && t.replaced < 1))
    assert.type(answer.corrected, 'string')
  })

  test('correct reads a file or standard input, a text a line, longer than a row', async () => {
    await whole
    const long = 'the people shall have the government of states and congress '.repeat(6).trim()
    const path = join(folder, 'two.txt')
    writeFileSync(path, `Short text.\n${long}\n`)
    const [file, piped] = [
      await emend(['correct', '--json', '--from', join(folder, 'whole'), '--file', path]),
      await emend(['correct', '--json', '--from', join(folder, 'whole')], { input: `Short text.\n${long}\n` }),
    ]
    assert.is(file.code, 0, file.stderr)
    assert.is(file.stdout, piped.stdout)
    assert.equal(
      jsonLines(file.stdout).map((l) => l['text']),
      ['Short text.', long],
    )
  })

  test('correct refuses a text and a file at once, no text, a threshold that is no probability', async () => {
    const from = ['--from', join(folder, 'whole')]
    for (const args of [['x', '--file', text], ['--threshold', '2', 'x'], []]) {
      const { code, stderr } = await emend(['correct', ...from, ...args])
      assert.is(code, 2, stderr)
      assert.match(stderr, /expected/)
    }
  })

  test('plan of base counts 184M parameters in the main model, and xxl answers', async () => {
    const plan = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await emend(['plan', '--json', ...args])
      assert.is(code, 0, stderr)
      return JSON.parse(stdout) as {
        parameters: { main: number }
        flops: number
        peakBytes: number
        steps: number
        kernels: number
        buffers: number
      }
    }
    const base = await plan('--preset', 'base', '--vocab', '128000')
    assert.is(Math.round(base.parameters.main / 1e6), 184)
    for (const key of ['flops', 'peakBytes', 'steps', 'kernels', 'buffers'] as const) assert.ok(base[key] > 0, key)
    assert.ok((await plan('--preset', 'xxl')).parameters.main > 5e9)
  })

  test('doctor names every device', async () => {
    const { code, stdout } = await emend(['doctor', '--json'])
    assert.is(code, 0)
    const answer = JSON.parse(stdout) as { devices: readonly { name: string; works: boolean }[]; auto: string }
    assert.equal(
      answer.devices.map((d) => d.name),
      ['wasm', 'reference', 'gpujs:cpu', 'gpujs:webasm', 'gpujs:webgl2', 'gpujs:webgpu'],
    )
    assert.ok(answer.devices.slice(0, 4).every((d) => d.works))
  })

  test('every command has --help; an unknown one is refused with exit 2', async () => {
    for (const command of ['pretrain', 'correct', 'plan', 'doctor', 'demo']) {
      const { code, stdout } = await emend([command, '--help'])
      assert.is(code, 0)
      assert.match(stdout, new RegExp(`emend ${command}`))
    }
    assert.is((await emend(['train'])).code, 2)
  })
})
