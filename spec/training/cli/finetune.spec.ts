import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, workshop, type CliOptions, type CliResult } from './run-cli'

const { folder, pretrain } = workshop()
const at = (...path: readonly string[]): string => join(folder, ...path)

/** Rows whose class is told by one word. */
const rows = (count: number, from: number): readonly (readonly [string, number])[] =>
  Array.from({ length: count }, (_, i) => {
    const n = from + i
    const isGood = (n * 7) % 3 === 1
    return [
      `the people ${isGood ? 'great' : 'may'} year ${n % 5} ${n % 2 === 0 ? 'in congress' : 'of states'}`,
      isGood ? 1 : 0,
    ]
  })
const tsv = (header: string, lines: readonly string[]): string => `${[header, ...lines].join('\n')}\n`
const sst2 = (list: ReturnType<typeof rows>): string =>
  tsv(
    'sentence\tlabel',
    list.map((row) => row.join('\t')),
  )
const rte = (list: ReturnType<typeof rows>): string =>
  tsv(
    'index\tsentence1\tsentence2\tlabel',
    list.map(([text, label], i) => `${i}\t${text}\tthe year\t${label === 1 ? 'entailment' : 'not_entailment'}`),
  )
for (const task of ['SST-2', 'RTE']) mkdirSync(at('glue', task), { recursive: true })
writeFileSync(at('glue', 'SST-2', 'train.tsv'), sst2(rows(60, 0)))
writeFileSync(at('glue', 'SST-2', 'dev.tsv'), sst2(rows(24, 60)))
writeFileSync(
  at('glue', 'SST-2', 'test.tsv'),
  tsv(
    'index\tsentence',
    rows(10, 90).map(([text], i) => `${i}\t${text}`),
  ),
)
writeFileSync(at('glue', 'RTE', 'train.tsv'), rte(rows(20, 0)))
writeFileSync(at('glue', 'RTE', 'dev.tsv'), rte(rows(12, 60)))

const pretrained = pretrain('run', ['--device', 'wasm'])
const small = ['--data', folder, '--batch', '8', '--lr', '1e-2', '--device', 'wasm', '--threads', '1', '--json']
const tune = async (out: string, more: readonly string[], options?: CliOptions): Promise<CliResult> => {
  await pretrained
  return emend(['finetune', '--from', at('run'), '--out', at(out), ...small, ...more], options)
}
const lines = (out: string, file: string) => jsonLines(readFileSync(at(out, file), 'utf8'))
/** What is told of evaluations. */
const evaluations = (stdout: string) => jsonLines(stdout).filter((line) => 'score' in line)
const ok = (result: CliResult): CliResult => {
  assert.is(result.code, 0, result.stderr)
  return result
}

