import * as assert from 'uvu/assert'
import { aval, bytesOf, cast } from '../../../core'
import { tileShapes } from '../../../kernels/emit/wgsl/matmul'
import { webgpuDevice } from '../../../kernels/devices/webgpu'
import { describe } from '../../harness'
import { openGpujs, orThrow } from './open'
import { checkProduct, numbers, products } from './product-cases'

const dtypes = ['f32', 'f16', 'bf16'] as const
const hardest = new Set([
  'more rows than a tile, one step of k over',
  'both by fours, not by tiles',
  'both turned',
  'heads, joined again',
  'bias and gelu',
])

describe('kernels/devices/webgpu: products by tiles', (test) => {
  for (const tile of tileShapes)
    for (const dtype of tile.rows === 32 ? dtypes : tile.rows === 64 ? (['f32'] as const) : (['f16'] as const))
      test(`${tile.rows} x ${tile.columns} x ${tile.depth} in ${dtype}: equal to the reference`, async () => {
        if ((await openGpujs('webgpu')) === null) return
        const device = await orThrow(webgpuDevice({ tile }))
        // A software adapter takes seconds to compile a large tile: fewer products are tried with those.
        const isSmall = tile === tileShapes.at(-1)
        for (const [name, value] of Object.entries(products(dtype)).filter(
          ([n]) => (isSmall && dtype !== 'bf16') || hardest.has(n),
        )) {
          // Sums are in f32 and rounded once: half a unit of the last place of the result, or of f32 sums of these lengths.
          const tolerance = dtype === 'f32' ? 1e-5 : dtype === 'f16' ? 2 ** -10 : 2 ** -7
          await checkProduct(device, name, cast(value, 'f32'), tolerance)
        }
        await device.close()
      })

  test('halves take two bytes', async () => {
    const device = await openGpujs('webgpu')
    if (device === null) return
    const before = device.memory!().inUse
    const half = await orThrow(device.upload(numbers(1 << 20, 1), aval('f16', 1 << 20)))
    assert.is(device.memory!().inUse - before, (1 << 20) * bytesOf('f16'))
    device.free([half])
  })
})
