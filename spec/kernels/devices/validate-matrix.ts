import * as E from 'fp-ts/Either'
import { cast, type Expr } from '../../../core'
import { compile } from '../../../kernels'
import { largestBlock } from '../../../kernels/devices/webgpu/layout'
import { buildProgram } from '../../../kernels/devices/webgpu/program'
import type { GpuDevice, WebgpuPackage } from '../../../kernels/devices/webgpu/standard'
import { gpuMatrixUnit } from '../../../kernels/emit/wgsl/matrix-unit'
import { matrixTiles, tileBytes, type MatrixTile } from '../../../kernels/emit/wgsl/subgroup-matmul'
import { likelyTile, mayTake } from '../../../kernels/emit/wgsl/tiles'
import { products } from './product-cases'

/**
 * A program of its own, run by webgpu-matrix-null.spec.ts: Dawn's null backend validates shaders with subgroup matrices without a GPU, but
 * a process that holds its pipelines does not end by itself. Prints one line of JSON: what was validated, and what was wrong.
 */
const shapes = [
  { m: 16, n: 16, k: 16 },
  { m: 8, n: 8, k: 8 },
  { m: 16, n: 8, k: 16 },
  { m: 8, n: 16, k: 32 },
]

const name: string = 'webgpu'
const dawn = (await import(name)) as WebgpuPackage
// Held: a device does not outlive its entry.
const entry = dawn.create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
const adapter = (await entry.requestAdapter())!
const device = await adapter.requestDevice({
  requiredFeatures: ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'],
})
const room = device.limits['maxComputeWorkgroupStorageSize']!

const failure = async (gpu: GpuDevice, code: string): Promise<string | undefined> => {
  gpu.onuncapturederror = () => undefined // what it says is in the messages too
  const module = gpu.createShaderModule({ code })
  const { messages } = await module.getCompilationInfo()
  const [first] = messages
  if (first !== undefined) return `${first.type}, line ${first.lineNum}: ${first.message}`
  try {
    await gpu.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const faults: string[] = []
const count = { shaders: 0, pipelines: 0, refused: 0 }

/** One product by one kind of tile. */
const validate = async (name: string, value: Expr, shape: (typeof shapes)[number], tile: MatrixTile): Promise<void> => {
  const matrix = gpuMatrixUnit({ ...shape, subgroupSize: 32, threads: 256, bytes: 49152 })
  const limits = { groupsPerAxis: 65535, matrix }
  const label = `${name}, ${JSON.stringify(tile)}, ${JSON.stringify(shape)}`
  const plan = compile(() => ({ outputs: [{ name: 'y', value }] }), { maxInputs: 7 })
  if (E.isLeft(plan)) throw plan.left
  let byUnit = 0
  const { dispatches } = buildProgram(plan.right, {
    limits,
    mostBuffers: 8,
    block: largestBlock,
    tileOf: (product) => (mayTake(tile, product, limits) ? tile : likelyTile(product, limits)),
  })
  for (const { emit } of dispatches) {
    const { source } = emit()
    if (!source.includes('subgroupMatrixMultiplyAccumulate')) continue
    byUnit += 1
    count.shaders += 1
    // A control: halves that are no part of the sums' shape.
    if (
      (await failure(device, source.replace('subgroup_matrix_left<f16, ', 'subgroup_matrix_left<f16, 2'))) !== undefined
    )
      count.refused += 1
    const said = await failure(device, source)
    if (said === undefined) {
      count.pipelines += 1
      continue
    }
    // The null backend has no more workgroup memory than the standard asks for: then what is said of it must be what was reckoned with.
    const bytes = Number(/workgroup storage[^(]*\((\d+) bytes\)/i.exec(said)?.[1])
    if (!(bytes > room && bytes <= tileBytes(tile, matrix))) faults.push(`${label}: ${said}\n${source}`)
  }
  if (byUnit === 0) faults.push(`${label}: no product by the unit`)
}

for (const tile of matrixTiles)
  for (const shape of shapes) {
    const isUsual = shape === shapes[0]
    const isSmallest = tile === matrixTiles.at(-1)
    if (!isUsual && !isSmallest) continue
    for (const [name, value] of Object.entries(products('f16'))) {
      if (isSmallest) await validate(`${name} in f16`, value, shape, tile)
      if (isUsual) await validate(`${name} in f32`, cast(value, 'f32'), shape, tile)
    }
  }
console.log(JSON.stringify({ faults: faults.slice(0, 3), ...count }))
process.exit(0)
