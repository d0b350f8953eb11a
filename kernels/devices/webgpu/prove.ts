import * as E from 'fp-ts/Either'
import { add, aval, input, mul } from '../../../core'
import { compile } from '../../compile'
import { faultOf, type Device, type DeviceFault } from '../../device'

/** Runs 2x + 1/2 and compares: a device whose results are zeros, or anything else, is a fault. */
export const proveDevice = async (device: Device): Promise<E.Either<DeviceFault, Device>> => {
  const plan = compile(() => ({ outputs: [{ name: 'y', value: add(mul(input('x', [5]), 2), 0.5) }] }))
  if (E.isLeft(plan)) throw plan.left
  const close = async (left: DeviceFault): Promise<E.Either<DeviceFault, Device>> => {
    await device.close()
    return E.left(left)
  }
  const executable = await device.compile(plan.right)()
  if (E.isLeft(executable)) return close(executable.left)
  const x = await device.upload(Float32Array.of(1, -2, 3, 0, 7), aval('f32', 5))()
  if (E.isLeft(x)) return close(x.left)
  const y = await executable.right.run([x.right])()
  if (E.isLeft(y)) return close(y.left)
  const got = await device.read(y.right[0]!)()
  if (E.isLeft(got)) return close(got.left)
  executable.right.dispose()
  device.free([x.right, ...y.right])
  const [found, wanted] = [[...got.right].join(), '2.5,-3.5,6.5,0.5,14.5']
  return found === wanted
    ? E.right(device)
    : close(faultOf(device.name, 'run a first kernel', wanted, found, 'take another --device'))
}
