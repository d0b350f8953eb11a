import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  argmax,
  evaluate,
  input,
  iota,
  matmul,
  mul,
  reduceMax,
  reshape,
  slice,
  sum,
  transpose,
  type Expr,
  type Scalar,
} from '../../../core'
import type { Device, HostArray, Kernel, Resident } from '../../../kernels'
import { describe } from '../../harness'
import { assertClose } from '../../kit/assert-close'
import { programs, reductionLengths, toleranceOfOne } from '../../kit/arbitraries/program'
import { agreesOn, compareOn, planOf, runPlan, type MakePlan } from '../compare-programs'
import { orThrow } from './open'

/** How many programs are compared: SwiftShader takes its time to compile. */
export interface Counts {
  readonly programs: number
  readonly long: number
  readonly donated: number
}

const numbers = (n: number, k: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (((i * 7 + k * 3) % 23) - 11) / 8)

/** A kernel whose first real constant or load is off by a tenth, wherever the result needs it. */
const skewed = (kernel: Kernel): Kernel => {
  const { body } = kernel
  if (body.type !== 'real') return kernel
  const tenth: Scalar = { tag: 'const', value: 0.1, type: 'real', key: '0.1' }
  const off: Scalar = { tag: 'binary', fn: 'add', x: body, y: tenth, type: 'real', key: `${body.key}+0.1` }
  return { ...kernel, body: off, key: `${kernel.key}'` }
}
const skewedPlan: MakePlan = (values, options) => {
  const plan = planOf(values, options)
  return { ...plan, kernels: plan.kernels.map(skewed) }
}

/** Everything that a device is compared with on programs: random ones, long loops, more than 2^24 elements. */
export const describeDevice = (name: string, open: () => Promise<Device | null>, counts: Counts): void =>
  describe(`kernels/programs on ${name}`, (test) => {
    const on = (title: string, body: (device: Device) => Promise<void>): void =>
      test(title, async () => {
        const device = await open()
        if (device !== null) await body(device)
      })

    on(`${counts.programs} programs: fused = unfused = evaluate`, (device) =>
      compareOn(device, { count: counts.programs, seed: 10 }),
    )

    on(`${counts.long} programs of 30 ops`, (device) => compareOn(device, { count: counts.long, seed: 11, minOps: 30 }))

    on('control: kernels that add a tenth are rejected', async (device) => {
      const result = await fc.check(fc.asyncProperty(programs({ maxOps: 4 }), agreesOn(device, skewedPlan)), {
        seed: 12,
        numRuns: 50,
        endOnFailure: true,
      })
      assert.ok(result.failed)
      assert.match(String(result.errorInstance), /fused on .*differ at index/)
    })

    on('donated inputs are gone after a run, all others stay', async (device) => {
      const drawn = fc.sample(fc.tuple(programs({ maxOps: 8 }), fc.nat({ max: 63 })), {
        seed: 13,
        numRuns: counts.donated,
      })
      for (const [{ outputs, inputs }, bits] of drawn) {
        const donated = [...inputs.keys()].filter((_, i) => (bits >> i) & 1)
        const plan = planOf(outputs, { donated, maxInputs: device.maxInputs })
        const executable = await orThrow(device.compile(plan))
        const uploaded: Resident[] = []
        for (const { name, buffer } of plan.inputs)
          uploaded.push(await orThrow(device.upload(inputs.get(name)!, plan.buffers[buffer]!.aval)))
        const results = await orThrow(executable.run(uploaded))
        for (const [i, { name }] of plan.inputs.entries()) {
          const again = await device.read(uploaded[i]!)()
          if (E.isRight(again)) assert.is(donated.includes(name), false, `${name} is still there`)
          else assert.match(again.left.got, /was freed/)
          if (!donated.includes(name)) assert.ok(E.isRight(again), `${name} was not given up`)
        }
        const want = evaluate(outputs, inputs)
        const lengths = reductionLengths(outputs)
        for (const [i, r] of results.entries())
          assertClose(await orThrow(device.read(r)), want[i]!, { tolerance: toleranceOfOne * lengths[i]! })
        device.free([...uploaded, ...results])
        executable.dispose()
      }
    })

    on('loops longer than 1000', async (device) => {
      const x = input('x', [3, 5001])
      const y = input('y', [5001, 2])
      const z = input('z', [70_003])
      const outputs = [matmul(x, y), sum(mul(x, x), 1), reduceMax(x, 1), argmax(x, 1), sum(z)]
      const inputs = new Map([
        ['x', numbers(15_003, 0)],
        ['y', numbers(10_002, 1)],
        ['z', numbers(70_003, 2)],
      ])
      const want = evaluate(outputs, inputs)
      for (const fused of [true, false]) {
        const got = await runPlan(device, planOf(outputs, { fused, maxInputs: device.maxInputs }), inputs)
        // Random walks of eighths: their sums stay far below what float32 holds exactly, in any order.
        want.forEach((w, i) => assertClose(got[i]!, w, { label: `output ${i}` }))
      }
    })

    on('more than 2^24 elements: reshape, transpose, slice, add and a count, exactly', async (device) => {
      const [rows, columns] = [4101, 4099]
      const [height, width] = [4098, 4097] // 16,789,506 > 2^24
      const x = input('x', [rows * columns])
      const square = reshape(x, [rows, columns])
      const turned = slice(transpose(square, [1, 0]), [1, 3], [height, width])
      const straight = slice(square, [2, 1], [height, width])
      const outputs: readonly Expr[] = [
        add(turned, straight),
        reduceMax(reshape(x, [rows, columns]), 1),
        add(iota([rows * columns]), -(2 ** 24)),
      ]
      const data = Float32Array.from({ length: rows * columns }, (_, i) => (i * 31) % 65521)
      const [sums, greatest, places] = (await runPlan(
        device,
        planOf(outputs, { maxInputs: device.maxInputs }),
        new Map([['x', data]]),
      )) as [HostArray, HostArray, HostArray]
      for (let i = 0, k = 0; i < height; i++)
        for (let j = 0; j < width; j++, k++) {
          const want = data[(j + 3) * columns + (i + 1)]! + data[(i + 2) * columns + (j + 1)]!
          if (sums[k] !== want) assert.unreachable(`sum at [${i},${j}]: got ${sums[k]}, want ${want}`)
        }
      for (let i = 0; i < rows; i++) {
        const want = data.subarray(i * columns, (i + 1) * columns).reduce((m, v) => Math.max(m, v), -Infinity)
        if (greatest[i] !== want) assert.unreachable(`maximum of row ${i}: got ${greatest[i]}, want ${want}`)
      }
      for (let i = 2 ** 24 - 2; i < places.length; i++)
        if (places[i] !== i - 2 ** 24) assert.unreachable(`place ${i}: got ${places[i]}`)
    })
  })
