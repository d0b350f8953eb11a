import * as assert from 'uvu/assert'
import type { Page } from 'playwright-core'
import type { DeviceName } from '../../../../kernels'
import { describe, type Declare } from '../../../harness'
import { bundle, hasChromium, onPage, softwareAdapters, withBrowser } from './chromium'
import type { Checked } from './gpu-page'
import type { TenSteps } from './ten-steps'

const onGpuPage = async <T>(body: (page: Page) => Promise<T>): Promise<T> =>
  withBrowser(await bundle('gpu-page.ts'), softwareAdapters, (browser, at) =>
    onPage(browser, `${at}/plain`, 'gpuPage', body),
  )

/** A GPU device in Chromium, on an adapter in software. */
export const describeGpu = (
  name: DeviceName,
  more: (test: Declare, tenSteps: () => Promise<TenSteps>) => void,
  checked: (found: Checked) => void,
): void =>
  describe(`kernels/devices/${name} in a browser`, (test) => {
    if (!hasChromium()) {
      test('there is a browser or a SKIP line', () => undefined)
      return
    }
    test('kernels, programs, functions and every pattern of f16 and bf16 are as the reference has them', async () => {
      const [found, auto] = await onGpuPage(
        async (page) =>
          [await page.evaluate<Checked>(`gpuPage.checks('${name}')`), await page.evaluate('gpuPage.auto()')] as const,
      )
      const wrong = found.checks.filter((c) => c.wrong !== '')
      assert.is(wrong.map((c) => `${c.title}: ${c.wrong}`).join('\n'), '')
      assert.ok(found.checks.length >= 40, `${found.checks.length} checks`)
      assert.match(found.control, /^at 7: got/)
      assert.is(auto, 'wasm', 'auto takes no adapter in software')
      checked(found)
    })
    more(test, () => onGpuPage((page) => page.evaluate<TenSteps>(`gpuPage.tenSteps('${name}')`)))
  })

/** Losses that fall, within a relative distance of others. */
export const assertLosses = ({ losses }: TenSteps, wanted: TenSteps, tolerance: number): void => {
  assert.is(losses.length, 10)
  assert.ok(losses[9]! < losses[0]!, losses.join())
  const worst = losses.reduce((most, l, i) => Math.max(most, Math.abs(l / wanted.losses[i]! - 1)), 0)
  assert.ok(worst <= tolerance, `off by ${worst}: ${losses.join()} and ${wanted.losses.join()}`)
}
