import { aval, axisIndex, sizeOf, type Aval, type Axis, type DType, type Index, type Scalar } from '../../../core'
import type { Device, HostArray, Resident } from '../../../kernels/device'
import type { Kernel } from '../../../kernels/kernel'
import type { Plan } from '../../../kernels/plan'
import { orThrow } from '../devices/open'

/** Kernels made by hand, and plans of one kernel to run them. */
export interface Recipe {
  readonly inputs?: readonly Aval[]
  readonly shape: readonly number[]
  readonly dtype?: DType
  readonly reduce?: {
    readonly fn: 'sum' | 'max' | 'argmax'
    readonly sizes: readonly number[]
    readonly body: (out: readonly Index[], along: readonly Index[]) => Scalar
    readonly count?: (out: readonly Index[]) => Scalar
  }
  readonly body: (out: readonly Index[]) => Scalar
}

let made = 0
const axes = (prefix: string, sizes: readonly number[]): readonly Axis[] =>
  sizes.map((size, i) => ({ tag: 'axis', name: `${prefix}${i}`, size }))
const indices = (of: readonly Axis[]): readonly Index[] => of.map((a) => axisIndex(a.name, a.size))

export const kernelOf = ({ inputs = [], shape, dtype = 'f32', reduce, body }: Recipe): Kernel => {
  const out = axes('i', shape)
  const along = axes('r', reduce?.sizes ?? [])
  return {
    name: `handMade${made}`,
    key: `handMade${made++}`,
    inputs: inputs.map((a) => ({ dtype: a.dtype, size: sizeOf(a.shape) })),
    output: aval(dtype, ...shape),
    axes: out,
    ...(reduce === undefined
      ? {}
      : {
          reduce: {
            fn: reduce.fn,
            axes: along,
            body: reduce.body(indices(out), indices(along)),
            ...(reduce.count === undefined ? {} : { count: reduce.count(indices(out)) }),
          },
        }),
    body: body(indices(out)),
    flops: 0,
  }
}

export const planOf = (kernel: Kernel, inputs: readonly Aval[]): Plan => ({
  program: { outputs: [] },
  inputs: inputs.map((_, i) => ({ name: `in${i}`, buffer: i, donated: false })),
  constants: [],
  kernels: [kernel],
  steps: [{ kernel: 0, inputs: inputs.map((_, i) => i), output: inputs.length, frees: [], path: [] }],
  buffers: [
    ...inputs.map((a) => ({ aval: a, source: 'input' as const })),
    { aval: kernel.output, source: 'step' as const },
  ],
  outputs: [{ name: 'out', buffer: inputs.length }],
  arena: {
    offsetOf: [...inputs.map(() => undefined), 0],
    bytes: sizeOf(kernel.output.shape) * 4,
  },
  cost: { flops: 0, bytes: 0, peakBytes: 0, workBytes: 0, arenaBytes: 0 },
})

/** Uploads, runs one kernel, reads its output and frees everything. */
export const runRecipe = async (device: Device, recipe: Recipe, data: readonly HostArray[]): Promise<HostArray> => {
  const inputs = recipe.inputs ?? []
  const executable = await orThrow(device.compile(planOf(kernelOf(recipe), inputs)))
  const uploaded: Resident[] = []
  for (const [i, a] of inputs.entries()) uploaded.push(await orThrow(device.upload(data[i]!, a)))
  const [out] = await orThrow(executable.run(uploaded))
  const values = await orThrow(device.read(out!))
  device.free([...uploaded, out!])
  executable.dispose()
  return values
}

/** Eighths in [-4, 4): exact in f32, with few equal neighbours. */
export const eighths = (n: number, seed = 1): Float32Array => {
  let state = seed
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return ((state >> 16) % 64) / 8 - 4
  })
}

export const differences = (got: HostArray, want: ArrayLike<number>, tolerance: number): string => {
  if (got.length !== want.length) return `length ${got.length}, want ${want.length}`
  for (let i = 0; i < got.length; i++) {
    const [g, w] = [got[i]!, want[i]!]
    if (Object.is(g, w) || g === w || Math.abs(g - w) <= tolerance * Math.max(1, Math.abs(w))) continue
    return `at ${i}: got ${g}, want ${w}`
  }
  return ''
}
