import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, smallSettings, workshop, type CliResult } from './run-cli'

const { folder, text, pretrain } = workshop()
const module = join(folder, 'own.mjs')
writeFileSync(
  module,
  `import { gelu, linear, matmul, matrixTranspose, reshape } from 'emend/core'
   import { auxiliaryLogits, defineHead, linearSpecs, mainTable, rowsAt } from 'emend/models'
   import { batchKey, defineObjective, detectionLoss, maskedCrossEntropy, readReplaced, replacementsOf, weightedSum } from 'emend/training'

   const doubt = defineHead('doubt', (c) => linearSpecs(c, c.hidden, 1))
   const said = defineHead('said', (c) => linearSpecs(c, c.hidden, c.hidden))
   const original = (params, hidden) => reshape(linear(doubt.of(params))(hidden), hidden.aval.shape.slice(0, -1))
   const language = (params, rows) => matmul(gelu(linear(said.of(params))(rows)), matrixTranspose(mainTable(params)))
   const read = (reading, traits = {}) => defineObjective({ heads: [doubt, said], reading, ...traits }, (config) => (params, batch, key) => {
     const aux = auxiliaryLogits(config, params, batch.masked, batch.positions, batch.tokenOrder)
     const k = batchKey(key, batch)
     const { corrupted, hidden } = readReplaced(config, params, batch, replacementsOf(aux, batch, k, config), k)
     return weightedSum({
       mlm: { weight: 1, of: () => maskedCrossEntropy(aux, batch) },
       clm: { weight: 1, of: () => maskedCrossEntropy(language(params, rowsAt(hidden, batch.positions)), batch) },
       rtd: { weight: 50, of: () => detectionLoss(original(params, hidden), corrupted.isOriginal, batch) },
     })
   })
   export const whole = read({ original, language }, { sharing: 'none' })
   export const detector = read({ original })
   export const mute = read({})
   export const fails = read({ original, language: () => { throw new TypeError('my own mistake') } })
   export const shaped = read({ original: (params, hidden) => hidden })
   export const o = { loss: 3 }`,
)
const own = (name: string): string => `${module}#${name}`
const trained = Object.fromEntries(
  ['whole', 'detector', 'mute'].map((name) => [name, pretrain(name, ['--device', 'wasm', '--objective', own(name)])]),
)
/** A command on the run of an objective, with --objective or without. */
const on = async (name: string, command: string, isNamed: boolean, ...more: readonly string[]): Promise<CliResult> => {
  const { code, stderr } = await trained[name]!
  assert.is(code, 0, stderr)
  const named = isNamed ? ['--objective', own(name)] : []
  return emend([command, '--json', '--from', join(folder, name), ...named, ...more])
}
const noted = /^trained by \S+own\.mjs#\w+: what it has of its own is read with --objective \S+own\.mjs#\w+$/m
const words = ['--device', 'wasm', 'The [MASK] of the people.']

