import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { add, aval, cast, input, matmul, mul, reshape, softmax, sum, tanh, type Expr } from '../../../core'
import { compile, type Device, type HostArray, type Plan, type Resident } from '../../../kernels'
import { webgpuDevice } from '../../../kernels/devices/webgpu'
import { describe } from '../../harness'
import { openGpujs, orThrow } from './open'

const n = 100_000
const data = Float32Array.from({ length: n }, (_, i) => (i % 97) / 97)

const planOf = (values: readonly Expr[], donated: readonly string[] = []): Plan => {
  const plan = compile(() => ({ outputs: values.map((value, i) => ({ name: `o${i}`, value })), donated }))
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}
const up = (device: Device, values: Float32Array = data): Promise<Resident> =>
  orThrow(device.upload(values, aval('f32', values.length)))
const close = (got: HostArray, want: (x: number) => number): void =>
  data.forEach((x, i) => {
    if (Math.abs(got[i]! - want(x)) > 1e-6) assert.unreachable(`at ${i}: got ${got[i]}, want ${want(x)}`)
  })

describe('kernels/devices/webgpu: memory and life', (test) => {
  const on = (title: string, body: (device: Device) => Promise<void>): void =>
    test(title, async () => {
      const device = await openGpujs('webgpu')
      if (device !== null) await body(device)
    })
  const x = input('x', [n])
  const y = input('y', [n])

  on('a donated value is updated where it lies: a hundred steps take no memory', async (device) => {
    const executable = await orThrow(device.compile(planOf([add(mul(x, 0.5), 1)], ['x'])))
    let value = await up(device)
    const before = device.memory!().inUse
    for (let i = 0; i < 100; i++) [value] = (await orThrow(executable.run([value]))) as [Resident]
    assert.is(device.memory!().inUse, before)
    close(await orThrow(device.read(value)), () => 2)
    device.free([value])
    executable.dispose()
  })

  on('sums are added to where they lie: of products, of rows, of pieces', async (device) => {
    for (const dtype of ['f32', 'f16'] as const) {
      const [p, q, g] = [input('p', [40, 72], dtype), input('q', [72, 50], dtype), input('g', [40, 50], dtype)]
      const [r, s] = [input('r', [40], dtype), input('s', [1], dtype)]
      const sums = [add(g, matmul(p, q)), add(r, sum(p, 1)), add(s, reshape(sum(p), [1]))]
      const plan = planOf(sums, ['g', 'r', 's'])
      const executable = await orThrow(device.compile(plan))
      const values = new Map<string, Resident>()
      for (const { name, buffer } of plan.inputs) {
        const { aval: a } = plan.buffers[buffer]!
        const ones = new Float32Array(a.shape.reduce((m, k) => m * k, 1)).fill('pq'.includes(name) ? 0.125 : 0)
        values.set(name, await orThrow(device.upload(ones, a)))
      }
      const before = device.memory!().inUse
      for (let i = 0; i < 3; i++) {
        const results = await orThrow(executable.run(plan.inputs.map(({ name }) => values.get(name)!)))
        ;['g', 'r', 's'].forEach((name, k) => values.set(name, results[k]!))
      }
      assert.is(device.memory!().inUse, before)
      const got = async (name: string): Promise<readonly number[]> => [
        ...new Set(await orThrow(device.read(values.get(name)!))),
      ]
      assert.equal([await got('g'), await got('r'), await got('s')], [[3 * 72 * 0.125 ** 2], [3 * 9], [3 * 360]])
      device.free([...values.values()])
      executable.dispose()
    }
  })

  on('a donated value that another result holds is not written over', async (device) => {
    const both = await orThrow(device.compile(planOf([reshape(x, [n]), x])))
    const given = await up(device)
    const [one, two] = (await orThrow(both.run([given]))) as [Resident, Resident]
    const update = await orThrow(device.compile(planOf([mul(x, 3)], ['x'])))
    const [tripled] = await orThrow(update.run([one]))
    close(await orThrow(device.read(tripled!)), (v) => 3 * v)
    close(await orThrow(device.read(two)), (v) => v)
    close(await orThrow(device.read(given)), (v) => v)
    device.free([given, two, tripled!])
  })

  on('a donated value of another dtype is not written over', async (device) => {
    const ids = input('ids', [n], 'i32')
    const executable = await orThrow(device.compile(planOf([mul(cast(ids, 'f32'), x)], ['ids'])))
    const given = [await orThrow(device.upload(new Int32Array(n).fill(3), aval('i32', n))), await up(device)]
    const [result] = await orThrow(executable.run(given))
    close(await orThrow(device.read(result!)), (v) => 3 * v)
    device.free([...given, result!])
  })

  on('one value for two inputs, donated or not', async (device) => {
    const plan = planOf([add(mul(x, 2), y)], ['x'])
    const executable = await orThrow(device.compile(plan))
    const given = await up(device)
    const [result] = await orThrow(executable.run([given, given]))
    close(await orThrow(device.read(result!)), (v) => 3 * v)
    device.free([result!])
  })

  on('what a value took is free again, and what is spare stays small', async (device) => {
    const before = device.memory!().inUse
    const values = [await up(device), await up(device), await up(device)]
    device.free(values)
    device.free(values)
    const after = device.memory!().inUse
    const again = [await up(device), await up(device), await up(device)]
    assert.is(device.memory!().inUse, after, 'taken again')
    assert.ok(after - before <= 3 * 400_128)
    device.free(again)
  })

  on('intermediates of all programs share one arena', async (device) => {
    const few = input('few', [1000])
    const long = await orThrow(device.compile(planOf([sum(tanh(mul(softmax(reshape(x, [100, 1000])), 5)))])))
    const work = device.memory!().work
    const short = await orThrow(device.compile(planOf([sum(tanh(softmax(reshape(few, [10, 100]))))])))
    assert.is(device.memory!().work, work)
    const given = await up(device)
    const [a] = await orThrow(long.run([given]))
    const fewGiven = await up(device, data.slice(0, 1000))
    const [b] = await orThrow(short.run([fewGiven]))
    assert.ok((await orThrow(device.read(a!)))[0]! > 0 && (await orThrow(device.read(b!)))[0]! > 0)
    device.free([given, fewGiven, a!, b!])
  })

  on('faults: a foreign value, a freed one, a wrong shape, a program that was disposed', async (device) => {
    const executable = await orThrow(device.compile(planOf([add(x, 1)])))
    const given = await up(device)
    const got = async (values: readonly Resident[]): Promise<string> => {
      const result = await executable.run(values)()
      assert.ok(E.isLeft(result))
      return `${result.left.what}: expected ${result.left.expected}, got ${result.left.got}`
    }
    assert.is(await got([]), 'run: expected 1 inputs, got 0')
    assert.match(
      await got([await up(device, new Float32Array(7))]),
      /run, input x: expected f32\[100000\], got f32\[7\]/,
    )
    device.free([given])
    assert.match(await got([given]), /a live value, got f32\[100000\], which was freed/)
    const alive = await up(device)
    executable.dispose()
    executable.dispose()
    assert.match(await got([alive]), /disposed/)
    const huge = await device.compile(planOf([add(input('h', [2 ** 30]), 1)]))()
    assert.ok(E.isLeft(huge))
    assert.match(huge.left.expected, /at most \d+ bytes in one buffer/)
    assert.is(huge.left.got, '4294967296 for f32[1073741824]')
    device.free([alive])
  })

  test('a GPU that is lost is told at every call, and another can be opened', async () => {
    if ((await openGpujs('webgpu')) === null) return
    // gpu.js has one device for all that open it: a child process loses its own.
    const script = `
      import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as E from 'fp-ts/Either'
      import { compile, webgpuDevice } from './kernels/index.ts'
      import { aval, input, mul } from './core/index.ts'
      import { loadGpujs } from './kernels/devices/gpujs/engine.ts'
      const right = (e) => { if (E.isLeft(e)) throw new Error(JSON.stringify(e.left)); return e.right }
      const device = right(await webgpuDevice()())
      const plan = right(compile(() => ({ outputs: [{ name: 'y', value: mul(input('x', [4]), 2) }] })))
      const executable = right(await device.compile(plan)())
      const x = right(await device.upload(Float32Array.of(1, 2, 3, 4), aval('f32', 4))())
      const [y] = right(await executable.run([x])())
      const context = await (await loadGpujs()).WebGPUContext.acquire()
      context.device.destroy()
      const said = []
      for (const call of [device.read(y), executable.run([x]), device.upload(new Float32Array(4), aval('f32', 4))]) {
        const result = await call()
        said.push(E.isLeft(result) ? result.left.got : 'fine')
      }
      const again = right(await webgpuDevice()())
      await again.close()
      console.log(JSON.stringify(said))
      process.exit(0)`
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      { cwd: join(import.meta.dirname, '../../..') },
    )
    const said = JSON.parse(stdout.trim().split('\n').at(-1)!) as readonly string[]
    assert.is(said.length, 3, stderr)
    for (const got of said) assert.match(got, /it was lost: /)
  })

  test('times, where they are asked for', async () => {
    if ((await openGpujs('webgpu')) === null) return
    const device = await orThrow(webgpuDevice({ timed: true }))
    const plan = planOf([sum(matmul(reshape(x, [100, 1000]), reshape(y, [1000, 100])))])
    const executable = await orThrow(device.compile(plan))
    const given = [await up(device), await up(device)]
    const [result] = await orThrow(executable.run(given))
    const times = executable.timings!()
    assert.equal([...new Set(times.flatMap((t) => t.steps))], [...plan.steps.keys()])
    assert.ok(times.every(({ ms }) => ms >= 0) && times.some(({ ms }) => ms > 0))
    device.free([...given, result!])
    await device.close()
  })
})
