import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, plainText, smallSettings, workshop, type CliResult } from './run-cli'

const { folder, text, config } = workshop()
const put = (name: string, contents: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, contents)
  return path
}
const settings = (changes: Readonly<Record<string, unknown>>, name: string): string =>
  put(name, JSON.stringify({ ...smallSettings, ...changes }))

/** Exit 2, the words in one message, nothing on standard output and no folder made. */
const refused = ({ code, stdout, stderr }: CliResult, out: string, ...expected: readonly RegExp[]): void => {
  for (const words of expected) assert.match(stderr, words)
  assert.is(code, 2, stderr)
  assert.is(stdout, '')
  assert.is(existsSync(out), false, `${out} was made`)
  assert.not.match(stderr, /\n {4}at .*\.m?[jt]s:\d/, 'a stack is not a message')
}

let outs = 0
const attempt = async (args: readonly string[], ...expected: readonly RegExp[]): Promise<void> => {
  const out = join(folder, `out-${outs++}`)
  refused(await emend(['pretrain', '--json', '--out', out, ...args]), out, ...expected)
}

describe('training/cli: bad input to pretrain', (test) => {
  test('a corpus that is missing', () =>
    attempt(['--corpus', join(folder, 'nowhere.txt'), '--config', config], /nowhere\.txt/, /expected .*, got /))

  test('a corpus that is empty', () =>
    attempt(
      ['--corpus', put('empty.txt', ''), '--config', config],
      /empty\.txt/,
      /expected some text, got an empty file/,
    ))

  test('a corpus that is binary', () =>
    attempt(
      [
        '--corpus',
        put(
          'binary.txt',
          Uint8Array.from({ length: 4096 }, (_, i) => (i * 37) % 256),
        ),
        '--config',
        config,
      ],
      /binary\.txt/,
      /expected .*UTF-8|expected .*text/,
    ))

  test('a row of jsonl without text: file and line', () =>
    attempt(
      ['--corpus', put('rows.jsonl', '{"text":"fine"}\n{"txt":"not"}\n'), '--config', config],
      /rows\.jsonl:2/,
      /a string under "text"/,
    ))

  test('a corpus shorter than one batch', () =>
    attempt(
      ['--corpus', put('short.txt', plainText(60)), '--config', settings({ batch: 4000 }, 'wide.json')],
      /at least 4000 blocks of 16 tokens/,
    ))

  test('no corpus at all', () => attempt(['--config', config], /corpus: expected at least one file, got none/))

  test('a vocabulary larger than the text supports', () =>
    attempt(
      ['--corpus', text, '--config', config, '--vocab', '30000'],
      /vocabSize|vocab/,
      /30000 entries/,
      /at most \d+ entries/,
    ))

  test('unknown keys and wrong types in the config: all at once', () =>
    attempt(
      ['--corpus', text, '--config', settings({ stepz: 5, lr: 'fast', batch: 0.5 }, 'wrong.json')],
      /stepz/,
      /unknown key "stepz"/,
      /lr: expected a number > 0, got "fast"/,
      /batch: expected a whole number > 0, got 0\.5/,
      /wrong\.json/,
    ))

  test('a config that is no JSON', () =>
    attempt(['--corpus', text, '--config', put('broken.json', '{"steps": ')], /--config: expected a JSON file/))

  test('heads that do not divide the width', () =>
    attempt(
      ['--corpus', text, '--config', settings({ heads: 3 }, 'heads.json')],
      /heads: expected a divisor of hidden = 16, got 3/,
    ))

  test('an option that is no number, and one that does not exist', async () => {
    await attempt(
      ['--corpus', text, '--config', config, '--steps', 'many'],
      /steps: expected a whole number > 0, got "many"/,
    )
    await attempt(['--corpus', text, '--stepz', '3'], /unknown option '--stepz'/)
  })

  test('an unknown device', () =>
    attempt(['--corpus', text, '--config', config, '--device', 'cuda'], /device: expected auto \| wasm .*, got "cuda"/))

  test('a device that this machine lacks names those it has', () => {
    const out = join(folder, 'no-gpu')
    const args = ['pretrain', '--json', '--out', out, '--corpus', text, '--config', config, '--device', 'gpujs:webgpu']
    return emend(args, { env: { VK_DRIVER_FILES: join(folder, 'none.json'), VK_ICD_FILENAMES: '' } }).then((result) =>
      refused(
        result,
        out,
        /--device gpujs:webgpu: expected a WebGPU adapter/,
        /this machine has wasm, reference, gpujs:cpu, gpujs:webasm/,
      ),
    )
  })

  test('an objective that is unknown, missing, or not exported', async () => {
    await attempt(
      ['--corpus', text, '--config', config, '--objective', 'bert'],
      /--objective: expected t-nlrv5, coco-lm, .*, mlm, .* or FILE\.mjs#NAME, got bert/,
    )
    await attempt(['--corpus', text, '--config', config, '--objective', 'no.mjs#f'], /no\.mjs/)
    await attempt(['--corpus', text, '--config', config, '--objective', 'mine.mjs#'], /FILE\.mjs#NAME, got mine\.mjs#/)
    const module = put(
      'objective.mjs',
      `export const o = { loss: 1, metrics: {} }
       export const [three, text, list, none] = [3, 'mlm', [1, 2], undefined]`,
    )
    for (const [name, got] of [
      ['yours', 'none of that name among list, none, o, text, three'],
      ['o', 'a record of loss, metrics'],
      ['three', '3, a number'],
      ['text', '"mlm", a text'],
      ['list', 'a list of 2'],
      ['none', 'undefined'],
    ] as const)
      await attempt(
        ['--corpus', text, '--config', config, '--objective', `${module}#${name}`],
        new RegExp(`--objective: expected an exported function "${name}", got ${got}\\n.*objective\\.mjs`),
      )
  })

  test('a shape that does not fit in a user objective: op, shapes and place', () => {
    const module = put(
      'shapes.mjs',
      `import { add, matmul, scope, sum } from 'emend/core'
       export const wrong = () => (params) => {
         const t = params.embedding.token
         return { loss: scope('mine', () => sum(matmul(t, t))), metrics: {} }
       }`,
    )
    return attempt(
      ['--corpus', text, '--config', config, '--objective', `${module}#wrong`],
      /matmul: expected rhs axis 0 of size 16, got f32\[280,16\] and f32\[280,16\]/,
      /mine/,
    )
  })

  test('a user objective that throws, or returns what is no loss: one error that names the file', async () => {
    const module = put(
      'careless.mjs',
      `import { mean } from 'emend/core'
       const loss = (p) => mean(p.embedding.token)
       export const throws = () => () => { throw new TypeError('my own mistake') }
       export const early = () => { throw new Error('too soon') }
       export const nothing = () => () => undefined
       export const number = () => () => ({ loss: 3, metrics: {} })
       export const vector = () => (p) => ({ loss: loss(p), metrics: { big: p.embedding.token } })
       export const taken = () => (p) => ({ loss: loss(p), metrics: { step: loss(p) } })
       export const five = () => 5
       export const later = async () => () => ({ loss: 3 })`,
    )
    for (const [name, words] of [
      ['throws', /expected a loss that can be built, got TypeError: my own mistake \(file:.*careless\.mjs:3:\d+\)/],
      ['early', /got Error: too soon/],
      ['nothing', /expected \{ loss, metrics \}, got undefined/],
      ['number', /expected an expression as "loss", got 3, a number/],
      ['vector', /a scalar expression as metric "big", got f32\[280,16\]/],
      ['taken', /metrics with names of their own, got step/],
      ['five', /expected a function \(params, batch, key\) .*, got 5, a number/],
      ['later', /expected a function \(params, batch, key\) .*, got a promise, as an async function gives/],
    ] as const)
      await attempt(['--corpus', text, '--config', config, '--objective', `${module}#${name}`], words, /careless\.mjs/)
  })

  test('an --out that cannot be made', async () => {
    for (const out of [join(text, 'inside-a-file'), '/proc/emend-out']) {
      const result = await emend(['pretrain', '--json', '--out', out, '--corpus', text, '--config', config])
      refused(result, out, /--out: expected a folder/)
    }
  })

  test('--resume without a run', () =>
    attempt(['--resume', '--corpus', text, '--config', config], /--resume: expected a folder of an earlier run/))
})

describe('training/cli: damaged and foreign checkpoints', (test) => {
  const out = join(folder, 'run')
  const trained = emend(['pretrain', '--json', '--out', out, '--corpus', text, '--config', config])
  const checkpoint = join(out, 'step-00000012.safetensors')
  const copy = async (name: string, change: (bytes: Buffer) => Uint8Array): Promise<string> => {
    const { code, stderr } = await trained
    assert.is(code, 0, stderr)
    writeFileSync(join(folder, 'tokenizer.json'), readFileSync(join(out, 'tokenizer.json')))
    return put(name, change(readFileSync(checkpoint)))
  }
  const correct = async (from: string, ...expected: readonly RegExp[]): Promise<void> => {
    const result = await emend(['correct', '--json', '--from', from, 'The people shall have the government.'])
    assert.is(result.code, 2, result.stderr)
    assert.is(result.stdout, '')
    for (const words of [/safetensors|checkpoint/, ...expected]) assert.match(result.stderr, words)
  }

  test('the whole one is read', async () => {
    const from = await copy('whole.safetensors', (b) => b)
    const { code, stdout, stderr } = await emend(['correct', '--json', '--from', from, 'The people shall have.'])
    assert.is(code, 0, stderr)
    assert.is((JSON.parse(stdout) as { text: string }).text, 'The people shall have.')
  })
  test('truncated', async () =>
    correct(await copy('cut.safetensors', (b) => b.subarray(0, b.length - 100)), /cut\.safetensors/))
  test('truncated in its header', async () =>
    correct(await copy('stump.safetensors', (b) => b.subarray(0, 60)), /header/))
  test('one bit flipped in the data', async () =>
    correct(
      await copy('flipped.safetensors', (b) => {
        const c = Buffer.from(b)
        c[c.length - 1000] = c[c.length - 1000]! ^ 4
        return c
      }),
      /sha256/,
    ))
  test('of another program', async () => {
    const header = Buffer.from('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ')
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    await correct(
      await copy('foreign.safetensors', () => Buffer.concat([length, header, Buffer.alloc(4)])),
      /written by emend/,
    )
  })
  test('not a safetensors file at all', async () =>
    correct(await copy('picture.safetensors', () => Buffer.from('\x89PNG\r\n\x1a\n'.repeat(50), 'latin1')), /header/))
  test('a folder without one, and no folder', async () => {
    const empty = await emend(['correct', '--from', folder, 'x'])
    assert.is(empty.code, 2)
    assert.match(empty.stderr, /--from: expected a checkpoint/)
    assert.is((await emend(['correct', '--from', join(folder, 'nowhere'), 'x'])).code, 2)
  })
  test('resume with another config names what differs, and changes nothing', async () => {
    await trained
    const before = readFileSync(checkpoint)
    const again = await emend([
      'pretrain',
      '--resume',
      '--json',
      '--out',
      out,
      '--corpus',
      text,
      '--config',
      config,
      '--lr',
      '0.5',
    ])
    assert.is(again.code, 2)
    assert.match(again.stderr, /--resume: expected the config of the checkpoint \(lr = .*\), got lr = 0\.5/)
    assert.equal(readFileSync(checkpoint), before)
  })
  test('resume with other text is refused too', async () => {
    await trained
    const other = put('other.txt', plainText(300))
    const again = await emend(['pretrain', '--resume', '--json', '--out', out, '--corpus', other, '--config', config])
    assert.is(again.code, 2)
    assert.match(again.stderr, /text = /)
  })
})
