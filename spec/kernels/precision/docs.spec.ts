import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'

describe('docs/precision.md', (test) => {
  test('its example runs as it stands', async () => {
    const [, source] = /```js\n(\/\/ policy\.mjs\n[^]*?)```/.exec(readFileSync('docs/precision.md', 'utf8'))!
    const path = join(import.meta.dirname, `policy-${process.pid}.mjs`) // inside the package, which imports itself by name
    writeFileSync(path, source!)
    try {
      const { values, gradient } = (await import(pathToFileURL(path).href)) as {
        values: readonly [number, number, number]
        gradient: Float64Array
      }
      const [plain, half, mixed] = values
      assert.ok(plain !== half && half !== mixed, String(values))
      for (const value of [half, mixed]) assert.ok(Math.abs(value - plain) < 1e-3, String(values))
      assert.is(gradient.length, 4)
    } finally {
      rmSync(path)
    }
  })
})
