import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { chromium, type Browser } from 'playwright-core'
import * as assert from 'uvu/assert'
import { describe } from '../../../harness'
import { tenSteps, type TenSteps } from './ten-steps'

const executablePath = '/usr/bin/chromium'
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']

/** The page's script as a user's bundler makes it: what only Node has is left out of reach. */
const bundle = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'page.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    external: ['node:*', 'gpu.js', 'webgpu', 'koffi'],
  })
  return outputFiles[0]!.text
}

/** Pages with the script: /isolated may share memory between threads, /plain may not. */
const serve = (script: string): Promise<Server> => {
  const server = createServer(({ url }, response) => {
    if (url === '/isolated') {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    }
    const isPage = url === '/isolated' || url === '/plain'
    response.setHeader('Content-Type', isPage ? 'text/html' : 'text/javascript')
    response.end(isPage ? '<script type="module" src="/page.js"></script>' : script)
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

interface Visit {
  readonly isolated: boolean
  readonly steps: TenSteps
}

const visit = async (browser: Browser, url: string): Promise<Visit> => {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  try {
    await page.goto(url)
    await page.waitForFunction('globalThis.tenSteps !== undefined')
    const isolated = await page.evaluate<boolean>('globalThis.crossOriginIsolated')
    const steps = await page.evaluate<TenSteps>('tenSteps({})')
    assert.equal(complaints, [])
    return { isolated, steps }
  } finally {
    await page.close()
  }
}

describe('kernels/devices/wasm in a browser', (test) => {
  if (!existsSync(executablePath)) {
    console.log(`SKIP browser: no ${executablePath}`)
    test('there is a browser or a SKIP line', () => undefined)
    return
  }
  test('ten steps of tiny in Chromium give the bits of Node: with Web Workers, and on one thread without shared memory', async () => {
    const server = await serve(await bundle())
    const browser = await chromium.launch({ executablePath, args: flags })
    try {
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const node = await tenSteps({ threads: 2 })
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
    } finally {
      await browser.close()
      server.close()
    }
  })
})
