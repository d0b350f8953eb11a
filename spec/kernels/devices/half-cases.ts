import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import type { Expr } from '../../../core'
import { compile, type Device, type HostArray, type Plan } from '../../../kernels'
import { bfloat16, binary16, decodeHalf, type HalfFormat } from '../../core/half-patterns'
import { orThrow } from './open'

export const formats: readonly (readonly ['f16' | 'bf16', HalfFormat])[] = [
  ['f16', binary16],
  ['bf16', bfloat16],
]

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length)

/** Every number of a format, by its pattern. */
export const patterns = (format: HalfFormat): Float32Array =>
  Float32Array.from({ length: 65536 }, (_, pattern) => decodeHalf(format, pattern))

/** The midpoints between neighbours, the binary32 numbers next to them, and their negatives. */
export const midpoints = (format: HalfFormat): Float32Array => {
  const out: number[] = []
  const scratch = new Float32Array(1)
  const top = (2 ** format.exponentBits - 1) * 2 ** format.fractionBits
  for (let pattern = 0; pattern < top; pattern++) {
    const below = decodeHalf(format, pattern)
    const above = pattern + 1 === top ? 2 * below - decodeHalf(format, pattern - 1) : decodeHalf(format, pattern + 1)
    scratch[0] = (below + above) / 2
    const bits = bitsOf(scratch)[0]!
    for (const b of [bits - 1, bits, bits + 1]) out.push(b, b | 0x80000000)
  }
  return new Float32Array(Uint32Array.from(out).buffer)
}

/** A million binary32 numbers of any exponent, infinities and NaN among them. */
export const anyBits = (): Float32Array => {
  const bits = new Uint32Array(1_000_000)
  let state = 20211202
  for (let i = 0; i < bits.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const high = state
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bits[i] = (high & 0xffff0000) | (state >>> 16)
  }
  return new Float32Array(bits.buffer)
}

/** Equal bits, but for NaN, whose payload says nothing. */
export const mismatches = (got: ArrayLike<number>, want: Float32Array, at: Float32Array): readonly string[] => {
  const wrong: string[] = []
  for (let i = 0; i < want.length; i++)
    if (!Object.is(got[i], want[i]))
      wrong.push(`${at[i]} (${bitsOf(at)[i]!.toString(16)}): got ${got[i]}, want ${want[i]}`)
  return wrong
}

const planOf = (value: Expr): Plan => {
  const plan = compile(() => ({ outputs: [{ name: 'y', value }] }))
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}

/** One function of one array, which is one kernel after another: `steps` of them. */
export const runOn = async (device: Device, value: Expr, data: Float32Array, steps?: number): Promise<HostArray> => {
  const plan = planOf(value)
  if (steps !== undefined) assert.is(plan.steps.length, steps, 'the kernels that the plan was meant to have')
  const executable = await orThrow(device.compile(plan))
  const given = await orThrow(device.upload(data, plan.buffers[plan.inputs[0]!.buffer]!.aval))
  const [made] = await orThrow(executable.run([given]))
  const read = await orThrow(device.read(made!))
  device.free([given, made!])
  executable.dispose()
  return read
}
