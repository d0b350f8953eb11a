import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { chromium, type Browser, type Page } from 'playwright-core'
import * as assert from 'uvu/assert'

const executablePath = '/usr/bin/chromium'
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']

/** Adapters in software, so that what is tested is the same on every machine. */
export const softwareAdapters = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
]

/** False with a SKIP line where there is no browser. */
export const hasChromium = (): boolean => {
  if (existsSync(executablePath)) return true
  console.log(`SKIP browser: no ${executablePath}`)
  return false
}

/** A page's script as a user's bundler makes it: what only Node has is left out of reach. */
export const bundle = async (file: string, external: readonly string[] = []): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, file)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    external: ['node:*', 'webgpu', 'koffi', ...external],
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

/** A browser on pages with this script, closed at the end whatever happens. */
export const withBrowser = async <T>(
  script: string,
  args: readonly string[],
  body: (browser: Browser, at: string) => Promise<T>,
): Promise<T> => {
  const server = await serve(script)
  const browser = await chromium.launch({ executablePath, args: [...flags, ...args] })
  try {
    return await body(browser, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    await browser.close()
    server.close()
  }
}

/** A visit of a page that has set `ready` among its globals; what the page throws fails the visit. */
export const onPage = async <T>(
  browser: Browser,
  url: string,
  ready: string,
  body: (page: Page) => Promise<T>,
): Promise<T> => {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  try {
    await page.goto(url)
    await page.waitForFunction(`globalThis.${ready} !== undefined`)
    const result = await body(page)
    assert.equal(complaints, [])
    return result
  } finally {
    await page.close()
  }
}
