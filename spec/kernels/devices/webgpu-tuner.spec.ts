import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { gelu, input, matmul, transpose } from '../../../core'
import { compile, type HostArray } from '../../../kernels'
import { tileShapes } from '../../../kernels/emit/wgsl/matmul'
import { webgpuDevice, type WebgpuOptions } from '../../../kernels/devices/webgpu'
import { describe } from '../../harness'
import { openGpujs, orThrow } from './open'

const n = 480
const numbers = (k: number): Float32Array =>
  Float32Array.from({ length: n * n }, (_, i) => (((i * 37 + k * 11) % 29) - 14) / 16)

/** gelu(a bT) on a device of its own, and whether that had any tile to measure. */
const product = async (options: WebgpuOptions): Promise<HostArray> => {
  const device = await orThrow(webgpuDevice(options))
  const value = gelu(matmul(input('a', [n, n]), transpose(input('b', [n, n]), [1, 0])))
  const plan = compile(() => ({ outputs: [{ name: 'y', value }] }), { maxInputs: device.maxInputs })
  if (E.isLeft(plan)) throw plan.left
  const executable = await orThrow(device.compile(plan.right))
  const aval = { dtype: 'f32', shape: [n, n] } as const
  const given = [await orThrow(device.upload(numbers(0), aval)), await orThrow(device.upload(numbers(1), aval))]
  const [y] = await orThrow(executable.run(given))
  const read = await orThrow(device.read(y!))
  await device.close()
  return read
}

type Tiles = Readonly<Record<string, Readonly<Record<string, string>>>>

describe('kernels/devices/webgpu: tiles are measured and remembered', (test) => {
  const inFolder = (title: string, body: (folder: string) => Promise<void>): void =>
    test(title, async () => {
      if ((await openGpujs('webgpu')) === null) return
      const folder = mkdtempSync(join(tmpdir(), 'emend-tiles-'))
      try {
        await body(folder)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

  inFolder('once for each product, by adapter; a file that is none is written anew', async (folder) => {
    const file = join(folder, 'tiles.json')
    writeFileSync(file, '{ not json')
    await product({ tune: { folder } })
    const [[adapter, tiles]] = Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Tiles) as [
      [string, Tiles[string]],
    ]
    assert.match(adapter, /swiftshader|software/i)
    assert.is(Object.keys(tiles).length, 1)
    const [[signature, tile]] = Object.entries(tiles) as [[string, string]]
    assert.is(signature, `1x${n}x${n}x${n} f32 along k, f32 along k`)
    assert.ok(tileShapes.some((t) => `${t.rows}x${t.columns}x${t.depth}` === tile))
    // What is remembered is taken as it is: nothing is measured, nothing written.
    const marked = JSON.stringify({ [adapter]: { [signature]: '32x32x16' }, another: {} })
    writeFileSync(file, marked)
    await product({ tune: { folder } })
    assert.is(readFileSync(file, 'utf8'), marked)
  })

  test('the tile changes no bit', async () => {
    if ((await openGpujs('webgpu')) === null) return
    const results: HostArray[] = []
    for (const tile of tileShapes) results.push(await product({ tile }))
    for (const other of results.slice(1)) assert.equal(other, results[0])
  })
})
