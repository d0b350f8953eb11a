import * as assert from 'uvu/assert'
import type { Browser } from 'playwright-core'
import { wasmDevice } from '../../../../kernels/devices/wasm'
import { describe } from '../../../harness'
import { orThrow } from '../open'
import { bundle, hasChromium, onPage, withBrowser } from './chromium'
import { own, tenSteps, type TenSteps } from './ten-steps'

interface Visit {
  readonly isolated: boolean
  readonly steps: TenSteps
}

const visit = (browser: Browser, url: string): Promise<Visit> =>
  onPage(browser, url, 'tenSteps', async (page) => ({
    isolated: await page.evaluate<boolean>('globalThis.crossOriginIsolated'),
    steps: await page.evaluate<TenSteps>('tenSteps({})'),
  }))

describe('kernels/devices/wasm in a browser', (test) => {
  if (!hasChromium()) {
    test('there is a browser or a SKIP line', () => undefined)
    return
  }
  test('ten steps of tiny in Chromium give the bits of Node: with Web Workers, and on one thread without shared memory', async () => {
    await withBrowser(await bundle('wasm-page.ts'), [], async (browser, at) => {
      const node = await tenSteps(await orThrow(wasmDevice({ threads: 2, matmul: 'wasm' })), own)
      assert.ok(node.losses[9]! < node.losses[0]! && Object.keys(node.bits).length > 50)

      const isolated = await visit(browser, `${at}/isolated`)
      assert.is(isolated.isolated, true)
      assert.match(isolated.steps.backend, /[2-9] threads|\d\d threads/)
      assert.equal(isolated.steps.losses, node.losses)
      assert.equal(isolated.steps.bits, node.bits)

      const plain = await visit(browser, `${at}/plain`)
      assert.is(plain.isolated, false)
      assert.match(plain.steps.backend, /one thread/)
      assert.equal(plain.steps.losses, node.losses)
      assert.equal(plain.steps.bits, node.bits)
    })
  })
})
