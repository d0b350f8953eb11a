import type { TaskEither } from 'fp-ts/TaskEither'
import type { Aval } from '../core'
import type { Plan } from './plan'

/** A fault of a device: what it was doing, what was expected and what happened. */
export interface DeviceFault {
  readonly _tag: 'DeviceFault'
  readonly device: string
  readonly what: string
  readonly expected: string
  readonly got: string
  readonly help?: string
}

export const faultOf = (device: string, what: string, expected: string, got: string, help?: string): DeviceFault => ({
  _tag: 'DeviceFault',
  device,
  what,
  expected,
  got,
  ...(help === undefined ? {} : { help }),
})

/** A value that lives where the device computes. Immutable; freed by whoever owns it. */
export interface Resident {
  readonly aval: Aval
  readonly device: string
}

export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array

/** What some steps of a plan took together: those that a device computes as one. A step may be in several. */
export interface Timing {
  readonly steps: readonly number[]
  readonly ms: number
}

/** A plan made ready to run. `run` frees donated inputs at their last use; all other inputs stay the caller's. */
export interface Executable {
  readonly plan: Plan
  readonly run: (inputs: readonly Resident[]) => TaskEither<DeviceFault, readonly Resident[]>
  /** Where the time of all runs so far went, where the device was opened to measure it. */
  readonly timings?: () => readonly Timing[]
  /** Release compiled kernels and constants. */
  readonly dispose: () => void
}

/** What really runs, as found by running something: never what was asked for. */
export interface Backend {
  readonly name: string
  /** For people: adapter, threads, versions. */
  readonly detail: string
  /** Computes in software what it presents as a GPU. */
  readonly isSoftware?: boolean
}

export interface DeviceMemory {
  /** Bytes of all that is allocated now: values, constants, code's tables, and the memory of intermediates. */
  readonly inUse: number
  /** The most that was allocated at once since the device was opened. */
  readonly peak: number
  /** Of these: what the intermediates of programs share. It is as large as the largest program that ran needs. */
  readonly work: number
}

export interface Device {
  readonly name: string
  readonly backend: Backend
  /** Arrays that one kernel may read: what `compile` has to know of the device. */
  readonly maxInputs: number
  readonly compile: (plan: Plan) => TaskEither<DeviceFault, Executable>
  readonly upload: (data: HostArray, aval: Aval) => TaskEither<DeviceFault, Resident>
  /** f32, f16 and bf16 come back as Float32Array (reference: Float64Array), i32 as Int32Array, bool as Uint8Array. */
  readonly read: (value: Resident) => TaskEither<DeviceFault, HostArray>
  readonly free: (values: readonly Resident[]) => void
  /** Whether a run comes back before its results are there: reading them waits, and the next run need not. */
  readonly isDeferred?: boolean
  /** What is allocated, where the device knows. */
  readonly memory?: () => DeviceMemory
  readonly close: () => Promise<void>
}
