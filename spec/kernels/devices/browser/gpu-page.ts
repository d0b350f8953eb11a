import { openDevice, probeDevices, type DeviceName } from '../../../../kernels/devices/open'
import { orThrow } from '../open'
import { checksOn, type Check } from './gpu-checks'
import { smallest, tenSteps, type TenSteps } from './ten-steps'

/** What the spec calls from outside the page. */
const calls = {
  probes: probeDevices,
  auto: async (): Promise<string> => {
    const device = await orThrow(openDevice('auto'))
    await device.close()
    return device.name
  },
  checks: async (name: DeviceName): Promise<readonly Check[]> => {
    const device = await orThrow(openDevice(name))
    const checks = await checksOn(device)
    await device.close()
    return checks
  },
  tenSteps: async (name: DeviceName): Promise<TenSteps> => tenSteps(await orThrow(openDevice(name)), smallest),
}
export type Calls = typeof calls

Object.assign(globalThis, { gpuPage: calls })
