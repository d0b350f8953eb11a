import { input, matmul } from 'emend/core'
import { matrices } from '../problem.mjs'
import { openCall } from './open.mjs'

/** A call that multiplies two n x n matrices on the device. */
export const openMatmul = (device, n) => {
  const [a, b] = matrices(n)
  const product = () => matmul(input('a', [n, n]), input('b', [n, n]))
  return openCall(device, () => ({ outputs: [{ name: 'c', value: product() }] }), { a, b })
}
