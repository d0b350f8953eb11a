import { openDevice, probeDevices, type DeviceName } from '../../../../kernels/devices/open'
import { orThrow } from '../open'
import { checksOn, controlOn, tooLarge, type Check } from './gpu-checks'
import { smallest, tenSteps, type TenSteps } from './ten-steps'

export interface Checked {
  readonly checks: readonly Check[]
  readonly control: string
  readonly large: string
  readonly inUse: number | undefined
}

/** What the spec calls from outside the page. */
const calls = {
  probes: probeDevices,
  auto: async (): Promise<string> => {
    const device = await orThrow(openDevice('auto'))
    await device.close()
    return device.name
  },
  /** Every check, one that must fail, what an array that no GPU holds comes to, and the memory that is in use then. */
  checks: async (name: DeviceName): Promise<Checked> => {
    const device = await orThrow(openDevice(name))
    const checks = await checksOn(device)
    const [control, large] = [await controlOn(device), await tooLarge(device)]
    const inUse = device.memory?.().inUse
    await device.close()
    return { checks, control, large, inUse }
  },
  tenSteps: async (name: DeviceName): Promise<TenSteps> => tenSteps(await orThrow(openDevice(name)), smallest),
}

Object.assign(globalThis, { gpuPage: calls })
