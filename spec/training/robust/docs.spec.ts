import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { divergenceNames, parsePdr, pdrDefaults, pdrModes } from '../../../training/robust'
import { describe } from '../../harness'

const text = readFileSync('docs/robust.md', 'utf8')

describe('docs/robust.md', (test) => {
  test('its example runs as it stands, with the numbers that are told', async () => {
    const [, source] = /```js\n(\/\/ robust\.mjs\n[^]*?)```/.exec(text)!
    const path = join(import.meta.dirname, `robust-${process.pid}.mjs`) // inside the package, which imports itself by name
    writeFileSync(path, source!)
    try {
      const { plain, robust } = (await import(pathToFileURL(path).href)) as {
        readonly plain: readonly [number, number]
        readonly robust: readonly [number, number]
      }
      const shown = [plain, robust].map(([nll, pdr]) => `[${nll.toFixed(4)}, ${pdr.toFixed(5)}]`)
      for (const numbers of shown) assert.ok(text.includes(numbers), numbers)
    } finally {
      rmSync(path)
    }
  })

  test('its tables have every mode with what it begins with, and every divergence', () => {
    for (const mode of pdrModes) {
      const [, settings] = new RegExp(`^\\| \`${mode}\` .*\\| \`([^\`]*)\` *\\|$`, 'm').exec(text)!
      assert.equal(parsePdr(`mode=${mode},${settings!}`), E.right(pdrDefaults[mode]))
    }
    for (const name of divergenceNames) assert.ok(text.includes(`| \`${name}\``), name)
  })
})