describe('training/cli: finetune', (test) => {
  const whole = tune('whole', ['--task', 'sst-2', '--epochs', '8', '--seeds', '2'])

  test('a word that tells the class is learned, better than by the majority; figures per seed, median and baselines', async () => {
    const { stdout } = ok(await whole)
    assert.is(jsonLines(stdout).at(-1)!['done'], true)
    const { seeds, summary, baselines } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
      seeds: readonly {
        readonly seed: number
        readonly steps: number
        readonly best: { readonly metrics: Record<string, { accuracy: number }> }
      }[]
      summary: Record<string, Record<string, { median: number; least: number; most: number }>>
      baselines: Record<string, Record<'majority' | 'bagOfWords', { accuracy: number }>>
    }
    assert.equal(seeds.map((s) => s.seed), [1, 2]) // prettier-ignore
    assert.equal(seeds.map((s) => s.steps), [64, 64]) // prettier-ignore
    const own = seeds.map((s) => s.best.metrics['sst-2']!.accuracy)
    assert.is(summary['sst-2']!['accuracy']!.median, (own[0]! + own[1]!) / 2)
    assert.is(summary['sst-2']!['accuracy']!.least, Math.min(...own))
    assert.ok(baselines['sst-2']!.majority.accuracy < 0.7)
    assert.ok(
      own.some((x) => x > baselines['sst-2']!.majority.accuracy),
      own.join(),
    )
    assert.is(baselines['sst-2']!.bagOfWords.accuracy, 1)
    // Two evaluations an epoch.
    assert.equal(evaluations(stdout).filter((e) => e['seed'] === 1).map((e) => e['step']), Array.from({ length: 16 }, (_, i) => 4 * (i + 1))) // prettier-ignore
  })

  test('evaluate gives the figures of the best moment: of one seed, and of the better of both', async () => {
    const { stdout } = ok(await whole)
    const { seeds, bestSeed } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
      readonly bestSeed: number
      readonly seeds: readonly { readonly seed: number; readonly best: { readonly metrics: Record<string, unknown> } }[]
    }
    const asked = ['evaluate', '--task', 'sst-2', '--data', folder, '--device', 'wasm', '--json', '--from']
    for (const { seed, best } of seeds) {
      const told = jsonLines(ok(await emend([...asked, at('whole', `seed-${seed}`)])).stdout)
      assert.equal(told, [{ task: 'sst-2', split: 'dev', n: 24, metrics: best.metrics['sst-2'] }])
    }
    const better = jsonLines(ok(await emend([...asked, at('whole')])).stdout)[0]!
    assert.equal(better['metrics'], seeds.find((s) => s.seed === bestSeed)!.best.metrics['sst-2'])
  })

  test('killed at any step and resumed: the same evaluations and the same result', async () => {
    const { stdout } = ok(await whole)
    for (const mark of ['"step":8', '"seed":2,"step":12']) {
      const out = `killed-${mark.length}`
      const more = ['--task', 'sst-2', '--epochs', '8', '--seeds', '2']
      const killed = await tune(out, more, {
        watch: (text, child) => {
          if (text.includes(mark)) child.kill('SIGKILL')
        },
      })
      assert.is(killed.code, null)
      const resumed = ok(await tune(out, [...more, '--resume']))
      const strip = (text: string) => {
        const { seeds, ...rest } = jsonLines(text).at(-1) as {
          readonly seeds: readonly Readonly<Record<string, unknown>>[]
        }
        return { ...rest, seeds: seeds.map(({ seconds: _s, checkpoint: _c, ...kept }) => kept) }
      }
      assert.equal(strip(resumed.stdout), strip(stdout))
      for (const seed of ['seed-1', 'seed-2']) {
        assert.equal(lines(out, `${seed}/dev.jsonl`), lines('whole', `${seed}/dev.jsonl`))
        const losses = (o: string) => lines(o, `${seed}/log.jsonl`).map((l) => [l['step'], l['loss'], l['gradNorm']])
        assert.equal(losses(out), losses('whole'))
      }
    }
  })

  test('SIGTERM ends the run with its state; --resume goes on; other settings are refused', async () => {
    ok(await whole)
    const more = ['--task', 'sst-2', '--epochs', '8']
    let isAsked = false
    const stopped = await tune('stopped', more, {
      watch: (text, child) => {
        if (isAsked || !text.includes('"step":8')) return
        isAsked = true
        child.kill('SIGTERM')
      },
    })
    assert.is(stopped.code, 130, stopped.stderr)
    const other = await tune('stopped', [...more, '--resume', '--lr', '1e-3'])
    assert.is(other.code, 2)
    assert.match(other.stderr, /--resume: expected the config of the checkpoint \(lr = 0\.01\), got lr = 0\.001/)
    ok(await tune('stopped', [...more, '--resume']))
    assert.equal(lines('stopped', 'seed-1/dev.jsonl'), lines('whole', 'seed-1/dev.jsonl'))
  })

  test('micro-batches are the whole batch to rounding', async () => {
    ok(await whole)
    ok(await tune('micro', ['--task', 'sst-2', '--epochs', '1', '--warmup', '0.1', '--micro-batch', '4']))
    ok(await tune('macro', ['--task', 'sst-2', '--epochs', '1', '--warmup', '0.1']))
    const losses = (out: string) => lines(out, 'seed-1/log.jsonl').map((l) => l['loss'] as number)
    losses('micro').forEach((x, i) => assert.ok(Math.abs(x - losses('macro')[i]!) < 1e-4, `step ${i + 1}`))
  })

  test('two tasks at once, then one of them from the joint model: its head goes on', async () => {
    const joint = ok(await tune('joint', ['--task', 'sst-2,rte', '--epochs', '10', '--mixing', 'square-root']))
    const { summary } = jsonLines(joint.stdout).at(-1) as { readonly summary: object }
    assert.equal(Object.keys(summary), ['sst-2', 'rte'])
    assert.equal(new Set(lines('joint', 'seed-1/log.jsonl').map((l) => l['task'])).size, 2)
    const evaluated = ok(
      await emend(['evaluate', '--task', 'rte', '--data', folder, '--from', at('joint'), '--device', 'wasm', '--json']),
    )
    assert.is(jsonLines(evaluated.stdout)[0]!['n'], 12)
    const scores = async (from: string): Promise<readonly number[]> => {
      const file = at(`${from}.jsonl`)
      const asked = ['evaluate', '--task', 'sst-2', '--data', folder, '--device', 'wasm', '--from', at(from)]
      ok(await emend([...asked, '--answers', file]))
      return lines('.', `${from}.jsonl`).flatMap((line) => line['scores'] as readonly number[])
    }
    // At a rate of next to nothing the head is what it was; one that was drawn anew would say something else.
    const still = ['--task', 'sst-2', '--epochs', '1', '--lr', '1e-9', '--seed', '5']
    ok(await emend(['finetune', '--from', at('joint'), '--out', at('after'), ...small, ...still]))
    const [before, after] = [await scores('joint'), await scores('after')]
    before.forEach((x, i) => assert.ok(Math.abs(x - after[i]!) < 1e-4, `${x} and ${after[i]}`))
  })

  test('a finished run is taken as it is for the same settings alone, where its checkpoint lies; nothing is changed by a refusal', async () => {
    const more = ['--task', 'sst-2', '--epochs', '1', '--rows', '16']
    ok(await tune('finished', more))
    const kept = () => ['config.json', 'result.json', 'seed-1/result.json'].map((name) => readFileSync(at('finished', name), 'utf8')) // prettier-ignore
    const before = kept()
    for (const [other, message] of [
      [
        ['--lr', '1e-3'],
        /--resume: expected the config of the checkpoint \(lr = 0\.01\), got lr = 0\.001\n {2}at .*seed-1/,
      ],
      [['--untrained'], /untrained = true/],
      [['--task', 'rte'], /task = \["rte"\]/],
    ] as const) {
      const { code, stderr } = await tune('finished', [...more, ...other, '--resume'])
      assert.is(code, 2)
      assert.match(stderr, message)
      assert.equal(kept(), before)
    }
    renameSync(at('finished'), at('moved'))
    const { stdout } = ok(await tune('moved', [...more, '--resume']))
    const { seeds } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { seeds: readonly { checkpoint: string }[] }
    assert.ok(seeds[0]!.checkpoint.startsWith(at('moved')))
    rmSync(seeds[0]!.checkpoint)
    const gone = await tune('moved', [...more, '--resume'])
    assert.is(gone.code, 2)
    assert.match(
      gone.stderr,
      /--resume: expected the checkpoint of a seed that is done, got none\n {2}at .*moved.*\n {2}help: remove .*seed-1 to run it again/,
    )
  })

  test('runs of two kinds do not mix in one folder, and an export goes into neither', async () => {
    ok(await whole)
    const names = (out: string) => readdirSync(at(out)).sort()
    const before = [names('run'), names('whole')]
    for (const [refused, message] of [
      [
        await tune('run', ['--task', 'sst-2']),
        /--out: expected a folder without a run that is not tuned, got a pretrained run\n {2}at .*run/,
      ],
      [
        await pretrain('whole'),
        /--out: expected a folder without a run that is not pretrained, got a tuned run\n {2}at .*whole/,
      ],
      [
        await emend(['export', '--from', at('run'), '--out', at('run')]),
        /--out: expected a folder without a run, got a pretrained run/,
      ],
    ] as const) {
      assert.is(refused.code, 2)
      assert.match(refused.stderr, message)
    }
    assert.equal([names('run'), names('whole')], before)
  })

  test('what needs a pretrained run says so of a tuned one', async () => {
    ok(await whole)
    for (const from of ['whole', 'whole/seed-1'])
      for (const args of [
        ['export', '--out', at('never')],
        ['cloze', 'the [MASK]'],
        ['correct', 'the people'],
      ]) {
        const { code, stderr } = await emend([args[0]!, '--from', at(from), ...args.slice(1)])
        assert.is(code, 2)
        assert.match(stderr, /--from: expected a pretrained run, got a model tuned to tasks\n {2}at .*whole/)
      }
  })

  test('a grid: a run at every point, the best first; with --resume what is there is not run again', async () => {
    const grid = at('grid.json')
    writeFileSync(grid, JSON.stringify({ lr: [1e-2, 1e-9], batch: [8] }))
    const more = ['--task', 'sst-2', '--epochs', '4', '--grid', grid]
    const first = ok(await tune('grid', more))
    const { done, runs } = jsonLines(first.stdout).at(-1) as {
      readonly done: boolean
      readonly runs: readonly { readonly point: object; readonly score: number; readonly out: string }[]
    }
    assert.is(done, true)
    assert.is(runs.length, 2)
    assert.ok(runs[0]!.score >= runs[1]!.score)
    const again = ok(await tune('grid', [...more, '--resume']))
    assert.equal(jsonLines(again.stdout), jsonLines(first.stdout).slice(-1))
  })

  test('--pdr: the regulariser is logged; alpha = 0 is the plain run, number for number', async () => {
    ok(await whole)
    const log = (out: string) => lines(out, 'seed-1/log.jsonl')
    ok(await tune('pdr', ['--task', 'sst-2', '--epochs', '1', '--pdr', 'mode=random,alpha=1']))
    assert.ok(log('pdr').every((l) => (l['metrics'] as Record<string, number>)['pdr']! > 0))
    ok(await tune('pdr-0', ['--task', 'sst-2', '--epochs', '1', '--pdr', 'alpha=0']))
    ok(await tune('plain', ['--task', 'sst-2', '--epochs', '1']))
    const losses = (out: string) => log(out).map((l) => l['loss'])
    assert.equal(losses('pdr-0'), losses('plain'))
  })

  test('predict: a submission file, and texts by the line', async () => {
    ok(await whole)
    const from = ['predict', '--from', at('whole'), '--device', 'wasm']
    const written = ok(await emend([...from, '--data', folder, '--submission', at('sub')]))
    assert.match(written.stdout, /SST-2\.tsv {2}10 rows/)
    const file = readFileSync(at('sub', 'SST-2.tsv'), 'utf8').split('\n')
    assert.is(file[0], 'index\tprediction')
    assert.is(file.filter((line) => line !== '').length, 11)
    const told = ok(await emend([...from, '--json'], { input: 'the people great\nof may\n' }))
    for (const line of jsonLines(told.stdout)) {
      const shares = Object.values(line['probabilities'] as Record<string, number>)
      assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-6)
    }
    assert.is(jsonLines(told.stdout).length, 2)
  })

  test('evaluate --perturb, --against and --answers', async () => {
    ok(await whole)
    const asked = ['evaluate', '--task', 'sst-2', '--data', folder, '--device', 'wasm', '--json']
    const told = ok(
      await emend([
        ...asked,
        ...['--from', at('whole', 'seed-1'), '--against', at('whole', 'seed-2')],
        ...['--perturb', 'typo=0.3,drop=0.2', '--answers', at('answers.jsonl')],
      ]),
    )
    const found = JSON.parse(told.stdout) as {
      readonly metrics: { readonly accuracy: number }
      readonly perturbed: { readonly flipRate: number; readonly metrics: { readonly accuracy: number } }
      readonly paired: { readonly firstAlone: number; readonly secondAlone: number; readonly p: number }
      readonly against: { readonly metrics: { readonly accuracy: number } }
    }
    const answers = lines('.', 'answers.jsonl') as readonly {
      readonly target: number
      readonly value: number
      readonly perturbed: { readonly value: number }
    }[]
    const share = (of: (a: (typeof answers)[number]) => boolean): number => answers.filter(of).length / answers.length
    assert.is(
      found.metrics.accuracy,
      share((a) => a.value === a.target),
    )
    assert.is(
      found.perturbed.metrics.accuracy,
      share((a) => a.perturbed.value === a.target),
    )
    assert.is(
      found.perturbed.flipRate,
      share((a) => a.perturbed.value !== a.value),
    )
    const more = found.paired.firstAlone - found.paired.secondAlone
    assert.ok(Math.abs(more / 24 - (found.metrics.accuracy - found.against.metrics.accuracy)) < 1e-12)
    assert.ok(found.paired.p > 0 && found.paired.p <= 1)
  })

  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no task', [], /config: task: expected one task or more, got none/],
    ['an unknown task', ['--task', 'sst2'], /--task: expected .*sst-2.*, got "sst2"/],
    ['a task that has no training rows', ['--task', 'ax'], /--task: expected a task with training rows, got ax/],
    ['no files', ['--task', 'cola'], /train rows of cola: expected train\.tsv/],
    [
      'a batch that does not part',
      ['--task', 'sst-2', '--micro-batch', '3'],
      /microBatch: expected a divisor of the batch of 8, got 3/,
    ],
    ['too long a row', ['--task', 'sst-2', '--seq', '400'], /--seq: expected at most the model's 16 tokens, got 400/],
    ['a mixing', ['--task', 'sst-2', '--mixing', 'even'], /mixing: expected proportional, square-root or ratio=K/],
    ['SAN for a task without pairs', ['--task', 'sst-2', '--answer', 'san'], /--answer: expected pooled/],
    [
      'a rate above 1',
      ['--task', 'sst-2', '--layer-decay', '1.5'],
      /layerDecay: expected a number above 0, at most 1, got 1\.5/,
    ],
    [
      '--resume without a run',
      ['--task', 'sst-2', '--resume'],
      /--resume: expected a folder of an earlier run, got none/,
    ],
    ['one file for two tasks', ['--task', 'sst-2,rte', '--train', 'x.tsv'], /train: expected one task, got sst-2,rte/],
  ]
  for (const [name, more, message] of wrong)
    test(`bad input: ${name}`, async () => {
      const result = await tune('wrong', more)
      assert.is(result.code, 2, result.stderr)
      assert.match(result.stderr, message)
      assert.is(result.stdout, '')
    })

  test('bad input: a checkpoint that is not there, and one that was not tuned', async () => {
    await pretrained
    const none = await emend(['finetune', '--task', 'sst-2', '--data', folder, '--from', at('nothing')])
    assert.is(none.code, 2)
    assert.match(none.stderr, /--from: expected a folder of a run/)
    const plain = await emend(['evaluate', '--task', 'sst-2', '--data', folder, '--from', at('run')])
    assert.is(plain.code, 2)
    assert.match(plain.stderr, /--from: expected a model tuned to a task, got a pretrained pair/)
  })
})
