import { Worker } from 'node:worker_threads'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { add, input, matmul, mul, reshape, softmax, sum, zeros, type Aval, type Expr } from '../../../core'
import type { Device, HostArray, Resident } from '../../../kernels'
import { wasmDevice, type WasmOptions } from '../../../kernels/devices/wasm'
import { planOf, runPlan } from '../compare-programs'
import { describe } from '../../harness'
import { openWasm, orThrow } from './open'
import { trainOn } from '../../parity/ours'
import { drawProblem } from '../../parity/problem'
import { adamW, linearWarmupDecay } from '../../../training/optim'

const f32 = (...shape: readonly number[]): Aval => ({ shape, dtype: 'f32' })
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i))

const bitsOf = (arrays: readonly HostArray[]): string =>
  arrays.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength).toString('base64')).join()

const problem = drawProblem(3)
const optimizer = adamW({
  b1: 0.9,
  b2: 0.98,
  eps: 1e-6,
  weightDecay: 0.1,
  clipNorm: 2,
  rate: linearWarmupDecay(4e-3, 2, 5),
})

/** What three training steps of a small pair leave. */
const trained = async (device: Device): Promise<readonly HostArray[]> => [
  ...(await trainOn(device, problem, optimizer, 3)).params.values(),
]

/** Opens for one test and closes after it. */
const withDevice = async (options: WasmOptions, body: (device: Device) => Promise<void>): Promise<void> => {
  const device = await orThrow(wasmDevice(options))
  try {
    await body(device)
  } finally {
    await device.close()
  }
}

describe('kernels/devices/wasm', (test) => {
  test('three training steps give the same bits with 1, 2 and 4 threads and without shared memory', async () => {
    const bits = new Map<string, string>()
    for (const options of [{ threads: 1 }, { threads: 2 }, { threads: 4 }, { shared: false }] as const)
      await withDevice({ ...options, matmul: 'wasm' }, async (device) => {
        bits.set(JSON.stringify(options), bitsOf(await trained(device)))
      })
    const [first] = bits.values()
    for (const [options, got] of bits) assert.ok(got === first, `${options} differs`)
  })

  test('three training steps with BLAS give the same bits with 1, 2 and 4 threads', async () => {
    if ((await openWasm({ matmul: 'blas', threads: 2 })) === null) return
    const bits: string[] = []
    for (const threads of [1, 2, 4])
      await withDevice({ threads, matmul: 'blas' }, async (device) => {
        bits.push(bitsOf(await trained(device)))
      })
    assert.ok(bits.every((b) => b === bits[0]))
  })

  test('a donated input is written over only where nothing else holds its memory', async () => {
    await withDevice({ threads: 2 }, async (device) => {
      // One buffer under two names, as zeros of an optimizer's state are.
      const makeZeros = planOf([zeros([64]), zeros([64])])
      const make = await orThrow(device.compile(makeZeros))
      const [a, b] = (await orThrow(make.run([]))) as [Resident, Resident]
      const plan = planOf([add(input('a', [64]), 1), add(input('b', [64]), 2)], { donated: ['a', 'b'] })
      const step = await orThrow(device.compile(plan))
      const [x, y] = (await orThrow(step.run(plan.inputs.map(({ name }) => (name === 'a' ? a : b))))) as [
        Resident,
        Resident,
      ]
      assert.equal([...(await orThrow(device.read(x)))], new Array(64).fill(1))
      assert.equal([...(await orThrow(device.read(y)))], new Array(64).fill(2))
    })
  })

  test('an input that is kept is not written over', async () => {
    await withDevice({ threads: 2 }, async (device) => {
      const plan = planOf([add(input('a', [64]), 1)])
      const step = await orThrow(device.compile(plan))
      const a = await orThrow(device.upload(new Float32Array(64), f32(64)))
      await orThrow(step.run([a]))
      assert.equal([...(await orThrow(device.read(a)))], new Array(64).fill(0))
    })
  })

  test('a thread that dies while others wait for it ends the run with an error that says so', async () => {
    const workers = new Set<Worker>()
    const post = Object.getOwnPropertyDescriptor(Worker.prototype, 'postMessage')!
    Worker.prototype.postMessage = function (this: Worker, ...args: Parameters<Worker['postMessage']>) {
      workers.add(this)
      ;(post.value as Worker['postMessage']).apply(this, args)
    }
    try {
      const device = await orThrow(wasmDevice({ threads: 2, matmul: 'wasm' }))
      const n = 1024
      let x: Expr = input('x', [n, n])
      for (let i = 0; i < 40; i++) x = softmax(matmul(x, x))
      const executable = await orThrow(device.compile(planOf([x])))
      const value = await orThrow(device.upload(numbers(n * n), f32(n, n)))
      const running = executable.run([value])()
      setTimeout(() => void [...workers][1]!.terminate(), 100)
      const result = await running
      assert.ok(E.isLeft(result))
      assert.is(result.left.what, 'run')
      assert.match(result.left.got, /^thread \d of 2 ended: exit code/)
      const again = await executable.run([value])()
      assert.ok(E.isLeft(again), 'a device with a dead thread takes no more runs')
      await device.close()
    } finally {
      Object.defineProperty(Worker.prototype, 'postMessage', post)
    }
  })

  test('a plan that WebAssembly cannot hold is refused before it starts, with the figures', async () => {
    await withDevice({ threads: 1 }, async (device) => {
      const n = 40_000
      const x = input('x', [n, 1])
      const wide = mul(matmul(x, reshape(x, [1, n])), 2)
      const plan = planOf([sum(matmul(wide, wide))], { fused: false })
      const result = await device.compile(plan)()
      assert.ok(E.isLeft(result))
      assert.match(result.left.expected, /at most 4096 MB in one WebAssembly memory/)
      assert.match(result.left.got, /^\d{4,} MB, of which \d+ MB are values and programs$/)
    })
  })

  test('BLAS that is not there is an error that names it', async () => {
    process.env.EMEND_BLAS = 'libnothing.so'
    try {
      const result = await wasmDevice({ matmul: 'blas' })()
      assert.ok(E.isLeft(result))
      assert.is(result.left.got, 'EMEND_BLAS=libnothing.so, which is none')
      assert.match(result.left.help!, /correct the environment variable EMEND_BLAS, or unset it/)
      assert.ok(E.isLeft(await wasmDevice({ matmul: 'auto' })()), 'one that was named is not passed over in silence')
      await withDevice({ matmul: 'wasm' }, () => Promise.resolve())
    } finally {
      delete process.env.EMEND_BLAS
    }
  })

  test('sums of millions keep their digits', async () => {
    await withDevice({ threads: 2 }, async (device) => {
      const n = 5_000_000
      const [got] = await runPlan(
        device,
        planOf([sum(input('x', [n]))]),
        new Map([['x', new Float32Array(n).fill(0.1)]]),
      )
      assert.ok(Math.abs(got![0]! / (n * Math.fround(0.1)) - 1) < 1e-5, `${got![0]}`)
    })
  })
})
