import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { add, evaluate, input, matmul, reshape, softmax, sum, transpose, type Aval, type Expr } from '../../../core'
import type { Device, DeviceFault, Executable, Plan, Resident } from '../../../kernels'
import { wasmDevice, type WasmOptions } from '../../../kernels/devices/wasm'
import { Heap, OutOfMemory } from '../../../kernels/devices/wasm/heap'
import { planOf, runPlan } from '../compare-programs'
import { describe } from '../../harness'
import { openWasm, orThrow } from './open'

// What callers do out of turn: several things at once, too late, twice, with values of others. Each ends in a result or in one fault.

const f32 = (...shape: readonly number[]): Aval => ({ shape, dtype: 'f32' })
const plus = (n: number, donated: readonly string[] = []): Plan => planOf([add(input('a', [64]), n)], { donated })

/** A program that takes some tens of milliseconds. */
const slow = (): Plan => {
  let x: Expr = input('x', [256, 256])
  for (let i = 0; i < 40; i++) x = softmax(matmul(x, x))
  return planOf([x])
}

const filled = (device: Device, value: number, ...shape: readonly number[]): Promise<Resident> => {
  const size = shape.reduce((a, b) => a * b, 1)
  return orThrow(device.upload(new Float32Array(size).fill(value), f32(...shape)))
}
const compiled = (device: Device, plan: Plan): Promise<Executable> => orThrow(device.compile(plan))
const shortly = (): Promise<void> => new Promise((done) => setTimeout(done, 5))

/** Within five seconds: a hang is a failure that says so. */
const soon = <T>(promise: Promise<T>): Promise<T> =>
  Promise.race([promise, new Promise<T>((_, reject) => setTimeout(() => reject(new Error('it hangs')), 5000).unref())])

const gotOf = (result: E.Either<DeviceFault, unknown>): string => {
  if (E.isRight(result)) throw new Error('expected a fault')
  return `${result.left.what}: expected ${result.left.expected}, got ${result.left.got}`
}
const firstOf = async (device: Device, result: E.Either<DeviceFault, readonly Resident[]>): Promise<number> => {
  if (E.isLeft(result)) throw new Error(gotOf(result))
  return (await orThrow(device.read(result.right[0]!)))[0]!
}

const on = async (options: WasmOptions, body: (device: Device) => Promise<void>): Promise<void> => {
  const device = await orThrow(wasmDevice({ matmul: 'wasm', ...options }))
  try {
    await body(device)
  } finally {
    await device.close()
  }
}

type Allocate = (heap: Heap, bytes: number) => number
const allocate: (this: Heap, bytes: number) => number = Reflect.get(Heap.prototype, 'allocate')

/** While `body` runs, memory of every heap is found by `replacement`. */
const withAllocate = async (replacement: Allocate, body: () => Promise<void>): Promise<void> => {
  Heap.prototype.allocate = function (this: Heap, bytes: number): number {
    return replacement(this, bytes)
  }
  try {
    await body()
  } finally {
    Heap.prototype.allocate = allocate
  }
}

