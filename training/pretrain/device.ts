import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { openDevice, type Device, type DeviceName } from '../../kernels'
import { badInput, type Fault } from '../fault'

/** A device by name, or a fault of the command line that names the devices this machine has. */
export const openNamed =
  (name: DeviceName | 'auto'): TE.TaskEither<Fault, Device> =>
  async () => {
    const device = await openDevice(name)()
    if (E.isRight(device)) return device
    const { what, expected, got, help } = device.left
    return E.left(badInput(`--device ${name}`, what, expected, got, help))
  }
