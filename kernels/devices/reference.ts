import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import { evaluate, sizeOf, type Aval } from '../../core'
import { faultOf, type Device, type DeviceFault, type Executable, type HostArray, type Resident } from '../device'
import type { Plan } from '../plan'

/** A value of the reference device: numbers in float64. */
class ReferenceValue implements Resident {
  readonly device = 'reference'
  constructor(
    readonly aval: Aval,
    readonly data: Float64Array,
  ) {}
}

const fault = (what: string, expected: string, got: string): DeviceFault => faultOf('reference', what, expected, got)

/**
 * The definition of right: evaluates the expressions themselves, in float64, one op after another. No kernels, no fusion, no
 * sharing with other devices but the ops' own meanings. Slow.
 */
export const referenceDevice = (): Device => ({
  name: 'reference',
  backend: { name: 'reference', detail: 'float64 interpreter, one thread' },
  maxInputs: Infinity,
  compile: (plan) => TE.right(executable(plan)),
  upload: (data, aval) =>
    data.length === sizeOf(aval.shape)
      ? TE.right(new ReferenceValue(aval, Float64Array.from(data)))
      : TE.left(fault('upload', `${sizeOf(aval.shape)} numbers`, String(data.length))),
  read: (value) =>
    value instanceof ReferenceValue
      ? TE.right(asHost(value))
      : TE.left(fault('read', 'a value of this device', `one of ${value.device}`)),
  free: () => undefined,
  close: () => Promise.resolve(),
})

const asHost = ({ data, aval }: ReferenceValue): HostArray =>
  aval.dtype === 'i32' ? Int32Array.from(data) : aval.dtype === 'bool' ? Uint8Array.from(data) : data.slice()

/** An index out of range in the data is the data's fault, not ours: RangeError becomes a fault of the run. */
const evaluated = (run: () => readonly Resident[]): E.Either<DeviceFault, readonly Resident[]> => {
  try {
    return E.right(run())
  } catch (error) {
    if (error instanceof RangeError) return E.left(fault('run', 'indices in range', error.message))
    throw error
  }
}

const executable = (plan: Plan): Executable => ({
  plan,
  run: (inputs) => {
    if (inputs.length !== plan.inputs.length)
      return TE.left(fault('run', `${plan.inputs.length} inputs`, String(inputs.length)))
    const values = new Map<string, Float64Array>()
    for (const [i, { name }] of plan.inputs.entries()) {
      const value = inputs[i]
      if (!(value instanceof ReferenceValue))
        return TE.left(fault('run', `a value of this device for ${name}`, value?.device ?? 'nothing'))
      values.set(name, value.data)
    }
    const { outputs } = plan.program
    return TE.fromEither(
      evaluated(() =>
        evaluate(
          outputs.map((o) => o.value),
          values,
        ).map((data, i) => new ReferenceValue(outputs[i]!.value.aval, data)),
      ),
    )
  },
  dispose: () => undefined,
})