for (const options of [{ threads: 2 }, { shared: false }] as const)
  describe(`kernels/devices/wasm: life, ${JSON.stringify(options)}`, (test) => {
    test('programs may be compiled at once, and while another runs', () =>
      on(options, async (device) => {
        const running = await compiled(device, slow())
        const x = await filled(device, 1, 256, 256)
        const run = running.run([x])()
        await shortly()
        const both = await soon(Promise.all([device.compile(plus(1))(), device.compile(plus(2))()]))
        const a = await filled(device, 3, 64)
        for (const [i, made] of both.entries()) {
          if (E.isLeft(made)) throw new Error(gotOf(made))
          assert.is(await firstOf(device, await soon(made.right.run([a])())), 4 + i)
        }
        assert.ok(Math.abs((await firstOf(device, await soon(run))) - 1 / 256) < 1e-6)
      }))

    test('closing ends a run in progress, and what is asked for later is refused', () =>
      on(options, async (device) => {
        const [running, other] = [await compiled(device, slow()), await compiled(device, plus(1))]
        const [x, a] = [await filled(device, 1, 256, 256), await filled(device, 3, 64)]
        const run = running.run([x])()
        await shortly()
        await device.close()
        if (options.threads === 2)
          assert.is(gotOf(await soon(run)), 'run: expected an open device, got one that was closed')
        assert.is(gotOf(await soon(other.run([a])())), 'run: expected an open device, got one that was closed')
        assert.is(
          gotOf(await soon(device.compile(plus(2))())),
          'compile: expected an open device, got one that was closed',
        )
      }))

    test('a program that is disposed while it runs finishes; afterwards it is refused and others are unharmed', () =>
      on(options, async (device) => {
        const [running, other] = [await compiled(device, slow()), await compiled(device, plus(1))]
        const [x, a] = [await filled(device, 1, 256, 256), await filled(device, 3, 64)]
        const run = running.run([x])()
        await shortly()
        running.dispose()
        for (let i = 1; i <= 40; i++) await filled(device, 7e9, 2000 * i) // takes whatever memory was given back
        assert.ok(Math.abs((await firstOf(device, await soon(run))) - 1 / 256) < 1e-6)
        assert.is(gotOf(await running.run([x])()), 'run: expected a program that was not disposed, got one that was')
        assert.is(await firstOf(device, await soon(other.run([a])())), 4)
      }))

    test('inputs are taken when the run is asked for: freed at once, donated twice, or one value under two names', () =>
      on(options, async (device) => {
        const keeps = await compiled(device, plus(1))
        const freed = await filled(device, 3, 64)
        const early = keeps.run([freed])()
        device.free([freed])
        assert.is(await firstOf(device, await soon(early)), 4)

        const takes = await compiled(device, plus(1, ['a']))
        const once = await filled(device, 3, 64)
        const [first, second] = await soon(Promise.all([takes.run([once])(), takes.run([once])()]))
        assert.is(await firstOf(device, first), 4)
        assert.is(
          gotOf(second),
          'run: expected a value of this device for a, got one of f32[64] that was freed or donated',
        )

        const [a, b] = [input('a', [64]), input('b', [64])]
        const both = await compiled(device, planOf([a, add(a, b)], { donated: ['a', 'b'] }))
        const shared = await filled(device, 3, 64)
        const out = await soon(both.run([shared, shared])())
        await filled(device, 9, 64) // takes whatever memory was given back
        assert.is(await firstOf(device, out), 3)
      }))

    test('a value of another device is refused by name, and not freed', () =>
      on(options, (device) =>
        on(options, async (other) => {
          const theirs = await filled(other, 3, 64)
          const program = await compiled(device, plus(1))
          assert.match(gotOf(await device.read(theirs)()), /got one of f32\[64\] of another wasm device/)
          assert.match(gotOf(await program.run([theirs])()), /got one of f32\[64\] of another wasm device/)
          device.free([theirs])
          assert.is((await orThrow(other.read(theirs)))[0], 3)
        }),
      ))
  })

