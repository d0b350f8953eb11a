import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { openDevice, type Device, type DeviceName, type MatmulChoice } from '../../kernels'
import { badInput, type Fault } from '../fault'

/** Settings of the wasm device. */
export interface DeviceChoices {
  /** 0: one for each core. */
  readonly threads?: number
  readonly matmul?: MatmulChoice
}

/** A device by name, or a fault of the command line that names the devices this machine has. */
export const openNamed =
  (name: DeviceName | 'auto', { threads = 0, matmul = 'auto' }: DeviceChoices = {}): TE.TaskEither<Fault, Device> =>
  async () => {
    const device = await openDevice(name, {
      ...(threads === 0 ? {} : { threads }),
      ...(matmul === 'auto' ? {} : { matmul }),
    })()
    if (E.isRight(device)) return device
    const { what, expected, got, help } = device.left
    return E.left(badInput(`--device ${name}`, what, expected, got, help))
  }
