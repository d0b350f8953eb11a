import * as E from 'fp-ts/Either'
import type { Device } from '../../../kernels/device'
import { wasmDevice, type WasmOptions } from '../../../kernels/devices/wasm'
import { gpujsDevice } from '../../../kernels/devices/gpujs'
import { webgpuDevice } from '../../../kernels/devices/webgpu'

export type GpujsMode = 'cpu' | 'webasm' | 'webgpu'

const opened = new Map<GpujsMode, Promise<Device | null>>()

/** Opens a mode once. `webgpu` may be missing on a machine: then a SKIP line says why, which CI counts as a failure. */
export const openGpujs = (mode: GpujsMode): Promise<Device | null> => {
  const known = opened.get(mode)
  if (known !== undefined) return known
  const opening = (mode === 'webgpu' ? webgpuDevice() : gpujsDevice(mode))().then((result) => {
    if (E.isRight(result)) return result.right
    const { what, expected, got } = result.left
    if (mode !== 'webgpu') throw new Error(`${what}: expected ${expected}, got ${got}`)
    console.log(`\nSKIP webgpu: ${got}`) // at the start of a line: dots of passed tests stand before it
    return null
  })
  opened.set(mode, opening)
  return opening
}

export const gpujsModes: readonly GpujsMode[] = ['cpu', 'webasm', 'webgpu']

const openedWasm = new Map<string, Promise<Device | null>>()

/** Opens the wasm device once for each choice. BLAS may be missing on a machine: then a SKIP line says why. */
export const openWasm = (options: WasmOptions): Promise<Device | null> => {
  const key = JSON.stringify(options)
  const known = openedWasm.get(key)
  if (known !== undefined) return known
  const opening = wasmDevice(options)().then((result) => {
    if (E.isRight(result)) return result.right
    const { what, expected, got } = result.left
    if (options.matmul !== 'blas') throw new Error(`${what}: expected ${expected}, got ${got}`)
    console.log(`\nSKIP blas: ${got}`)
    return null
  })
  openedWasm.set(key, opening)
  return opening
}

/** The gpu.js devices that open on this machine. */
export const devicesUnderTest = async (): Promise<readonly Device[]> => {
  const devices = await Promise.all(gpujsModes.map(openGpujs))
  return devices.filter((d): d is Device => d !== null)
}

export const orThrow = async <T>(
  task: () => Promise<E.Either<{ readonly what: string; readonly got: string }, T>>,
): Promise<T> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}
