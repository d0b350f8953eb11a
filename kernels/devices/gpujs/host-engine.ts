import type { GpujsProgram } from '../../emit/gpujs'
import { loadGpujs, refuseFallback, settingsOf, type Built, type Engine } from './engine'
import type { GpujsModule, GpuInstance } from './types'
import { withVectors } from './webasm-kernel'

/** The modes of gpu.js on the processor. */
export type HostMode = 'cpu' | 'webasm'

/** The modes that keep values in JavaScript's memory: they copy arguments in and results out at every call. */
export const hostEngine = async (device: string, mode: HostMode): Promise<Engine<Float32Array>> => {
  const gpujs = await loadGpujs()
  const gpu = new gpujs.GPU({ mode })
  if (mode === 'webasm') gpu.Kernel = withVectors(gpujs.WebAssemblyKernel)
  return {
    backend: {
      name: device,
      detail:
        mode === 'cpu'
          ? 'JavaScript, computes in float64 and stores float32'
          : 'WebAssembly with SIMD, one thread, float32',
    },
    maxInputs: 64, // ours: gpu.js sets no limit here, but every one is copied at every call
    upload: (data) => data,
    read: (value) => Promise.resolve(value.slice()),
    build: (program) => buildHost(gpujs, gpu, device, mode, program),
    free: () => undefined,
    check: () => undefined,
    close: async () => {
      await gpu.destroy()
    },
  }
}

const buildHost = (
  gpujs: GpujsModule,
  gpu: GpuInstance,
  device: string,
  mode: HostMode,
  program: GpujsProgram,
): Built<Float32Array> => {
  const call = gpu.createKernel(program.source, settingsOf(program, false))
  const size = program.output.reduce((n, m) => n * m, 1)
  let proved = false
  return {
    run: (args) => {
      const inputs = args.map((a) => gpujs.input(a, [a.length]))
      if (proved) return flatten(call(...inputs), size)
      const first = refuseFallback(device, mode, call, () => call(...inputs))
      proved = true
      return flatten(first, size)
    },
    destroy: () => call.kernel.destroy(),
  }
}

type Nested = Float32Array | readonly Nested[]

/** Rows as one array: without a copy where gpu.js cut one array into rows (webasm). */
const flatten = (result: unknown, size: number): Float32Array => {
  if (result instanceof Float32Array) return result
  let first = result as Nested
  while (!(first instanceof Float32Array)) first = first[0]!
  if (first.byteOffset === 0 && first.buffer.byteLength === size * 4) return new Float32Array(first.buffer)
  const flat = new Float32Array(size)
  let at = 0
  const copy = (rows: Nested): void => {
    if (rows instanceof Float32Array) {
      flat.set(rows, at)
      at += rows.length
    } else rows.forEach(copy)
  }
  copy(result as Nested)
  return flat
}
