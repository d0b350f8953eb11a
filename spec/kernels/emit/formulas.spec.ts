import * as assert from 'uvu/assert'
import { real } from '../../../core'
import { roundBf16, roundF16 } from '../../../core/half'
import type { Device } from '../../../kernels/device'
import { describe } from '../../harness'
import { gpujsModes, openGpujs } from '../devices/open'
import { applied, functionCases, worstError } from './formula-cases'
import { runRecipe } from './hand-made'

/** Numbers around every rounding boundary of a format: midpoints, their neighbours, subnormals, the largest. */
const boundaries = (round: (x: number) => number, minExp: number, maxExp: number): Float32Array => {
  const values: number[] = [
    0,
    -0,
    Infinity,
    -Infinity,
    65504,
    65519.99,
    65520,
    70000,
    2 ** -25,
    2 ** -24,
    1.5 * 2 ** -25,
  ]
  const bits = new Uint32Array(1)
  const float = new Float32Array(bits.buffer)
  for (let e = minExp; e <= maxExp; e++)
    for (let k = 0; k < 24; k++) {
      const low = round(2 ** e * (1 + k / 23))
      const high = round(low * 1.01) === low ? round(low * 1.02) : round(low * 1.01)
      float[0] = (low + high) / 2
      if (!Number.isFinite(float[0]) || float[0] === 0) continue
      for (const step of [-1, 0, 1]) {
        const was = bits[0]!
        bits[0] = was + step
        values.push(float[0], -float[0])
        bits[0] = was
      }
    }
  return Float32Array.from(values)
}

describe('kernels/emit/formulas', (test) => {
  for (const mode of gpujsModes) {
    const on = (title: string, body: (device: Device) => Promise<void>): void =>
      test(`${mode}: ${title}`, async () => {
        const device = await openGpujs(mode)
        if (device !== null) await body(device)
      })

    for (const of of functionCases)
      on(`${of[0]} within ${of[3]}`, async (device) => {
        const worst = await worstError(device, of)
        assert.ok(worst <= of[3], `${of[0]}: worst error ${worst}`)
      })

    on('exp overflows, underflows and keeps NaN', async (device) => {
      const got = await applied(device, 'exp', Float32Array.of(0, -0, 89, 1000, Infinity, -110, -Infinity, NaN, 88.7))
      assert.equal(Array.from(got).slice(0, 7), [1, 1, Infinity, Infinity, Infinity, 0, 0])
      if (device.name !== 'gpujs:webgpu') assert.ok(Number.isNaN(got[7]))
      assert.ok(Math.abs(got[8]! / Math.exp(Math.fround(88.7)) - 1) < 1e-5)
    })

    on('log of 0, of negative, subnormal and infinite numbers', async (device) => {
      const got = await applied(
        device,
        'log',
        Float32Array.of(1, 0, -0, Infinity, -1, NaN, 2 ** -140, 2 ** -126, 3.4e38),
      )
      assert.equal(Array.from(got).slice(0, 4), [0, -Infinity, -Infinity, Infinity])
      if (device.name === 'gpujs:webgpu') return // WGSL leaves NaN and subnormals to the GPU
      assert.ok(Number.isNaN(got[4]) && Number.isNaN(got[5]))
      assert.ok(Math.abs(got[6]! + 140 * Math.LN2) < 1e-5 && Math.abs(got[7]! + 126 * Math.LN2) < 1e-5)
    })

    for (const fn of ['exp', 'log', 'tanh', 'erf'] as const)
      on(`${fn} gives the same bits at every place of an array`, async (device) => {
        const got = await applied(device, fn, new Float32Array(1003).fill(0.7315))
        assert.equal(new Set(Array.from(got)).size, 1)
      })

    on('tanh and erf end at ±1 for the largest numbers', async (device) => {
      const ends = Float32Array.of(1e30, -1e30, Infinity, -Infinity, 3.4e38)
      for (const fn of ['tanh', 'erf'] as const) {
        const got = await applied(device, fn, ends)
        ends.forEach((v, i) => assert.ok(Math.abs(got[i]! - Math.sign(v)) < 1e-6, `${fn}(${v}) = ${got[i]}`))
      }
    })

    on('sign, trunc, floor and neg keep to their meaning', async (device) => {
      const at = Float32Array.of(-2.5, -0.5, 0, 0.5, 2.5)
      assert.equal([...Array.from(await applied(device, 'sign', at))], [-1, -1, 0, 1, 1])
      assert.equal(
        Array.from(await applied(device, 'trunc', at)).map((v) => v + 0),
        [-2, 0, 0, 0, 2],
      )
      assert.equal(Array.from(await applied(device, 'floor', at)), [-3, -1, 0, 0, 2])
      assert.equal(
        Array.from(await applied(device, 'neg', at)).map((v) => v + 0),
        [2.5, 0.5, 0, -0.5, -2.5],
      )
    })

    for (const [fn, round, from, to] of [
      ['roundF16', roundF16, -26, 16],
      ['roundBf16', roundBf16, -120, 127],
    ] as const)
      on(`${fn} is exact at every boundary`, async (device) => {
        const at = boundaries(round, from, to)
        const got = await applied(device, fn, at)
        const wrong: string[] = []
        at.forEach((v, i) => {
          const want = Math.fround(round(v))
          if (got[i] !== want) wrong.push(`${fn}(${v}): got ${got[i]}, want ${want}`)
        })
        assert.is(wrong.length, 0, `${wrong.length} of ${at.length}: ${wrong.slice(0, 4).join('; ')}`)
      })

    on('infinite constants are infinite', async (device) => {
      const got = await runRecipe(device, { shape: [3], body: () => real(-Infinity) }, [])
      assert.equal([...got], [-Infinity, -Infinity, -Infinity])
    })
  }
})
