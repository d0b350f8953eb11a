import * as assert from 'uvu/assert'
import { abs, add, cast, input, mul, neg, reshape, sum } from '../../../core'
import { referenceDevice, type Device } from '../../../kernels'
import { roundBits } from '../../core/half-patterns'
import { describe } from '../../harness'
import { anyBits, formats, midpoints, mismatches, patterns, runOn } from './half-cases'
import { gpujsModes, openGpujs, openWasm } from './open'

const noneOf = (wrong: readonly string[], n: number): void =>
  assert.is(wrong.length, 0, `${wrong.length} of ${n}: ${wrong.slice(0, 5).join('; ')}`)

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
        noneOf(mismatches(await runOn(device, neg(neg(x)), all), all, all), all.length)
      })

      on(`and from a kernel that reads and writes ${dtype}`, async (device) => {
        const x = input('x', [all.length], dtype)
        const negated = all.map((v) => -v)
        noneOf(mismatches(await runOn(device, neg(x), all, 1), negated, all), all.length)
        noneOf(mismatches(await runOn(device, neg(cast(x, 'f32')), all, 1), negated, all), all.length)
      })

      for (const [of, values] of [
        ['the midpoints between neighbours, and the numbers next to them', midpoints(format)],
        ['a million numbers of any size', anyBits()],
      ] as const) {
        const want = values.map((v) => roundBits(format, v))
        const n = values.length
        const x = input('x', [n])

        on(`${dtype}: ${of} are rounded as integers say, stored and inside a kernel`, async (device) => {
          noneOf(mismatches(await runOn(device, cast(x, dtype), values, 1), want, values), n)
          const inside = neg(cast(cast(neg(x), dtype), 'f32'))
          noneOf(mismatches(await runOn(device, inside, values, 1), want, values), n)
        })

        on(`${dtype}: ${of} are rounded in a sum, after a sum with 0`, async (device) => {
          // A term of 0 that no compiler can foresee: both sums are exact.
          const rows = add(reshape(x, [n, 1]), reshape(mul(abs(x), 0), [n, 1]))
          const wanted = want.map((v, i) => (Number.isFinite(values[i]!) ? v + 0 : NaN))
          const summed = sum(cast(cast(rows, dtype), 'f32'), 1)
          const got = Array.from(await runOn(device, summed, values), (v) => v + 0) // the sign of a sum of zeros says nothing
          noneOf(mismatches(got, wanted, values), n)
        })
      }
    }
  })
