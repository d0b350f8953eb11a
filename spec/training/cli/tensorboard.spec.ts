import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { workshop } from './run-cli'

const { folder, pretrain } = workshop()
const out = join(folder, 'run')
const run = () => pretrain('run', ['--device', 'wasm', '--tensorboard'])
const eventFiles = (at: string): readonly string[] =>
  readdirSync(at).filter((name) => name.startsWith('events.out.tfevents.'))

/** Number of records, by their lengths. */
const recordsIn = (file: string): number => {
  const data = readFileSync(file)
  let count = 0
  for (let at = 0; at < data.length; count++) at += 16 + Number(data.readBigUInt64LE(at))
  return count
}

describe('training/cli: --tensorboard', (test) => {
  test('a file in --out: a header, each step, each evaluation; an earlier run is moved aside with its own', async () => {
    const first = await run()
    assert.is(first.code, 0, first.stderr)
    const [file, ...others] = eventFiles(out)
    assert.equal(others, [])
    assert.is(recordsIn(join(out, file!)), 1 + 12 + 2)
    const second = await run()
    assert.is(second.code, 0, second.stderr)
    assert.equal(eventFiles(join(out, 'previous-1')), [file])
    assert.is(eventFiles(out).length, 1)
  })
})