describe('kernels/devices/wasm: memory and numbers', (test) => {
  test('a number of threads that cannot be is refused', async () => {
    for (const threads of [0, -1, 1.5, NaN, 513])
      assert.is(
        gotOf(await wasmDevice({ threads, matmul: 'wasm' })()),
        `open: expected a whole number of threads, from 1 to 512, got ${threads}`,
      )
  })

  test('a run for which memory runs out leaves its inputs, donated ones too, and can be tried again', () =>
    on({ threads: 2 }, async (device) => {
      const keeps = await compiled(device, plus(1))
      const takes = await compiled(device, planOf([softmax(input('a', [64]))], { donated: ['a'] })) // not in place
      const [kept, given] = [await filled(device, 3, 64), await filled(device, 5, 64)]
      const full = (): number => {
        throw new OutOfMemory(2 ** 30, 3 * 2 ** 30)
      }
      await withAllocate(full, async () => {
        const refused =
          'run: expected at most 4096 MB in one WebAssembly memory, got 4096 MB, of which 3072 MB are values and programs'
        assert.is(gotOf(await keeps.run([kept])()), refused)
        assert.is(gotOf(await takes.run([given])()), refused)
      })
      assert.is((await orThrow(device.read(given)))[0], 5)
      assert.is(await firstOf(device, await keeps.run([kept])()), 4)
      assert.is(await firstOf(device, await takes.run([given])()), 1 / 64)
    }))

  test('a product whose sums lie in its output does not run over a donated input that is added later', async () => {
    const [B, H, S, K, D] = [2, 4, 8, 8, 8]
    const product = matmul(input('x', [B, H, S, K]), input('w', [B, H, K, D]))
    const y = add(reshape(transpose(product, [0, 2, 1, 3]), [B, S, H * D]), input('p', [B, S, H * D]))
    const numbers = (n: number, k: number): Float32Array =>
      Float32Array.from({ length: n }, (_, i) => (((i * 7 + k * 3) % 23) - 11) / 8)
    const data = new Map([
      ['x', numbers(B * H * S * K, 1)],
      ['w', numbers(B * H * K * D, 2)],
      ['p', numbers(B * S * H * D, 5)],
    ])
    const want = evaluate([y], data)[0]!
    await on({ threads: 2 }, async (device) => {
      const [got] = await runPlan(device, planOf([y], { donated: ['p'] }), data)
      want.forEach((v, i) => assert.ok(Math.abs(v - got![i]!) < 1e-5, `${i}: ${got![i]}, expected ${v}`))
    })
  })

  test('long sums keep their digits along any axis', () =>
    on({ threads: 2 }, async (device) => {
      const cases: readonly (readonly [shape: readonly number[], axes: readonly number[]])[] = [
        [[100_000], [0]],
        [[200_000, 4], [0]],
        [[32_768, 8], [0]],
        [
          [40_000, 3, 5],
          [0, 2],
        ],
        [
          [3, 40_000, 5],
          [0, 1],
        ],
        [
          [50, 3000],
          [0, 1],
        ],
      ]
      for (const [shape, axes] of cases) {
        const size = shape.reduce((a, b) => a * b, 1)
        const x = Float32Array.from({ length: size }, (_, i) => 0.1 + 0.01 * Math.sin(i))
        const expression = sum(input('x', shape), axes)
        const want = evaluate([expression], new Map([['x', x]]))[0]!
        const [got] = await runPlan(device, planOf([expression]), new Map([['x', x]]))
        want.forEach((v, i) =>
          assert.ok(
            Math.abs(got![i]! / v - 1) < 1e-6,
            `[${shape.join()}] over ${axes.join()}: ${got![i]}, expected ${v}`,
          ),
        )
      }
    }))

  test('long sums of infinities and NaN are what IEEE 754 says', () =>
    on({ threads: 2 }, async (device) => {
      for (const axis of [0, 1]) {
        const expression = sum(input('x', axis === 0 ? [5000, 4] : [4, 5000]), axis)
        const x = new Float32Array(20_000).fill(0.1)
        const put = (line: number, at: number, value: number): void => {
          x[axis === 0 ? at * 4 + line : line * 5000 + at] = value
        }
        put(0, 700, Infinity)
        put(1, 3, -Infinity)
        put(2, 100, Infinity)
        put(2, 4000, -Infinity)
        put(3, 2500, NaN)
        const [got] = await runPlan(device, planOf([expression]), new Map([['x', x]]))
        assert.equal([...got!], [Infinity, -Infinity, NaN, NaN])
      }
    }))

  test('addresses above 2 GiB: tables, arrays, own products and those of BLAS', async () => {
    for (const options of [{ matmul: 'wasm' }, { matmul: 'blas' }] as const) {
      if (options.matmul === 'blas' && (await openWasm({ matmul: 'blas', threads: 2 })) === null) continue
      await on({ threads: 2, ...options }, async (device) => {
        let isReserved = false
        // Reserved and never touched: no page of it is taken.
        const high: Allocate = (heap, bytes) => {
          if (!isReserved) {
            isReserved = true
            allocate.call(heap, 2.2e9)
          }
          return allocate.call(heap, bytes)
        }
        await withAllocate(high, async () => {
          const a = await filled(device, 1, 64, 64)
          const program = await compiled(device, planOf([matmul(input('a', [64, 64]), input('a', [64, 64]))]))
          assert.is(await firstOf(device, await soon(program.run([a])())), 64)
        })
      })
    }
  })
})
