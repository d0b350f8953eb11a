import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { bertTensors, specialWords, writeForeign } from '../exchange/foreign-model'
import { emend, jsonLines, temporary, type CliResult } from './run-cli'

const folder = temporary()
const at = (...path: readonly string[]): string => join(folder, ...path)
const ok = (result: CliResult): CliResult => {
  assert.is(result.code, 0, result.stderr)
  return result
}

const words = [...specialWords, 'the', 'people', 'states', 'great', 'may']
const value = (i: number, name: string): number => (name.endsWith('.gamma') ? 1 : Math.sin(i + 1) / 4)
const bert = (name: string, head: boolean): string =>
  writeForeign(at(name), {
    config: { vocab_size: words.length },
    words,
    tensors: bertTensors(words.length, { head, value }),
  })
const imported = (async () => ({
  masked: ok(await emend(['import', bert('masked', true), '--out', at('masked-in'), '--json'])),
  plain: ok(await emend(['import', bert('plain', false), '--out', at('plain-in')])),
}))()

/** Rows of a task whose class is told by one word. */
const rows = (count: number): string => {
  const line = (i: number): string => `the people ${i % 2 === 0 ? 'may' : 'great'}\t${i % 2}`
  return `sentence\tlabel\n${Array.from({ length: count }, (_, i) => line(i)).join('\n')}\n`
}
mkdirSync(at('data', 'glue', 'SST-2'), { recursive: true })
writeFileSync(at('data', 'glue', 'SST-2', 'train.tsv'), rows(32))
writeFileSync(at('data', 'glue', 'SST-2', 'dev.tsv'), rows(8))

describe('training/cli: import', (test) => {
  test('tells what it is, where it lies, what was left out and what was drawn', async () => {
    const { masked, plain } = await imported
    const [line] = jsonLines(masked.stdout)
    assert.equal(
      [line!['architecture'], line!['languageHead'], line!['unused'], existsSync(String(line!['checkpoint']))],
      ['bert', true, [], true],
    )
    assert.match(plain.stdout, /^bert, 1 layers of 4, 10 tokens: .*plain-in/)
    assert.match(plain.stdout, /without a language head: emend cloze has no answer/)
  })

  test('with a language head it answers at [MASK]; as main alone, without fills', async () => {
    await imported
    const cloze = (...args: readonly string[]) => emend(['cloze', '--from', at('masked-in'), '--json', ...args])
    const { stdout } = ok(await cloze('--top', '3', 'the [MASK] may'))
    const masks = jsonLines(stdout)[0]!['masks'] as readonly (readonly { readonly probability: number }[])[]
    assert.equal(
      masks.map((m) => m.length),
      [3],
    )
    assert.ok(masks[0]!.every(({ probability }) => probability > 0 && probability < 1))
    for (const [args, message] of [
      [['--model', 'aux'], /--model: expected main, of a run that trained no auxiliary, got aux\n {2}at .*masked-in/],
      [['--fills', '2'], /--fills: expected a run that trained an auxiliary, got one of mlm-only\n {2}at .*masked-in/],
    ] as const) {
      const { code, stderr } = await cloze(...args, 'the [MASK]')
      assert.is(code, 2)
      assert.match(stderr, message)
    }
  })

  test('without one, cloze and correct refuse it', async () => {
    await imported
    for (const args of [
      ['cloze', 'the [MASK]'],
      ['correct', 'the people'],
    ]) {
      const { code, stderr, stdout } = await emend([args[0]!, '--from', at('plain-in'), args[1]!])
      assert.equal([code, stdout], [2, ''])
      assert.match(stderr, /--from: expected a run that trained the main model.*, got one of import/)
    }
  })

  test('is tuned: a word that tells the class is learned', async () => {
    await imported
    const tune = ['--task', 'sst-2', '--data', at('data'), '--epochs', '40', '--batch', '8', '--lr', '2e-2', '--json']
    ok(await emend(['finetune', ...tune, '--device', 'wasm', '--from', at('plain-in'), '--out', at('tuned')]))
    const from = ['--task', 'sst-2', '--data', at('data'), '--from', at('tuned'), '--json']
    const { stdout } = ok(await emend(['evaluate', ...from]))
    const [line] = jsonLines(stdout)
    assert.equal([line!['task'], line!['n'], line!['metrics']], ['sst-2', 8, { accuracy: 1 }])
  })

  test('exported again, config.json tells the same encoder', async () => {
    await imported
    ok(await emend(['export', '--from', at('masked-in'), '--out', at('back')]))
    const read = (name: string) => JSON.parse(readFileSync(at(name, 'config.json'), 'utf8')) as Record<string, unknown>
    const [before, after] = [read('masked'), read('back')]
    for (const key of ['model_type', 'vocab_size', 'hidden_size', 'num_attention_heads', 'layer_norm_eps'])
      assert.equal(after[key], before[key], key)
  })

  test('a folder that is none is refused, and nothing is written', async () => {
    const { code, stderr } = await emend(['import', at('nowhere'), '--out', at('never')])
    assert.is(code, 2)
    assert.match(
      stderr,
      /import: expected a readable file, got ENOENT.*\n {2}at .*nowhere.config\.json\n {2}help: .*save_pretrained/,
    )
    assert.not.ok(existsSync(at('never')))
  })
})
