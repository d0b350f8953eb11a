import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { abs, add, cast, input, mul, neg, reshape, sum, type Expr } from '../../../core'
import { compile, referenceDevice, type Device, type HostArray, type Plan } from '../../../kernels'
import { bfloat16, binary16, decodeHalf, roundBits, type HalfFormat } from '../../core/half-patterns'
import { describe } from '../../harness'
import { gpujsModes, openGpujs, openWasm, orThrow } from './open'

const formats: readonly (readonly ['f16' | 'bf16', HalfFormat])[] = [
  ['f16', binary16],
  ['bf16', bfloat16],
]

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length)

/** Every number of a format, by its pattern. */
const patterns = (format: HalfFormat): Float32Array =>
  Float32Array.from({ length: 65536 }, (_, pattern) => decodeHalf(format, pattern))

/** The midpoints between neighbours, the binary32 numbers next to them, and their negatives. */
const midpoints = (format: HalfFormat): Float32Array => {
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
const anyBits = (): Float32Array => {
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
const mismatches = (got: ArrayLike<number>, want: Float32Array, at: Float32Array): readonly string[] => {
  const wrong: string[] = []
  for (let i = 0; i < want.length; i++)
    if (!Object.is(got[i], want[i]))
      wrong.push(`${at[i]} (${bitsOf(at)[i]!.toString(16)}): got ${got[i]}, want ${want[i]}`)
  return wrong
}
const noneOf = (wrong: readonly string[], n: number): void =>
  assert.is(wrong.length, 0, `${wrong.length} of ${n}: ${wrong.slice(0, 5).join('; ')}`)

const planOf = (value: Expr): Plan => {
  const plan = compile(() => ({ outputs: [{ name: 'y', value }] }))
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}

const run = async (device: Device, value: Expr, data: Float32Array, steps?: number): Promise<HostArray> => {
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

const devices: Readonly<Record<string, () => Promise<Device | null>>> = {
  reference: () => Promise.resolve(referenceDevice()),
  wasm: () => openWasm({ threads: 2, matmul: 'wasm' }),
  ...Object.fromEntries(gpujsModes.map((mode) => [`gpujs:${mode}`, () => openGpujs(mode)])),
}

for (const [name, open] of Object.entries(devices))
  describe(`kernels/devices: halves on ${name}`, (test) => {
    const on = (title: string, body: (device: Device) => Promise<void>): void =>
      test(title, async () => {
        const device = await open()
        if (device !== null) await body(device)
      })

    for (const [dtype, format] of formats) {
      const all = patterns(format)

      on(`all 65,536 patterns of ${dtype} come back from memory`, async (device) => {
        const x = input('x', [all.length], dtype)
        noneOf(mismatches(await run(device, neg(neg(x)), all), all, all), all.length)
      })

      on(`and from a kernel that reads and writes ${dtype}`, async (device) => {
        const x = input('x', [all.length], dtype)
        const negated = all.map((v) => -v)
        noneOf(mismatches(await run(device, neg(x), all, 1), negated, all), all.length)
        noneOf(mismatches(await run(device, neg(cast(x, 'f32')), all, 1), negated, all), all.length)
      })

      for (const [of, values] of [
        ['the midpoints between neighbours, and the numbers next to them', midpoints(format)],
        ['a million numbers of any size', anyBits()],
      ] as const) {
        const want = values.map((v) => roundBits(format, v))
        const n = values.length
        const x = input('x', [n])

        on(`${dtype}: ${of} are rounded as integers say, stored and inside a kernel`, async (device) => {
          noneOf(mismatches(await run(device, cast(x, dtype), values, 1), want, values), n)
          const inside = neg(cast(cast(neg(x), dtype), 'f32'))
          noneOf(mismatches(await run(device, inside, values, 1), want, values), n)
        })

        on(`${dtype}: ${of} are rounded in a sum, after a sum with 0`, async (device) => {
          // A term of 0 that no compiler can foresee: both sums are exact.
          const rows = add(reshape(x, [n, 1]), reshape(mul(abs(x), 0), [n, 1]))
          const wanted = want.map((v, i) => (Number.isFinite(values[i]!) ? v + 0 : NaN))
          const summed = sum(cast(cast(rows, dtype), 'f32'), 1)
          const got = Array.from(await run(device, summed, values), (v) => v + 0) // the sign of a sum of zeros says nothing
          noneOf(mismatches(got, wanted, values), n)
        })
      }
    }
  })
