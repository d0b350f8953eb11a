import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import type { Aval, ShapeError } from '../core'
import {
  compile,
  type CompileOptions,
  type Device,
  type DeviceFault,
  type Executable,
  type HostArray,
  type Plan,
  type Program,
  type Resident,
} from '../kernels'

/** Residents by input or output name. */
export type Values = ReadonlyMap<string, Resident>

export type RunFault = ShapeError | DeviceFault

/** A program on a device: run it on values by name. Donated inputs belong to it from then on. */
export interface Runner {
  readonly plan: Plan
  readonly run: (values: Values) => TE.TaskEither<DeviceFault, Values>
  /** See Executable. */
  readonly timings?: Executable['timings'] | undefined
  readonly dispose: () => void
}

/** Plan a program for a device and compile its kernels. */
export const prepare = (
  device: Device,
  build: () => Program,
  options: Pick<CompileOptions, 'fused'> = {},
): TE.TaskEither<RunFault, Runner> =>
  pipe(
    TE.fromEither(compile(build, { maxInputs: device.maxInputs, ...options })),
    TE.chainW((plan) =>
      pipe(
        device.compile(plan),
        TE.map((executable) => runnerOf(device, plan, executable)),
      ),
    ),
  )

const runnerOf = (device: Device, plan: Plan, executable: Executable): Runner => ({
  plan,
  timings: executable.timings,
  dispose: executable.dispose,
  run: (values) => {
    const inputs: Resident[] = []
    for (const { name } of plan.inputs) {
      const value = values.get(name)
      if (value === undefined)
        return TE.left<DeviceFault>({
          _tag: 'DeviceFault',
          device: device.name,
          what: 'run',
          expected: `a value for input "${name}"`,
          got: 'none',
        })
      inputs.push(value)
    }
    // A donated value that the plan does not read is still given up.
    const read = new Set(plan.inputs.map((i) => i.name))
    const unread = (plan.program.donated ?? []).flatMap((name) =>
      read.has(name) ? [] : [values.get(name) ?? []].flat(),
    )
    return pipe(
      executable.run(inputs),
      TE.map((outputs) => {
        device.free(unread)
        return new Map(plan.outputs.map((o, i) => [o.name, outputs[i]!]))
      }),
    )
  },
})

/** Host arrays, uploaded. */
export const uploadAll =
  (
    device: Device,
    arrays: Iterable<readonly [name: string, data: HostArray, aval: Aval]>,
  ): TE.TaskEither<DeviceFault, Values> =>
  async () => {
    const values = new Map<string, Resident>()
    for (const [name, data, aval] of arrays) {
      const uploaded = await device.upload(data, aval)()
      if (E.isLeft(uploaded)) {
        device.free([...values.values()])
        return E.left({ ...uploaded.left, what: `${uploaded.left.what} of ${name}` })
      }
      values.set(name, uploaded.right)
    }
    return E.right(values)
  }

/** Residents, read back. */
export const readAll =
  (device: Device, values: Values): TE.TaskEither<DeviceFault, ReadonlyMap<string, HostArray>> =>
  async () => {
    const arrays = new Map<string, HostArray>()
    for (const [name, value] of values) {
      const read = await device.read(value)()
      if (E.isLeft(read)) return E.left({ ...read.left, what: `${read.left.what} of ${name}` })
      arrays.set(name, read.right)
    }
    return E.right(arrays)
  }
