import * as E from 'fp-ts/Either'
import {
  argmax,
  concat,
  eq,
  exp,
  gelu,
  input,
  keyOf,
  le,
  linear,
  lt,
  mul,
  pad,
  randomBits,
  reduceMax,
  reshape,
  sizeOf,
  softmax,
  sub,
  sum,
  take,
  tanh,
  transpose,
  type Expr,
} from '../../../core'
import { grad } from '../../../autodiff'
import { compile, type Device, type HostArray, type Plan, type Resident } from '../../../kernels'
import { orThrow } from './open'

/** The plan of some expressions, named o0, o1 and so on. */
export const planOf = (values: readonly Expr[], donated: readonly string[] = []): Plan => {
  const plan = compile(() => ({ outputs: values.map((value, i) => ({ name: `o${i}`, value })), donated }))
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}

export const numbers = (n: number, k: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (((i * 7 + k * 3) % 23) - 11) / 8)

/** What every input of a plan is given: small numbers, and ids below 4. */
export const upload = async (device: Device, plan: Plan): Promise<readonly Resident[]> => {
  const residents: Resident[] = []
  for (const [k, { buffer }] of plan.inputs.entries()) {
    const { aval: a } = plan.buffers[buffer]!
    const data =
      a.dtype === 'i32'
        ? Int32Array.from({ length: sizeOf(a.shape) }, (_, i) => (i * 5) % 4)
        : numbers(sizeOf(a.shape), k)
    residents.push(await orThrow(device.upload(data, a)))
  }
  return residents
}

export const outputsOf = async (device: Device, plan: Plan): Promise<readonly HostArray[]> => {
  const executable = await orThrow(device.compile(plan))
  const inputs = await upload(device, plan)
  const results = await orThrow(executable.run(inputs))
  const values: HostArray[] = []
  for (const r of results) values.push(await orThrow(device.read(r)))
  device.free([...inputs, ...results])
  executable.dispose()
  return values
}

export const x = input('x', [6, 10])
export const w = input('w', [10, 33])
const b = input('b', [33])
const ids = input('ids', [5], 'i32')
const h = gelu(linear({ weight: w, bias: b })(x))
/** Programs whose results every device is to have as the reference has them, within `programTolerance`. */
export const programCases: Readonly<Record<string, readonly Expr[]>> = {
  'linear, gelu, softmax': [h, softmax(h), sum(mul(softmax(h), h)), reduceMax(h, 0), argmax(h)],
  gradients: (() => {
    const loss = (p: { readonly w: Expr; readonly b: Expr }): Expr =>
      sum(mul(gelu(linear({ weight: p.w, bias: p.b })(x)), 0.5))
    const g = grad(loss)({ w, b })
    return [g.w, g.b]
  })(),
  'gather and its gradient': (() => {
    const loss = (t: { readonly x: Expr }): Expr => sum(mul(take(t.x, ids), take(t.x, ids)))
    return [take(x, ids), grad(loss)({ x }).x]
  })(),
  structure: [
    transpose(reshape(pad(x, [1, 2], [0, 3]), [3, 5, 7]), [2, 0, 1]),
    concat([x, exp(x), sub(0, x)], 1),
    reshape(tanh(x), [15, 4]),
    x,
  ],
  'truth values in order': (() => {
    const [low, high] = [lt(x, 0), lt(x, 0.5)]
    return [lt(low, high), le(high, low), eq(low, high)]
  })(),
  'random bits': [randomBits(keyOf(7), [3, 50])],
}
export const programTolerance = 2e-6 * 33
