import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, workshop, type CliResult } from './run-cli'

const { folder, text, config } = workshop()
const from = join(folder, 'run')
const trained = emend(['pretrain', '--corpus', text, '--config', config, '--device', 'wasm', '--out', from])
const cloze = async (...args: readonly string[]): Promise<CliResult> => {
  const { code, stderr } = await trained
  assert.is(code, 0, stderr)
  return emend(['cloze', '--from', from, '--device', 'wasm', ...args])
}
type Candidates = readonly { readonly text: string; readonly probability: number }[]

describe('training/cli: cloze', (test) => {
  test('candidates with probabilities for each [MASK], by the main model or the auxiliary', async () => {
    for (const model of ['main', 'aux']) {
      const { code, stdout, stderr } = await cloze('--json', '--top', '4', '--model', model, 'The [MASK] of [MASK].')
      assert.is(code, 0, stderr)
      const [line] = jsonLines(stdout)
      const masks = line!['masks'] as readonly Candidates[]
      assert.equal([line!['model'], line!['step'], line!['backend'], masks.length], [model, 12, 'wasm', 2])
      for (const candidates of masks) {
        assert.is(candidates.length, 4)
        const p = candidates.map((c) => c.probability)
        assert.equal(
          p,
          [...p].sort((a, b) => b - a),
        )
        assert.ok(p.every((x) => x > 0 && x < 1) && p.reduce((a, b) => a + b) < 1)
      }
    }
  })

  test('label words of a template', async () => {
    const { code, stdout, stderr } = await cloze('--json', '--choices', 'people, states,nation', 'It was the [MASK].')
    assert.is(code, 0, stderr)
    const choices = jsonLines(stdout)[0]!['choices'] as Candidates
    assert.equal(choices.map((c) => c.text).sort(), ['nation', 'people', 'states'])
    assert.ok(Math.abs(choices.reduce((s, c) => s + c.probability, 0) - 1) < 1e-6)
  })

  test('for people: the text, then a line a candidate', async () => {
    const { code, stdout } = await cloze('--top', '2', 'The [MASK].')
    assert.is(code, 0)
    assert.match(stdout, /^The \[MASK\]\.\n {2}0\.\d{3} ".*"\n {2}0\.\d{3} ".*"\n/)
  })

  for (const [name, args, message] of [
    [
      'no gap',
      ['Nothing is missing.'],
      /cloze: expected a text with \[MASK\] where something is missing, got "Nothing/,
    ],
    [
      'two gaps for one word',
      ['--choices', 'a,b', '[MASK] [MASK]'],
      /--choices: expected one \[MASK\] in the text, got 2/,
    ],
    ['too long', [`${'government '.repeat(30)}[MASK]`], /cloze: expected a text of at most 16 tokens, got \d+/],
    ['no such model', ['--model', 'both', '[MASK]'], /--model: expected main \| aux, got "both"/],
    ['no such count', ['--top', '0', '[MASK]'], /--top: expected a whole number, 1 or more, got 0/],
    ['fills for the auxiliary', ['--model', 'aux', '--fills', '3', '[MASK]'], /--fills: expected --model main/],
    ['an empty choice', ['--choices', 'a,,b', '[MASK]'], /--choices: expected words parted by commas, got "a,,b"/],
  ] as const)
    test(`${name}: refused`, async () => {
      const { code, stderr, stdout } = await cloze(...args)
      assert.is(code, 2)
      assert.match(stderr, message)
      assert.is(stdout, '')
    })
})
