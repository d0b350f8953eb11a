import { cast } from '../../../core'
import { webgpuDeviceWith } from '../../../kernels/devices/webgpu'
import type { MatrixLimits } from '../../../kernels/emit/wgsl/matrix-unit'
import type { MatrixTile } from '../../../kernels/emit/wgsl/subgroup-matmul'
import { describe } from '../../harness'
import { openGpujs, orThrow } from './open'
import { checkProduct, products } from './product-cases'
import { softwareUnit } from './software-unit'

/** Small, since software adapters take long to compile what is large: two matrices down and two across for each of four subgroups. */
const small: MatrixTile = { rows: 32, columns: 32, depth: 16, subgroups: [2, 2] }
const eight: MatrixLimits = { m: 8, n: 8, k: 8, subgroupSize: 32, threads: 256, bytes: 32768 }

describe('kernels/devices/webgpu: products by matrices', (test) => {
  const on = (title: string, body: () => Promise<void>): void =>
    test(title, async () => {
      if ((await openGpujs('webgpu')) !== null) await body()
    })

  for (const [limits, tile, only] of [
    [eight, small, /more rows|by fours, not|turned|heads, joined|bias/],
    // Nothing as long as anything else.
    [
      { ...eight, m: 16, n: 8, k: 32, subgroupSize: 64 },
      { rows: 32, columns: 16, depth: 32, subgroups: [2, 1] },
      /both turned|heads, joined/,
    ],
    [{ ...eight, m: 8, n: 16 }, { ...small, subgroups: [4, 1] }, /both turned/],
  ] as const) {
    const { m, n, k, subgroupSize } = limits
    const by = `${tile.rows} x ${tile.columns} x ${tile.depth} by ${tile.subgroups.join(' x ')}`
    on(`${m} x ${n} x ${k}, ${subgroupSize} threads, tiles ${by}: equal to the reference`, async () => {
      const device = await orThrow(webgpuDeviceWith({ tile, matrix: true }, softwareUnit(limits)))
      for (const [name, value] of Object.entries(products('f16')).filter(([name]) => only.test(name)))
        await checkProduct(device, name, cast(value, 'f32'), 2 ** -10)
      // In f16, too: stored as they are made, or after the sums where their words would be shared.
      if (tile === small)
        for (const name of ['even sizes', 'bias and gelu'])
          await checkProduct(device, name, products('f16')[name]!, 2 ** -10)
      await device.close()
    })
  }
})
