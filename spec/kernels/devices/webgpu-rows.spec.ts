import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import {
  add,
  argmax,
  cast,
  crossEntropy,
  dropout,
  evaluate,
  exp,
  input,
  keyOf,
  layerNorm,
  mul,
  reduceMax,
  reshape,
  sizeOf,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  where,
  type DType,
  type Expr,
} from '../../../core'
import { grad } from '../../../autodiff'
import { compile, type Plan } from '../../../kernels'
import { buildProgram, type GpuProgram } from '../../../kernels/devices/webgpu/program'
import { tileFor } from '../../../kernels/emit/wgsl/matmul'
import { describe } from '../../harness'
import { assertClose } from '../../kit/assert-close'
import { runPlan } from '../compare-programs'
import { openGpujs } from './open'

const numbers = (n: number, k: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (((i * 37 + k * 11) % 29) - 14) / 8)

const inRows = (n: number, m: number, dtype: DType = 'f32'): Expr => input('x', [n, m], dtype)
const norm = (x: Expr): Expr => {
  const m = x.aval.shape.at(-1)!
  return layerNorm({ weight: input('weight', [m]), bias: input('bias', [m]) })(x)
}
const wide = (x: Expr): Expr => cast(x, 'f32')

interface Case {
  readonly outputs: readonly Expr[]
  readonly donated?: readonly string[]
  /** Dispatches that are left of its steps. */
  readonly dispatches: number
  /** Buffers that need no memory. */
  readonly inside: number
}

/** Programs by rows: every road that a value takes from one part of a shader to the next. */
const cases: Readonly<Record<string, Case>> = {
  'softmax of short rows, eight to a workgroup': { outputs: [softmax(inRows(256, 100))], dispatches: 1, inside: 3 },
  'rows that no power of two divides': { outputs: [softmax(inRows(131, 77))], dispatches: 1, inside: 3 },
  'rows too wide for workgroup memory: through the buffer': {
    outputs: [softmax(inRows(128, 3500))],
    dispatches: 1,
    inside: 2,
  },
  'too few rows: one by one': { outputs: [softmax(inRows(4, 3500))], dispatches: 6, inside: 0 },
  'layer norm, forward and backward': (() => {
    const x = inRows(256, 96)
    return { outputs: [norm(x), grad((z: Expr) => sum(square(norm(z))))(x)], dispatches: 1, inside: 6 }
  })(),
  'halves, in words of two': {
    outputs: [cast(softmax(norm(wide(inRows(192, 66, 'f16')))), 'f16')],
    dispatches: 1,
    inside: 6,
  },
  'a half for each row: no row has a word of its own': {
    outputs: [softmax(cast(norm(wide(inRows(192, 66, 'f16'))), 'f16'))],
    dispatches: 5,
    inside: 2,
  },
  'a mask for each element, and who is left': (() => {
    const x = inRows(160, 70, 'bf16')
    const kept = dropout(0.25, keyOf(3))(softmax(wide(x)))
    return { outputs: [kept, argmax(kept)], dispatches: 1, inside: 3 }
  })(),
  'cross-entropy and its gradient': (() => {
    const x = inRows(130, 1000)
    const targets = input('targets', [130], 'i32')
    const losses = crossEntropy(x, targets)
    return { outputs: [losses, grad((z: Expr) => sum(crossEntropy(z, targets)))(x)], dispatches: 1, inside: 3 }
  })(),
  'Adam in place': (() => {
    const [p, g, m, v] = ['p', 'g', 'm', 'v'].map((name) => input(name, [70, 9])) as [Expr, Expr, Expr, Expr]
    const first = add(mul(m, 0.9), mul(g, 0.1))
    const second = add(mul(v, 0.5), mul(square(g), 0.5))
    const next = sub(p, mul(first, add(0.1, sqrt(second))))
    return { outputs: [first, second, next], donated: ['p', 'm', 'v'], dispatches: 1, inside: 0 }
  })(),
  'elements of three sizes in one thread': (() => {
    const x = inRows(37, 3)
    const low = exp(x)
    const isSmall = sub(low, 1)
    return {
      outputs: [wide(cast(low, 'f16')), where(cast(isSmall, 'bool'), low, x)],
      dispatches: 1,
      inside: 1,
    }
  })(),
  'rows of rows': (() => {
    const x = reshape(inRows(128, 60), [128, 5, 12])
    const inner = sub(x, reduceMax(x, 2, true))
    return { outputs: [softmax(reshape(mul(inner, inner), [128, 60]))], dispatches: 1, inside: 5 }
  })(),
}

const planOf = ({ outputs, donated = [] }: Case): Plan => {
  const plan = compile(() => ({ outputs: outputs.map((value, i) => ({ name: `o${i}`, value })), donated }))
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}
const programOf = (plan: Plan): GpuProgram =>
  buildProgram(plan, { limits: { groupsPerAxis: 65535 }, mostBuffers: 8, block: 2 ** 28, tileOf: tileFor })

describe('kernels/devices/webgpu: rows', (test) => {
  for (const [name, one] of Object.entries(cases)) {
    test(`${name}: ${one.dispatches} dispatch${one.dispatches === 1 ? '' : 'es'}, as the reference`, async () => {
      const plan = planOf(one)
      const { dispatches, homes } = programOf(plan)
      const inside = homes.filter((h) => h === undefined).length
      assert.is(dispatches.length, one.dispatches)
      assert.is(inside, one.inside)
      const device = await openGpujs('webgpu')
      if (device === null) return
      const data = new Map(
        plan.inputs.map(({ name: n, buffer }, k) => {
          const { dtype, shape } = plan.buffers[buffer]!.aval
          const given = numbers(sizeOf(shape), k).map((x) => (n === 'v' || dtype === 'i32' ? Math.abs(x) : x))
          return [n, dtype === 'i32' ? Int32Array.from(given) : given]
        }),
      )
      const got = await runPlan(device, plan, data)
      const want = evaluate(one.outputs, data)
      const isHalf = plan.inputs.some(
        ({ buffer }) => plan.buffers[buffer]!.aval.dtype !== 'f32' && plan.buffers[buffer]!.aval.dtype !== 'i32',
      )
      want.forEach((w, i) =>
        assertClose(got[i]!, w, { tolerance: isHalf ? 2 ** -8 : 2e-5, label: `${name}, output ${i}` }),
      )
    })
  }
})
