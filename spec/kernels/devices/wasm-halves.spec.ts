import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { sizeOf, type Aval } from '../../../core'
import { compile, wasmDevice, type ComputeDType, type Device, type HostArray, type Plan } from '../../../kernels'
import { initParameters, pairConfig } from '../../../models'
import { pairStep } from '../../../training'
import { describe } from '../../harness'
import { openWasm, orThrow } from './open'

const config = pairConfig('tiny', 512, 32)
const planFor = (precision: ComputeDType, device: Device): Plan => {
  const plan = compile(() => pairStep(config, 8, { precision, lossScale: 'static:init=2^8' }), {
    maxInputs: device.maxInputs,
  })
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}

const parameters = new Map([...initParameters(config, 1)].map(([path, data]) => [`params/${path}`, data]))
const filled = (name: string, { shape, dtype }: Aval): HostArray => {
  const n = sizeOf(shape)
  if (dtype === 'i32') return Int32Array.from({ length: n }, (_, i) => (name === 'batch/positions' ? i % 32 : i % 256))
  return (
    parameters.get(name) ??
    new Float32Array(n).fill(name === 'optimizer/scaler/scale' ? 256 : name.startsWith('batch') ? 1 : 0)
  )
}

/** One step of tiny; what it leaves, and what memory it took. */
const stepOn = async (device: Device, precision: ComputeDType) => {
  const plan = planFor(precision, device)
  const executable = await orThrow(device.compile(plan))
  const inputs = []
  for (const { name, buffer } of plan.inputs) {
    const { aval } = plan.buffers[buffer]!
    inputs.push(await orThrow(device.upload(filled(name, aval), aval)))
  }
  const outputs = await orThrow(executable.run(inputs))
  const arrays: HostArray[] = []
  for (const value of outputs) arrays.push(await orThrow(device.read(value)))
  return { plan, arrays, memory: device.memory!() }
}

const bitsOf = (arrays: readonly HostArray[]): string =>
  arrays.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength).toString('base64')).join()

const onFresh = async <A>(options: Parameters<typeof wasmDevice>[0], body: (d: Device) => Promise<A>): Promise<A> => {
  const device = await orThrow(wasmDevice(options))
  try {
    return await body(device)
  } finally {
    await device.close()
  }
}

describe('kernels/devices/wasm: halves', (test) => {
  for (const precision of ['f16', 'bf16'] as const) {
    test(`a step in ${precision} gives the same bits with 1, 2 and 4 threads`, async () => {
      const bits: string[] = []
      for (const threads of [1, 2, 4])
        bits.push(
          await onFresh({ threads, matmul: 'wasm' }, async (device) =>
            bitsOf((await stepOn(device, precision)).arrays),
          ),
        )
      assert.ok(bits.every((b) => b === bits[0]))
    })

    test(`activations and gradients in ${precision} take about half the memory, planned and measured`, async () => {
      const taken = async (p: ComputeDType) =>
        onFresh({ threads: 1, matmul: 'wasm' }, async (device) => {
          const { plan, memory } = await stepOn(device, p)
          return { planned: plan.cost.workBytes, measured: memory.work, inUse: memory.inUse }
        })
      const [wide, half] = [await taken('f32'), await taken(precision)]
      assert.ok(half.planned < 0.6 * wide.planned, `planned ${half.planned} of ${wide.planned}`)
      assert.ok(half.measured < 0.65 * wide.measured, `measured ${half.measured} of ${wide.measured}`)
      for (const { planned, measured } of [wide, half])
        assert.ok(measured < 1.15 * planned, `measured ${measured}, planned ${planned}: lost between buffers`)
      assert.ok(half.inUse > half.measured && half.measured >= half.planned)
    })
  }

  test('with BLAS, products of halves are the built-in ones: the same bits', async () => {
    if ((await openWasm({ matmul: 'blas', threads: 2 })) === null) return
    const bits: string[] = []
    for (const threads of [1, 2])
      await onFresh({ threads, matmul: 'blas' }, async (device) => {
        bits.push(bitsOf((await stepOn(device, 'f16')).arrays))
      })
    assert.is(bits[0], bits[1])
  })
})
