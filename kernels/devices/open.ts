import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Device, DeviceFault } from '../device'
import type { Layout } from '../layout'
import { gpujsDevice } from './gpujs'
import { referenceDevice } from './reference'
import { wasmDevice, type WasmOptions } from './wasm'
import { webgl2Device } from './webgl2'
import { webgpuDevice } from './webgpu'
import { webgpuLayout } from './webgpu/layout'

/** Every device by name. Adding one is one line. */
const openers: Readonly<Record<DeviceName, (options?: DeviceOptions) => TE.TaskEither<DeviceFault, Device>>> = {
  wasm: (options) => wasmDevice(options),
  reference: () => () => Promise.resolve(E.right(referenceDevice())),
  'gpujs:cpu': () => gpujsDevice('cpu'),
  'gpujs:webasm': () => gpujsDevice('webasm'),
  'gpujs:webgl2': () => webgl2Device(),
  'gpujs:webgpu': () => webgpuDevice(),
}

export const deviceNames = ['wasm', 'reference', 'gpujs:cpu', 'gpujs:webasm', 'gpujs:webgl2', 'gpujs:webgpu'] as const
export type DeviceName = (typeof deviceNames)[number]

/** How a device takes memory, where that is known without opening it. */
export const layoutOf = (name: string): Layout | undefined => (name === 'gpujs:webgpu' ? webgpuLayout : undefined)

/** What can be chosen of the processor's own device; the others have no such choices. */
export type DeviceOptions = Pick<WasmOptions, 'threads' | 'matmul'>

/** What a device is or why it cannot be had, found by opening it. */
export interface Probe {
  readonly name: DeviceName
  readonly result: E.Either<DeviceFault, Device['backend']>
}

export const probeDevices = async (): Promise<readonly Probe[]> => {
  const probes: Probe[] = []
  for (const name of deviceNames) {
    const device = await openers[name]()()
    probes.push({ name, result: E.isRight(device) ? E.right(device.right.backend) : device })
    if (E.isRight(device)) await device.right.close()
  }
  return probes
}

/**
 * Open a device by name, or the best there is: `auto` takes a real GPU adapter (never a software one), else wasm, and wasm
 * wherever options of it are given.
 * A device that this machine lacks is a fault that names those it has.
 */
export const openDevice =
  (name: DeviceName | 'auto', options: DeviceOptions = {}): TE.TaskEither<DeviceFault, Device> =>
  async () => {
    const [given] = Object.keys(options)
    if (given !== undefined && name !== 'auto' && name !== 'wasm')
      return E.left({
        _tag: 'DeviceFault',
        device: name,
        what: 'open',
        expected: `no ${given}: it is for the wasm device`,
        got: JSON.stringify(options),
      })
    if (name !== 'auto') {
      const device = await openers[name](options)()
      return E.isRight(device) ? device : E.left(await withAlternatives(device.left))
    }
    if (given !== undefined) return wasmDevice(options)()
    const gpu = await openers['gpujs:webgpu']()()
    if (E.isRight(gpu)) {
      if (!gpu.right.backend.isSoftware) return gpu
      await gpu.right.close()
    }
    return wasmDevice()()
  }

const withAlternatives = async (fault: DeviceFault): Promise<DeviceFault> => {
  const working = (await probeDevices()).filter((p) => E.isRight(p.result)).map((p) => p.name)
  const here = `this machine has ${working.join(', ')}`
  return { ...fault, help: fault.help === undefined ? here : `${fault.help}; ${here}` }
}
