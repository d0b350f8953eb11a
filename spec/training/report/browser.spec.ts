import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { renderReport, type RunReport } from '../../../training/report'
import { describe } from '../../harness'
import { record, sampleReport } from './sample'

const executablePath = '/usr/bin/chromium'
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND',
]

/** What a page did while it was open. */
interface Visit {
  readonly page: Page
  readonly requests: readonly string[]
  /** Messages of the console, errors, failed requests: a good page has none. */
  readonly complaints: readonly string[]
}

const visit = async (
  browser: Browser,
  report: RunReport,
  look: { readonly width: number; readonly colorScheme: 'light' | 'dark' },
  then: (visit: Visit) => Promise<void>,
): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'emend-report-'))
  const file = join(folder, 'report.html')
  writeFileSync(file, renderReport(report))
  const { width, colorScheme } = look
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
  const [requests, complaints]: [string[], string[]] = [[], []]
  page.on('request', (request) => requests.push(request.url()))
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`))
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(error.message))
  try {
    await page.goto(pathToFileURL(file).href)
    await then({ page, requests, complaints })
    if (complaints.length > 0) throw new Error(complaints.join('\n'))
    assert.equal(requests, [pathToFileURL(file).href])
  } finally {
    await page.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** For each chart, how many pixels of its canvas are painted, and how many colours they have. */
const canvases = (page: Page): Promise<readonly { readonly painted: number; readonly colours: number }[]> =>
  page.evaluate(`[...document.querySelectorAll('.plot')].map((plot) => {
    const canvas = plot.querySelector('canvas')
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    const colours = new Set()
    let painted = 0
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 200) {
        painted += 1
        colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2])
      }
    return { painted, colours: colours.size }
  })`)

/** Asks until it is so; the page's policy forbids Playwright's own way, which is `eval`. */
const until = async (page: Page, expression: string): Promise<void> => {
  for (let tries = 0; tries < 100; tries++) {
    if ((await page.evaluate(expression)) === true) return
    await page.waitForTimeout(50)
  }
  throw new Error(`never true: ${expression.slice(0, 120)}`)
}

const texts = (page: Page, selector: string): Promise<readonly string[]> => page.locator(selector).allInnerTexts()

const arePainted = async (page: Page, charts: number): Promise<void> => {
  const drawn = await canvases(page)
  assert.is(drawn.length, charts)
  drawn.forEach(({ painted, colours }, i) =>
    assert.ok(painted > 500 && colours > 5, `chart ${i}: ${painted} pixels of ${colours} colours`),
  )
}

const fitsItsWidth = async (page: Page): Promise<void> =>
  assert.equal(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'), 0)

if (!existsSync(executablePath)) {
  console.log(`SKIP chromium: ${executablePath} is not there; the report is not opened in a browser`)
} else {
  describe('training/report in Chromium', (test) => {
    const open: { browser?: Browser } = {}
    const browser = async (): Promise<Browser> =>
      (open.browser ??= await chromium.launch({ executablePath, args: flags, headless: true }))

    test('opens from a file: every chart is painted, the table says its figures, nothing is asked for', async () =>
      visit(await browser(), sampleReport(600), { width: 1200, colorScheme: 'light' }, async ({ page }) => {
        await arePainted(page, 6)
        await fitsItsWidth(page)
        const table = (await texts(page, '.figures tbody tr')).map((row) => row.replace(/\s+/g, ' '))
        assert.match(
          table[0]!,
          /^MLM loss, auxiliary nats per masked token 8\.330 6\.062 −2\.268 6\.421 unigram entropy$/,
        )
        assert.match(
          table[3]!,
          /^Detection, fixed corruption ROC AUC 0\.498 0\.529 \+0\.031 0\.514 token frequency alone$/,
        )
        const legend = (await texts(page, '#chart-0 .u-series')).map((entry) => entry.replace(/\s+/g, ' ').trim())
        assert.ok(
          legend.some((entry) => entry.startsWith('unigram entropy') && entry.endsWith('6.421')),
          legend.join('; '),
        )
        assert.ok(
          legend.some((entry) => entry.endsWith('6.062 (step 600)')),
          legend.join('; '),
        )
      }))

    test('a legend follows the pointer, and falls back to the last step', async () =>
      visit(await browser(), sampleReport(600), { width: 1200, colorScheme: 'light' }, async ({ page }) => {
        const step = page.locator('#chart-0 .u-series').first()
        assert.match(await step.innerText(), 'last')
        await page.evaluate(`document.getElementById('chart-0').scrollIntoView({ block: 'center' })`)
        const box = (await page.locator('#chart-0 .u-over').boundingBox())!
        await page.mouse.move(box.x + box.width / 2 - 9, box.y + 60)
        await page.mouse.move(box.x + box.width / 2, box.y + 60)
        await until(page, `/^step(299|300|301)$/.test(document.querySelector('#chart-0 .u-series').innerText)`)
        await page.mouse.move(5, 5)
        await until(page, `/^steplast$/.test(document.querySelector('#chart-0 .u-series').innerText)`)
      }))

    test('dark, and turned to light while open and on paper', async () =>
      visit(await browser(), sampleReport(60), { width: 1000, colorScheme: 'dark' }, async ({ page }) => {
        await arePainted(page, 6)
        const axis = `(() => { const c = document.querySelector('#chart-0 canvas'); return c.toDataURL() })()`
        const dark = await page.evaluate(axis)
        await page.emulateMedia({ colorScheme: 'light' })
        await until(page, `${axis} !== ${JSON.stringify(dark)}`)
        await arePainted(page, 6)
        assert.ok((await page.pdf({ format: 'A4' })).length > 20_000)
        await arePainted(page, 6)
      }))

    test('narrow, then wide: charts keep to their places', async () =>
      visit(await browser(), sampleReport(600), { width: 360, colorScheme: 'light' }, async ({ page }) => {
        await arePainted(page, 6)
        await fitsItsWidth(page)
        const narrow = await page.locator('#chart-0 canvas').boundingBox()
        await page.setViewportSize({ width: 1200, height: 900 })
        await until(page, `document.querySelector('#chart-0 canvas').clientWidth > ${2 * narrow!.width}`)
        await fitsItsWidth(page)
      }))

    test('one step; figures that are not numbers; 10 000 steps; hostile names; nothing', async () => {
      const report = sampleReport(40)
      const broken = report.records.map((r) => (r.step % 3 === 0 ? { ...r, gradNorm: NaN, metrics: { ...r.metrics, mlm: NaN } } : r)) // prettier-ignore
      const reports: readonly (readonly [RunReport, number])[] = [
        [{ ...report, heldOut: [], records: [record(1, 40)] }, 5],
        [{ ...report, records: broken }, 6],
        [sampleReport(10_000), 6],
        [sampleReport(30, { '</script><img src=x onerror=alert(1)>': 0.5 }), 7],
        [{ ...report, records: [], heldOut: [], corrections: [] }, 0],
      ]
      for (const [each, charts] of reports)
        await visit(await browser(), each, { width: 1200, colorScheme: 'light' }, ({ page }) =>
          arePainted(page, charts),
        )
    })

    test('control: a blank canvas, an error and a request are noticed', async () => {
      const report = sampleReport(5)
      const look = { width: 800, colorScheme: 'light' } as const
      const fails = async (script: string, pattern: RegExp) => {
        let message = ''
        await visit(await browser(), report, look, async ({ page }) => {
          await page.evaluate(script)
          await page.waitForTimeout(50)
          await arePainted(page, 6)
        }).catch((error: unknown) => (message = error instanceof Error ? error.message : ''))
        assert.match(message, pattern)
      }
      await fails(`(() => { const c = document.querySelector('canvas'); c.width = c.width })()`, /chart 0: 0 pixels/)
      await fails(`setTimeout(() => { throw new Error('boom') }, 0)`, /boom/)
      await fails(`(() => { new Image().src = 'https://example.org/x.png' })()`, /Content Security Policy/)
    })

    test('the browser ends', async () => {
      await open.browser?.close()
    })
  })
}
