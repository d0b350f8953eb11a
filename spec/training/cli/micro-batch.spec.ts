import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, smallSettings, workshop, type CliResult } from './run-cli'

const { folder, text, config, pretrain } = workshop()
const run = (out: string, ...more: readonly string[]): Promise<CliResult> => pretrain(out, more)

type Line = Readonly<Record<string, unknown>>
const stepLines = ({ stdout }: CliResult): readonly Line[] => jsonLines(stdout).filter((line) => !('done' in line))
const configOf = (out: string): Line => JSON.parse(readFileSync(join(folder, out, 'config.json'), 'utf8')) as Line

/** The same numbers up to what another order of summation in f32 leaves after a few steps. */
const assertNear = (got: unknown, want: unknown, where: string): void => {
  if (typeof want === 'number' && typeof got === 'number')
    assert.ok(Math.abs(got - want) <= 2e-3 * Math.max(Math.abs(want), 1e-2), `${where}: ${got}, ${want}`)
  else if (typeof want === 'object' && want !== null && typeof got === 'object' && got !== null)
    for (const [key, value] of Object.entries(want)) assertNear((got as Line)[key], value, `${where}/${key}`)
  else assert.is(got, want, where)
}
const assertSameRun = (got: readonly Line[], want: readonly Line[]): void => {
  assert.is(got.length, want.length)
  got.forEach((line, i) => {
    const { tokensPerSecond: _, ...rest } = want[i]!
    assertNear(line, rest, `line ${i + 1}`)
  })
}
const evaluations = (out: string): readonly unknown[] =>
  jsonLines(readFileSync(join(folder, out, 'held-out.jsonl'), 'utf8')).map(({ evaluation }) => evaluation)

const whole = run('whole')

