import type { GpujsProgram } from '../../emit/gpujs'
import { faultOf, type Backend, type DeviceFault, type DeviceMemory } from '../../device'
import type { GpujsModule, KernelCall, KernelSettings } from './types'

/** What a mode of gpu.js must do for the plan runner. V is its value: a flat array, or a handle on a GPU buffer. */
export interface Engine<V> {
  readonly backend: Backend
  /** Most arrays that one kernel may read. */
  readonly maxInputs: number
  readonly upload: (data: Float32Array) => V
  readonly read: (value: V, size: number) => Promise<Float32Array>
  readonly build: (program: GpujsProgram) => Built<V>
  readonly free: (value: V) => void
  /** Throws what the device reported since the last call, if anything. */
  readonly check: () => void
  /** What is allocated, where the engine does it itself. */
  readonly memory?: () => DeviceMemory
  readonly close: () => Promise<void>
}

export interface Built<V> {
  readonly run: (args: readonly V[]) => V | Promise<V>
  readonly destroy: () => void
}

/** A fault on its way to the door, where it becomes a Left. */
export class Faulted extends Error {
  constructor(readonly fault: DeviceFault) {
    super(`${fault.device}: ${fault.what}: expected ${fault.expected}, got ${fault.got}`)
  }
}

export const loadGpujs = async (): Promise<GpujsModule> => {
  const module = (await import('gpu.js')) as unknown as GpujsModule & { readonly default?: GpujsModule }
  return module.default ?? module
}

export const settingsOf = (program: GpujsProgram, resident: boolean): KernelSettings => ({
  output: program.output,
  argumentTypes: program.slots.map(() => 'Input'),
  returnType: 'Number',
  functions: program.functions.map(({ name, source, type, arity }) => ({
    name,
    source,
    argumentTypes: Array.from({ length: arity }, () => type),
    returnType: type,
  })),
  ...(resident ? { pipeline: true, immutable: true } : {}),
})

/** gpu.js falls back to another mode with a console warning only; here that is a fault. */
export const refuseFallback = <T>(device: string, mode: string, call: KernelCall, run: () => T): T => {
  const warn = console.warn
  const said: string[] = []
  console.warn = (...words: readonly unknown[]): void => void said.push(words.join(' '))
  let result: T
  try {
    result = run()
  } finally {
    console.warn = warn
  }
  const ran = call.kernel.constructor.mode
  if (ran !== mode || said.length > 0)
    throw new Faulted(
      faultOf(device, 'run a kernel', `mode ${mode}`, `mode ${ran}${said.map((s) => ` (${s})`).join('')}`),
    )
  return result
}