describe('training/cli: runs of objectives of one’s own', (test) => {
  test('cloze asks the language model that was trained; without --objective it says what it read instead', async () => {
    const [named, bare] = [await on('whole', 'cloze', true, ...words), await on('whole', 'cloze', false, ...words)]
    for (const { code, stderr } of [named, bare]) assert.is(code, 0, stderr)
    assert.not.match(named.stderr, noted)
    assert.match(bare.stderr, noted)
    assert.not.equal(jsonLines(named.stdout)[0]!['masks'], jsonLines(bare.stdout)[0]!['masks'])
    const auxiliary = async (isNamed: boolean) =>
      (await on('whole', 'cloze', isNamed, '--model', 'aux', ...words)).stdout
    assert.is(await auxiliary(true), await auxiliary(false), 'control: the auxiliary is the same')
  })

  test('what an objective trains not is refused by cloze, correct and export', async () => {
    const refused = async (name: string, part: string, ...args: readonly string[]): Promise<void> => {
      const { code, stderr, stdout } = await on(name, args[0]!, true, ...args.slice(1))
      assert.is(code, 2, stderr)
      assert.is(stdout, '')
      assert.ok(stderr.includes(`--from: expected a run that trained the ${part}, got one of ${own(name)}`), stderr)
    }
    await refused('detector', "main model's language model", 'cloze', ...words)
    await refused('mute', 'main model', 'correct', ...words)
    await refused('mute', 'main model', 'export', '--out', join(folder, 'none'))
    assert.not(existsSync(join(folder, 'none')))
    assert.is((await on('detector', 'cloze', true, '--model', 'aux', ...words)).code, 0)
  })

  test('export writes the encoder, the same with --objective and without', async () => {
    const model = async (isNamed: boolean): Promise<Buffer> => {
      const out = join(folder, `export-${isNamed}`)
      const { code, stderr } = await on('whole', 'export', isNamed, '--out', out)
      assert.is(code, 0, stderr)
      return readFileSync(join(out, 'model.safetensors'))
    }
    assert.equal(await model(true), await model(false))
  })

  const ablate = (objectives: readonly string[], out: string): Promise<CliResult> => {
    const file = join(folder, `${out}.json`)
    const variants = Object.fromEntries(objectives.map((name) => [name, { objective: own(name) }]))
    const task = join(folder, 'task.tsv')
    writeFileSync(
      task,
      Array.from({ length: 20 }, (_, i) => `${i % 2 === 0 ? 'the people' : 'power may'}\t${i % 2}\n`).join(''),
    )
    const base = { ...smallSettings, corpus: [text], device: 'wasm', steps: 4 }
    const probe = { train: task, dev: task, text: 0, label: 1 }
    writeFileSync(file, JSON.stringify({ base, variants, seeds: [1], probe, out: join(folder, out) }))
    return emend(['ablate', file, '--json'])
  }

  test('ablate trains and probes them side by side, and again finds what is there', async () => {
    const first = await ablate(['whole', 'mute'], 'ablation')
    assert.is(first.code, 0, first.stderr)
    const [whole, mute] = jsonLines(first.stdout).map((line) => line['figures'] as Readonly<Record<string, number>>)
    for (const name of ['mlm', 'clm', 'rtd', 'detection', 'probe']) assert.ok(Number.isFinite(whole![name]), name)
    assert.equal(['detection' in mute!, mute!['probe']], [false, 1])
    const again = await ablate(['whole', 'mute'], 'ablation')
    assert.is(again.stdout, first.stdout)
    assert.match(again.stderr, /mute, seed 1: is there/)
  })

  test('ablate refuses objectives that cannot be used before the first run, all at once', async () => {
    const { code, stderr, stdout } = await ablate(['whole', 'o', 'nothing'], 'unusable')
    assert.is(code, 2, stderr)
    assert.is(stdout, '')
    assert.match(stderr, /an exported function "o", got a record of loss\n/)
    assert.match(stderr, /an exported function "nothing", got none of that name among detector, fails, /)
    assert.not(existsSync(join(folder, 'unusable')))
  })

  test('a reading that throws, or gives another shape: one fault that names the file, in every command', async () => {
    const file = /\n {2}at .*own\.mjs\n$/
    for (const [name, message] of [
      ['fails', /expected a reading "language" that can be built, got TypeError: my own mistake \(file:.*own\.mjs:\d+/],
      ['shaped', /expected f32\[\d+,16\] of the reading "original", got f32\[\d+,16,16\]/],
    ] as const) {
      const trains = await pretrain(`never-${name}`, ['--device', 'wasm', '--objective', own(name)])
      const reads = await emend(['correct', '--from', join(folder, 'whole'), '--objective', own(name), ...words])
      for (const { code, stderr } of [trains, reads]) {
        assert.is(code, 2, stderr)
        assert.match(stderr, message)
        assert.match(stderr, file)
      }
      assert.not(existsSync(join(folder, `never-${name}`)))
    }
  })
})