describe('training/cli: micro-batches, remat, memory', (test) => {
  for (const [name, more, chosen] of [
    ['2 rows at once', ['--micro-batch', '2'], { microBatch: 2, remat: 'none' }],
    ['1 row, layers recomputed', ['--micro-batch', '1', '--remat', 'layers'], { microBatch: 1, remat: 'layers' }],
    ['attention recomputed', ['--micro-batch', '2', '--remat', 'attention'], { microBatch: 2, remat: 'attention' }],
  ] as const)
    test(`${name}: the run of the whole batch, its log and its held-out figures`, async () => {
      await whole
      const cut = await run(name, ...more)
      assert.is(cut.code, 0, cut.stderr)
      assertSameRun(stepLines(cut), stepLines(await whole))
      evaluations('whole').forEach((want, i) => assertNear(evaluations(name)[i], want, `evaluation ${i}`))
      const { microBatch, remat, memory } = configOf(name)
      assert.equal({ microBatch, remat }, chosen)
      assert.is(memory, undefined)
      assert.match(readFileSync(join(folder, name, 'report.html'), 'utf8'), `, ${microBatch as number} at once`)
    })

  test('without the options the whole batch is one micro-batch, and nothing is recomputed', async () => {
    await whole
    const { batch, microBatch, remat } = configOf('whole')
    assert.equal([microBatch, remat], [batch, 'none'])
  })

  test('killed, and resumed with another micro-batch and remat: the same run up to rounding', async () => {
    await pretrain('moved', ['--micro-batch', '1'], {
      watch: (stdout, child) => {
        if (stdout.includes('"step":8,')) child.kill('SIGKILL')
      },
    })
    const resumed = await run('moved', '--resume', '--micro-batch', '4', '--remat', 'layers')
    assert.is(resumed.code, 0, resumed.stderr)
    const lines = stepLines(resumed)
    assert.ok(lines.length > 0 && lines.length < smallSettings.steps, String(lines.length))
    assertSameRun(lines, stepLines(await whole).slice(-lines.length))
  })

  test('a micro-batch that does not divide the batch, a remat or a memory that is none: refused, nothing written', async () => {
    for (const [more, ...words] of [
      [['--micro-batch', '3'], /microBatch: expected a divisor of batch = 4, got 3/],
      [['--micro-batch', '8'], /microBatch: expected a divisor of batch = 4, got 8/],
      [['--micro-batch', '0'], /microBatch: expected/],
      [['--remat', 'all'], /remat: expected none \| attention \| layers, got "?all/],
      [['--memory', '-1'], /memory: expected/],
    ] as const) {
      const { code, stderr, stdout } = await run('refused', ...more)
      assert.is(code, 2, stderr)
      for (const pattern of words) assert.match(stderr, pattern)
      assert.is(stdout, '')
      assert.is(existsSync(join(folder, 'refused')), false)
    }
    const { code, stderr } = await emend(['plan', '--batch', '4', '--micro-batch', '3'])
    assert.is(code, 2)
    assert.match(stderr, /--micro-batch: expected a divisor of batch = 4, got 3/)
  })

  /** A size of which activations are most. */
  const size = ['--preset', 'tiny', '--vocab', '280', '--seq', '32', '--batch', '16']
  /** Predicted by `plan` for it. */
  const planned = async (...more: readonly string[]): Promise<Readonly<Record<string, number | string>>> => {
    const { code, stdout, stderr } = await emend(['plan', '--json', ...size, ...more])
    assert.is(code, 0, stderr)
    return JSON.parse(stdout) as Readonly<Record<string, number | string>>
  }

  test('plan tells a whole step: FLOPs of its micro-batches and the update, the peak, what was chosen', async () => {
    const [one, four, layers] = [
      await planned(),
      await planned('--micro-batch', '4'),
      await planned('--micro-batch', '4', '--remat', 'layers'),
    ]
    assert.equal([one['microBatch'], one['remat']], [16, 'none'])
    assert.equal([four['microBatch'], layers['remat']], [4, 'layers'])
    for (const [less, more] of [
      [four['peakBytes'], one['peakBytes']],
      [layers['peakBytes'], four['peakBytes']],
      [four['flops'], layers['flops']],
      [one['steps'], four['steps']],
    ] as const)
      assert.ok((less as number) < (more as number), `${less}, ${more}`)
    // More updates of sums, smaller sorts: nearly the same.
    assert.ok(Math.abs((four['flops'] as number) / (one['flops'] as number) - 1) < 0.02)
    const text = await emend(['plan', '--preset', 'tiny', '--micro-batch', '4', '--remat', 'layers'])
    assert.match(text.stdout, /4 rows at once: the gradients of 4 micro-batches are added up/)
    assert.match(text.stdout, /layers are computed again/)
    const steps = await emend(['plan', '--preset', 'tiny', '--micro-batch', '4', '--steps'])
    assert.match(steps.stdout, /^begin, once\n[^]*^accumulate, 4 times\n[^]*^apply, once\n/m)
  })

  test('plan --packing: a step on padded rows is told where they end, for the same memory; others are not', async () => {
    const stepsOf = async (packing: string) => (await emend(['plan', '--steps', ...size, '--packing', packing])).stdout
    assert.match(await stepsOf('complete-doc'), /batch\/isToken/)
    assert.not.match(await stepsOf('stream'), /batch\/isToken/)
    assert.is(await stepsOf('stream'), (await emend(['plan', '--steps', ...size])).stdout)
    const [plain, padded] = [await planned(), await planned('--packing', 'complete')]
    assert.ok(Math.abs((padded['peakBytes'] as number) / (plain['peakBytes'] as number) - 1) < 0.01)
    assert.ok((padded['flops'] as number) > (plain['flops'] as number))
    const wrong = await emend(['plan', '--packing', 'tight'])
    assert.is(wrong.code, 2)
    assert.match(wrong.stderr, /--packing: expected stream \| complete \| complete-doc, got "tight"/)
  })

  test('plan --memory chooses what fits; a limit that all fits chooses nothing', async () => {
    const one = await planned()
    const ample = await planned('--memory', '1')
    assert.equal(ample, one)
    const tight = (0.8 * (one['peakBytes'] as number)) / 1e9
    const fitted = await planned('--memory', String(tight))
    assert.ok((fitted['peakBytes'] as number) <= tight * 1e9)
    assert.ok(fitted['microBatch'] !== 16 || fitted['remat'] !== 'none')
    assert.equal(
      await planned('--micro-batch', String(fitted['microBatch']), '--remat', fitted['remat'] as string),
      fitted,
    )
  })

  test('pretrain --memory tells what it chose, and config.json keeps it', async () => {
    const all = JSON.parse(readFileSync(config, 'utf8')) as Line
    const wide = { ...all, batch: 16, seq: 32, steps: 2, evalBatches: 0 }
    const settings = join(folder, 'wide.json')
    writeFileSync(settings, JSON.stringify(wide))
    const args = ['pretrain', '--json', '--corpus', text, '--config', settings]
    const tight = await emend([...args, '--out', join(folder, 'tight'), '--memory', '0.0012'])
    assert.is(tight.code, 0, tight.stderr)
    const { microBatch, remat, memory } = configOf('tight')
    assert.is(memory, 0.0012)
    assert.ok((microBatch as number) < 16 || remat !== 'none')
    assert.match(
      tight.stderr,
      new RegExp(
        `--memory 0.0012: ${microBatch as number} of 16 rows at once, (nothing|layers) recomputed; a step takes`,
      ),
    )
    const { code, stderr } = await emend([...args, '--out', join(folder, 'no'), '--memory', '0.0001'])
    assert.is(code, 2, stderr)
    assert.match(
      stderr,
      /--memory: expected a step in at most 0.0001 GB, got .* GB at the least, with --micro-batch \d+ --remat (none|attention|layers)/,
    )
    assert.match(stderr, /help: what takes less: a shorter --seq, a smaller --vocab or --preset, --precision f16/)
    assert.is(existsSync(join(folder, 'no')), false)
  })
})
