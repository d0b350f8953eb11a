import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, smallSettings, workshop, type CliResult } from './run-cli'

const { folder, text } = workshop()
const task = join(folder, 'task.tsv')
writeFileSync(
  task,
  `sentence\tlabel\n${Array.from({ length: 60 }, (_, i) => `${i % 2 === 0 ? 'the people of the states' : 'power power great may'}\t${i % 2}`).join('\n')}\n`,
)
const plan = join(folder, 'ablation.json')
const out = join(folder, 'runs')
writeFileSync(
  plan,
  JSON.stringify({
    base: { ...smallSettings, corpus: [text], device: 'wasm', steps: 6 },
    variants: { relative: {}, absolute: { positions: 'absolute' } },
    seeds: [1, 2],
    probe: { train: task, dev: task, text: 'sentence', label: 'label' },
    out,
  }),
)
const run = (...more: readonly string[]): Promise<CliResult> => emend(['ablate', plan, '--json', ...more])
const summaryOf = ({ stdout }: CliResult): unknown => jsonLines(stdout).at(-1)!['summary']

describe('training/cli: ablate', (test) => {
  const whole = run()

  test('every variant under every seed, a summary with spreads and differences, three files', async () => {
    const { code, stdout, stderr } = await whole
    assert.is(code, 0, stderr)
    const lines = jsonLines(stdout)
    assert.equal(
      lines.slice(0, -1).map((l) => [l['variant'], l['seed']]),
      [
        ['relative', 1],
        ['absolute', 1],
        ['relative', 2],
        ['absolute', 2],
      ],
    )
    const figures = lines[0]!['figures'] as Readonly<Record<string, number>>
    for (const name of ['mlm', 'clm', 'rtd', 'detection', 'probe', 'probe, majority'])
      assert.ok(Number.isFinite(figures[name]), name)
    assert.is(figures['probe'], 1) // the two classes share no word
    const { files } = lines.at(-1)! as { readonly files: readonly string[] }
    assert.equal(
      files.map((f) => f.slice(out.length + 1)),
      ['ablation.json', 'ablation.md', 'ablation.svg'],
    )
    const heldOut = jsonLines(readFileSync(join(out, 'absolute', 'seed-2', 'held-out.jsonl'), 'utf8')).at(-1)!
    const { metrics } = heldOut['evaluation'] as { readonly metrics: Readonly<Record<string, number>> }
    assert.is((lines[3]!['figures'] as Readonly<Record<string, number>>)['mlm'], metrics['mlm'])
  })

  test('the same command again runs nothing and says the same; a run that was lost is made again, and is the same', async () => {
    const first = await whole
    const checkpoint = join(out, 'relative', 'seed-1', 'step-00000006.safetensors')
    const before = statSync(checkpoint).mtimeMs
    const again = await run()
    assert.equal(summaryOf(again), summaryOf(first))
    assert.is(statSync(checkpoint).mtimeMs, before)
    writeFileSync(join(out, 'relative', 'seed-1', 'held-out.jsonl'), '')
    const mended = await run()
    assert.is(mended.code, 0, mended.stderr)
    assert.match(mended.stderr, /relative, seed 1: goes on/)
    assert.equal(summaryOf(mended), summaryOf(first))
  })

  test('stopped by a signal, it tells what there is; the next goes on', async () => {
    const elsewhere = join(folder, 'stopped')
    let isAsked = false
    const stopped = await emend(['ablate', plan, '--json', '--out', elsewhere], {
      watch: (stdout, child) => {
        if (!isAsked && stdout.includes('"seed":1')) isAsked = child.kill('SIGTERM')
      },
    })
    assert.is(stopped.code, 130, stopped.stderr)
    assert.is(jsonLines(stopped.stdout).at(-1)!['done'], false)
    const rest = await run('--out', elsewhere)
    assert.is(rest.code, 0, rest.stderr)
    assert.equal(summaryOf(rest), summaryOf(await whole))
  })

  test('for people: the table', async () => {
    await whole
    const { code, stdout } = await emend(['ablate', plan])
    assert.is(code, 0)
    assert.match(stdout, /^\| variant +\|.* mlm +\|/m)
    assert.match(stdout, /^\| absolute +\|.* \d\.\d{3} ± \d\.\d{3} /m)
    assert.match(stdout, /^absolute less relative: .*detection -?0\.\d{3} ± /m)
  })

  test('no file, another format, an unknown key: one clear error each', async () => {
    for (const [content, message] of [
      [undefined, /ablate: expected a JSON file, got ENOENT/],
      ['{', /ablate: expected a JSON file/],
      ['{"variants": {}, "sedes": [1]}', /unknown key "sedes"/],
    ] as const) {
      const file = join(folder, 'bad.json')
      if (content !== undefined) writeFileSync(file, content)
      const { code, stderr } = await emend(['ablate', content === undefined ? join(folder, 'none.json') : file])
      assert.is(code, 2)
      assert.match(stderr, message)
    }
  })
})
