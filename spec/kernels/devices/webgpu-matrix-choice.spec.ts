import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { input, matmul, type DType } from '../../../core'
import { compile } from '../../../kernels'
import { webgpuDeviceWith, type WebgpuOptions } from '../../../kernels/devices/webgpu'
import { contractionOf, type Contraction } from '../../../kernels/emit/contraction'
import type { MatrixLimits, MatrixUnit } from '../../../kernels/emit/wgsl/matrix-unit'
import { matrixTiles, tileBytes, type MatrixTile } from '../../../kernels/emit/wgsl/subgroup-matmul'
import type { WgslLimits } from '../../../kernels/emit/wgsl/program'
import { isMatrixTile, likelyTile, tilesOf, type ProductTile } from '../../../kernels/emit/wgsl/tiles'
import { tileShapes } from '../../../kernels/emit/wgsl/matmul'
import type { Machine } from '../../../kernels/devices/webgpu/loaded'
import { Tuner } from '../../../kernels/devices/webgpu/tuner'
import { describe } from '../../harness'
import { openGpujs, orThrow } from './open'
import { softwareUnit } from './software-unit'

const common = { threads: 256, bytes: 32768 }
const usual: MatrixLimits = { m: 16, n: 16, k: 16, subgroupSize: 32, ...common }
/** Small, since software adapters take long to compile what is large: two matrices down and two across for each of four subgroups. */
const small: MatrixTile = { rows: 32, columns: 32, depth: 16, subgroups: [2, 2] }
const eight: MatrixLimits = { m: 8, n: 8, k: 8, subgroupSize: 32, ...common }

const contraction = (dtype: DType, m: number, n: number, k: number): Contraction => {
  const value = matmul(input('a', [m, k], dtype), input('b', [k, n], dtype))
  const plan = compile(() => ({ outputs: [{ name: 'y', value }] }))
  if (E.isLeft(plan)) throw plan.left
  return plan.right.kernels.flatMap((kernel) => contractionOf(kernel) ?? [])[0]!
}

/** What is said of the unit by a device that was offered one, or why there is no device. */
const saidOf = async (options: WebgpuOptions, unit: MatrixUnit | undefined): Promise<string> => {
  const opened = await webgpuDeviceWith({ tile: small, ...options }, unit)()
  if (E.isLeft(opened)) return `${opened.left.expected}: ${opened.left.got}`
  const { detail } = opened.right.backend
  await opened.right.close()
  return detail.split('(software)')[1]!
}

describe('kernels/devices/webgpu: whether matrices are multiplied by the unit', (test) => {
  const on = (title: string, body: () => Promise<void>): void =>
    test(title, async () => {
      if ((await openGpujs('webgpu')) !== null) await body()
    })

  on('the tile that is proved where none is given is multiplied right', async () => {
    const device = await orThrow(webgpuDeviceWith({}, softwareUnit(usual)))
    assert.match(device.backend.detail, /, matrix unit 16x16x16$/)
    await device.close()
  })

  on('a unit that is wrong, or refused, is not used, and the device says so', async () => {
    const unit = softwareUnit(eight)
    assert.is(await saidOf({}, unit), ', matrix unit 8x8x8')
    assert.is(await saidOf({ matrix: false }, unit), ', matrix unit not asked for')
    assert.is(await saidOf({}, undefined), '')
    const wrong: Readonly<Record<string, MatrixUnit>> = {
      transposed: { ...unit, load: (side, place, stride) => unit.load(side, place, stride, 'row_major') },
      elsewhere: { ...unit, begin: ['member = i32(lane) % 32;', 'let subgroup = i32(lane) % 4;'] },
      'not compiled': { ...unit, directives: ['enable chromium_experimental_subgroup_matrix;'] },
    }
    for (const [name, other] of Object.entries(wrong)) {
      const said = await saidOf({}, other)
      const got = name === 'not compiled' ? /a shader was refused/ : /it gave -?\d+ for -?\d+ at \d+ of/
      assert.match(said, /^, matrix unit not used: /, name)
      assert.match(said, got, name)
    }
    assert.match(
      await saidOf({ matrix: true }, wrong['elsewhere']),
      /^a GPU whose matrix unit multiplies f16: it gave /,
    )
    assert.is(await saidOf({ matrix: true }, undefined), 'a GPU whose matrix unit multiplies f16: one without')
  })

  test('whether a product goes to the unit is told by its dtypes and sizes', () => {
    const limits = { groupsPerAxis: 65535, matrix: softwareUnit({ ...usual, bytes: 49152 }) }
    const kinds = (of: Contraction, given: Parameters<typeof tilesOf>[1] = limits): readonly boolean[] => [
      ...new Set(tilesOf(of, given).map(isMatrixTile)),
    ]
    assert.equal(kinds(contraction('f16', 256, 256, 256)), [true])
    assert.equal(kinds(contraction('f16', 256, 31, 256)), [false])
    assert.equal(kinds(contraction('bf16', 256, 256, 256)), [false])
    assert.equal(kinds(contraction('f32', 256, 256, 256)), [false])
    assert.equal(kinds(contraction('f16', 256, 256, 256), { groupsPerAxis: 65535 }), [false])
    assert.equal(likelyTile(contraction('f16', 4096, 4096, 512), limits), matrixTiles[0])
    assert.equal(likelyTile(contraction('f16', 256, 256, 256), limits), matrixTiles.at(-1))
  })

  test('a tile that was measured is taken, for the unit or without it', () => {
    const product = contraction('f16', 4096, 4096, 512)
    const signature = '1x4096x4096x512 f16 along k, f16'
    const tiles = new Map([
      [signature, '32x32x16'],
      [`${signature} by matrices 16x16x16`, '128x64x32 by 2x2'],
    ])
    const store = { read: () => new Map(tiles), write: () => undefined }
    const tileOf = (more: Partial<WgslLimits>): ProductTile =>
      new Tuner({} as Machine, { groupsPerAxis: 65535, ...more }, store).tileOf(product)
    assert.equal(tileOf({}), tileShapes.at(-1))
    assert.equal(tileOf({ matrix: softwareUnit({ ...usual, bytes: 49152 }) }), matrixTiles[2])
    // Measured where there was more room.
    assert.equal(tileOf({ matrix: softwareUnit({ ...usual, bytes: 16384 }) }), matrixTiles[3])
  })

  test('tiles that have no room are not tried', () => {
    const product = contraction('f16', 4096, 4096, 512)
    const tiles = (more: Partial<MatrixLimits>): readonly unknown[] =>
      tilesOf(product, { groupsPerAxis: 65535, matrix: softwareUnit({ ...usual, ...more }) })
    assert.equal(tiles({ bytes: 49152 }), matrixTiles)
    assert.equal(tiles({ bytes: 16384 }), matrixTiles.slice(-1))
    assert.equal(
      tiles({ bytes: 49152, threads: 128 }),
      matrixTiles.filter((t) => t.subgroups[1] === 2),
    )
    assert.is(tileBytes(matrixTiles.at(-1)!, usual), 8 * 2 * 64 * 10 + 4 * 32 * 32)
    assert.not(tiles({ bytes: 1024 }).some((tile) => matrixTiles.includes(tile as MatrixTile)))
  })
})
