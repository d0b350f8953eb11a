import { aval, load, unary, type UnaryFn } from '../../../core'
import { erf } from '../../../core/erf'
import type { Device, HostArray } from '../../../kernels/device'
import { runRecipe } from './hand-made'

export const applied = (device: Device, fn: UnaryFn, data: Float32Array): Promise<HostArray> =>
  runRecipe(
    device,
    { inputs: [aval('f32', data.length)], shape: [data.length], body: ([i]) => unary(fn, load(0, i!, 'real')) },
    [data],
  )

const line = (from: number, to: number, n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1))

/** Functions, what they are, where they are looked at, and how far off they may be, relative to the larger of 1 and the value. */
export const functionCases: readonly (readonly [UnaryFn, (x: number) => number, Float32Array, number])[] = [
  ['erf', erf, line(-6, 6, 4001), 2e-7],
  ['tanh', Math.tanh, line(-12, 12, 4001), 4e-7],
  ['sin', Math.sin, line(-1000, 1000, 40001), 3e-7],
  ['cos', Math.cos, line(-1000, 1000, 40001), 3e-7],
  ['exp', Math.exp, line(-80, 5, 4001), 1e-5],
  ['log', Math.log, line(0.01, 30, 4001), 1e-5],
]

/** The largest error of a function of a device. */
export const worstError = async (device: Device, [fn, want, at]: (typeof functionCases)[number]): Promise<number> => {
  const got = await applied(device, fn, at)
  return at.reduce((worst, v, i) => Math.max(worst, Math.abs(got[i]! - want(v)) / Math.max(1, Math.abs(want(v)))), 0)
}
