import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import {
  add,
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
import { compile, type Device, type HostArray } from '../../../kernels'
import { contractionOf } from '../../../kernels/emit/contraction'
import { assertClose } from '../../kit/assert-close'
import { orThrow } from './open'

export const numbers = (n: number, k: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (((i * 37 + k * 11) % 29) - 14) / 16)

/** Products as models have them. */
export const products = (dtype: DType): Readonly<Record<string, Expr>> => {
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

/** A product on a device, compared with the reference. */
export const checkProduct = async (
  device: Device,
  name: string,
  value: Expr,
  tolerance: number,
): Promise<HostArray> => {
  const plan = compile(() => ({ outputs: [{ name: 'y', value }] }), { maxInputs: device.maxInputs })
  if (E.isLeft(plan)) throw plan.left
  assert.ok(
    plan.right.kernels.some((k) => contractionOf(k) !== undefined),
    `${name} is a product`,
  )
  const data = new Map(
    plan.right.inputs.map(({ name: n, buffer }, k) => [n, numbers(sizeOf(plan.right.buffers[buffer]!.aval.shape), k)]),
  )
  const executable = await orThrow(device.compile(plan.right))
  const given = []
  for (const { name: n, buffer } of plan.right.inputs)
    given.push(await orThrow(device.upload(data.get(n)!, plan.right.buffers[buffer]!.aval)))
  const [y] = await orThrow(executable.run(given))
  const [want] = evaluate([value], data)
  const got = await orThrow(device.read(y!))
  assertClose(got, want!, { tolerance, label: name })
  device.free([...given, y!])
  executable.dispose()
  return got
}
