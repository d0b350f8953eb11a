import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { fromJson } from '../../../training/data/tokenizer/file/from-json'
import { describe } from '../../harness'
import { fitted } from '../fitted'
import { emend, jsonLines, plainText, temporary, type CliResult } from './run-cli'

const folder = temporary()
const at = (name: string): string => join(folder, name)
const put = (name: string, contents: string | Uint8Array): string => {
  writeFileSync(at(name), contents)
  return at(name)
}
const text = put('text.txt', plainText(300))
const vocabulary = at('tokenizer.json')
const tokenizer = (...args: readonly string[]): Promise<CliResult> => emend(['tokenizer', ...args])
const trained = tokenizer('train', '--corpus', text, '--vocab', '300', '--out', vocabulary, '--json')

const refused = ({ code, stdout, stderr }: CliResult, ...expected: readonly RegExp[]): void => {
  for (const words of expected) assert.match(stderr, words)
  assert.is(code, 2, stderr)
  assert.is(stdout, '')
  assert.not.match(stderr, /\n {4}at .*\.m?[jt]s:\d/, 'a stack is not a message')
  assert.equal(readdirSync(folder).filter((name) => name.endsWith('.tmp')), [], 'half a file is left') // prettier-ignore
}

describe('training/cli: emend tokenizer', (test) => {
  test('train writes a tokenizer.json, and says what it is', async () => {
    const { code, stdout, stderr } = await trained
    assert.is(code, 0, stderr)
    const [said] = jsonLines(stdout)
    const read = fitted(fromJson(JSON.parse(readFileSync(vocabulary, 'utf8'))))
    assert.equal([said!['vocab'], said!['fingerprint'], said!['documents']], [300, read.fingerprint(), 1])
    assert.is(stderr, '')
  })

  test('a file that is there is kept, unless --force', async () => {
    await trained
    const before = readFileSync(vocabulary, 'utf8')
    const again = ['train', '--corpus', text, '--vocab', '290', '--out', vocabulary] as const
    refused(await tokenizer(...again), /--out: expected a name that is free, got a file that is there/, /--force/)
    assert.is(readFileSync(vocabulary, 'utf8'), before)
    const other = await tokenizer('train', '--corpus', text, '--vocab', '290', '--out', put('old.json', '{}'), '--force') // prettier-ignore
    assert.is(other.code, 0, other.stderr)
    assert.match(other.stdout, /290 entries from 1 documents/)
    assert.match(other.stderr, /reading .*text\.txt\n.*290\/290 entries/s)
  })

  test('encode: a text, lines of standard input, markup as text or parsed', async () => {
    await trained
    const read = fitted(fromJson(JSON.parse(readFileSync(vocabulary, 'utf8'))))
    const one = await tokenizer('encode', 'the people [MASK]', '--tokenizer', vocabulary, '--json')
    const ids = [...read.encode('the people [MASK]')]
    assert.equal(jsonLines(one.stdout), [{ text: 'the people [MASK]', ids, tokens: ids.map(read.tokenOf) }])
    const lines = await emend(['tokenizer', 'encode', '--tokenizer', vocabulary, '--specials'], { input: 'a [MASK]\n\nwe\n' }) // prettier-ignore
    const wanted = ['a [MASK]', '', 'we'].map((s) => read.encode(s, { specials: 'parse' }).join(' '))
    assert.equal(lines.stdout.split('\n'), [...wanted, ''])
  })

  test('encode: a corpus, as rows and as int32', async () => {
    await trained
    const read = fitted(fromJson(JSON.parse(readFileSync(vocabulary, 'utf8'))))
    const corpus = put('rows.jsonl', '{"text": "the people"}\n{"text": "“we” shall"}\n')
    const rows = await tokenizer('encode', '--tokenizer', vocabulary, '--corpus', corpus, '--out', at('ids.jsonl'), '--json') // prettier-ignore
    assert.is(rows.code, 0, rows.stderr)
    const texts = ['the people', '“we” shall']
    assert.equal(jsonLines(readFileSync(at('ids.jsonl'), 'utf8')), texts.map((s, i) => ({ source: `${corpus}:${i + 1}`, ids: [...read.encode(s)] }))) // prettier-ignore
    const args = ['encode', '--tokenizer', vocabulary, '--corpus', corpus, '--prepare', 'coco-lm', '--out', at('ids.bin')] // prettier-ignore
    const binary = await tokenizer(...args)
    assert.match(binary.stdout, /\d+ tokens of 2 documents in .*ids\.bin/)
    const bytes = readFileSync(at('ids.bin'))
    const ids = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32LE(4 * i))
    assert.equal(ids, [...read.encode('the people'), 2, ...read.encode('" we " shall'), 2])
  })

  test('bad input is one message, exit 2, and no file', async () => {
    await trained
    const train = (...args: readonly string[]) => tokenizer('train', '--out', at('none.json'), ...args)
    refused(await train('--corpus', text, '--vocab', '100'), /at least 261 entries \(5 special, 256 bytes\), got 100/)
    refused(await train('--corpus', text, '--vocab', 'many'), /--vocab: expected a whole number > 0, got "many"/)
    refused(await train('--corpus', text, '--vocab', '99999'), /99999 entries/, /at most \d+ entries/)
    refused(await train('--corpus', at('nowhere.txt'), '--vocab', '300'), /got no such file\n {2}at .*nowhere\.txt/)
    refused(await train('--corpus', text, '--vocab', '300', '--prepare', 'x'), /--prepare: expected none \| coco-lm, got "x"/) // prettier-ignore
    refused(await train('--vocab', '300'), /required option '--corpus <file...>' not specified/)
    refused(await tokenizer('train', '--corpus', text, '--vocab', '300', '--out', at('no/x.json')), /--out: expected a folder that is there/) // prettier-ignore
    refused(await tokenizer('encode', 'x', '--tokenizer', text), /one token of a BERT vocabulary, got .*\n {2}at .*text\.txt:1/) // prettier-ignore
    refused(await tokenizer('encode', '--tokenizer', vocabulary, '--corpus', text), /--corpus and --out together/)
    const bad = put('bad.jsonl', '{"text": "fine"}\n{"text": \n')
    const encode = ['encode', '--tokenizer', vocabulary, '--corpus', bad, '--out', at('none.json')]
    refused(await tokenizer(...encode), /expected one JSON object on a line, got .*\n {2}at .*bad\.jsonl:2/)
    assert.is(existsSync(at('none.json')), false)
  })

  test('a disk without room is exit 2 or 3, and what was there stays', async () => {
    await trained
    const full = await tokenizer('train', '--corpus', text, '--vocab', '300', '--out', '/proc/none.json')
    assert.ok(full.code === 2 || full.code === 3, full.stderr)
    assert.match(full.stderr, /expected .*, got /)
  })
})
