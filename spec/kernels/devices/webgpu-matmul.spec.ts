import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import {
  add,
  aval,
  bytesOf,
  cast,
  evaluate,
  gelu,
  input,
  matmul,
  mul,
  reshape,
  sizeOf,
  transpose,
  type DType,
  type Expr,
} from '../../../core'
import { compile } from '../../../kernels'
import { contractionOf } from '../../../kernels/emit/contraction'
import { tileShapes } from '../../../kernels/emit/wgsl/matmul'
import { webgpuDevice } from '../../../kernels/devices/webgpu'
import { describe } from '../../harness'
import { assertClose } from '../../kit/assert-close'
import { openGpujs, orThrow } from './open'

const numbers = (n: number, k: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (((i * 37 + k * 11) % 29) - 14) / 16)

/** Products as models have them: name, result, and whether it is one dispatch. */
const products = (dtype: DType): Readonly<Record<string, Expr>> => {
  const of = (name: string, ...shape: readonly number[]): Expr => input(name, shape, dtype)
  const [a, b] = [of('a', 37, 53), of('b', 53, 41)]
  const heads = transpose(reshape(of('h', 2, 19, 3 * 8), [2, 19, 3, 8]), [0, 2, 1, 3])
  const scores = matmul(heads, transpose(heads, [0, 1, 3, 2]))
  return {
    'rows by columns': matmul(a, b),
    'even sizes': matmul(of('e', 64, 32), of('f', 32, 128)),
    'more rows than a tile, one step of k over': matmul(of('g', 130, 17), of('i', 17, 66)),
    'both by fours, not by tiles': matmul(transpose(of('u', 20, 36), [1, 0]), of('v', 20, 44)),
    'by fours, and beside it': add(matmul(of('p', 40, 40), of('q', 40, 40)), of('q', 40, 40)),
    'the first turned': matmul(transpose(of('c', 53, 37), [1, 0]), b),
    'the second turned': matmul(a, transpose(of('d', 41, 53), [1, 0])),
    'both turned': matmul(transpose(of('c', 53, 37), [1, 0]), transpose(of('d', 41, 53), [1, 0])),
    'heads, as attention has them': scores,
    'heads, joined again': reshape(transpose(matmul(scores, heads), [0, 2, 1, 3]), [38, 24]),
    'bias and gelu': gelu(add(matmul(a, b), of('bias', 41))),
    'a residual beside it': add(mul(matmul(a, b), 0.5), of('r', 37, 41)),
    'a long sum': matmul(of('l', 5, 515), of('m', 515, 6)),
  }
}

const dtypes = ['f32', 'f16', 'bf16'] as const
const hardest = new Set([
  'more rows than a tile, one step of k over',
  'both by fours, not by tiles',
  'both turned',
  'heads, joined again',
  'bias and gelu',
])

describe('kernels/devices/webgpu: products by tiles', (test) => {
  for (const tile of tileShapes)
    for (const dtype of tile.rows === 32 ? dtypes : tile.rows === 64 ? (['f32'] as const) : (['f16'] as const))
      test(`${tile.rows} x ${tile.columns} x ${tile.depth} in ${dtype}: equal to the reference`, async () => {
        if ((await openGpujs('webgpu')) === null) return
        const device = await orThrow(webgpuDevice({ tile }))
        // A software adapter takes seconds to compile a large tile: fewer products are tried with those.
        const isSmall = tile === tileShapes.at(-1)
        for (const [name, value] of Object.entries(products(dtype)).filter(([n]) => isSmall || hardest.has(n))) {
          const wide = cast(value, 'f32')
          const plan = compile(() => ({ outputs: [{ name: 'y', value: wide }] }), { maxInputs: device.maxInputs })
          if (E.isLeft(plan)) throw plan.left
          assert.ok(
            plan.right.kernels.some((k) => contractionOf(k) !== undefined),
            `${name} is a product`,
          )
          const data = new Map(
            plan.right.inputs.map(({ name: n, buffer }, k) => [
              n,
              numbers(sizeOf(plan.right.buffers[buffer]!.aval.shape), k),
            ]),
          )
          const executable = await orThrow(device.compile(plan.right))
          const given = []
          for (const { name: n, buffer } of plan.right.inputs)
            given.push(await orThrow(device.upload(data.get(n)!, plan.right.buffers[buffer]!.aval)))
          const [y] = await orThrow(executable.run(given))
          const [want] = evaluate([wide], data)
          // Sums are in f32 and rounded once: half a unit of the last place of the result, or of f32 sums of these lengths.
          const tolerance = dtype === 'f32' ? 1e-5 : dtype === 'f16' ? 2 ** -10 : 2 ** -7
          assertClose(await orThrow(device.read(y!)), want!, { tolerance, label: name })
          device.free([...given, y!])
          executable.dispose()
        }
        await device.close()
      })

  test('halves take two bytes', async () => {
    const device = await openGpujs('webgpu')
    if (device === null) return
    const before = device.memory!().inUse
    const half = await orThrow(device.upload(numbers(1 << 20, 1), aval('f16', 1 << 20)))
    assert.is(device.memory!().inUse - before, (1 << 20) * bytesOf('f16'))
    device.free([half])
  })
})
