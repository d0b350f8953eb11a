import { faultOf } from '../../device'
import type { GpujsProgram } from '../../emit/gpujs'
import { Faulted, loadGpujs, settingsOf, type Built, type Engine } from './engine'
import type { GpuDevice, GpujsModule, GpuInstance, Handle, WebgpuContextValue } from './types'
import { acquireWebgpu } from './webgpu-context'
import { withOwnFunctions } from './webgpu-kernel'

const storage = 0x80
const copySource = 0x4
const copyTarget = 0x8
const mapRead = 0x1

/** The mode that keeps values on the GPU: handles between steps and between runs, read back only when asked. */
export const webgpuEngine = async (device: string): Promise<Engine<Handle>> => {
  const gpujs = await loadGpujs()
  const { context, errors, detail, software } = await acquireWebgpu(device, gpujs)
  const gpu = new gpujs.GPU({ mode: 'webgpu' })
  gpu.Kernel = withOwnFunctions(gpujs.WebGPUKernel)
  let seen = errors.length
  const check = (): void => {
    if (errors.length === seen) return
    const news = errors.slice(seen).join('; ')
    seen = errors.length
    throw new Faulted(faultOf(device, 'run on the GPU', 'no validation errors', news))
  }
  const queue = context.device.queue
  return {
    backend: { name: device, detail, isSoftware: software },
    // One of the stage's storage buffers is the output.
    maxInputs: (context.device.limits['maxStorageBuffersPerShaderStage'] ?? 8) - 1,
    upload: (data) => uploadTo(device, gpujs, context, data),
    read: async (value, size) => {
      const flat = await readFrom(context.device, value, size)
      check()
      return flat
    },
    build: (program) => buildWebgpu(gpujs, gpu, program),
    free: (value) => value.delete(),
    check,
    close: async () => {
      // Exiting with work in flight can crash the process.
      await queue.onSubmittedWorkDone()
      await gpu.destroy()
    },
  }
}

const buildWebgpu = (gpujs: GpujsModule, gpu: GpuInstance, program: GpujsProgram): Built<Handle> => {
  const call = gpu.createKernel(program.source, settingsOf(program, true))
  return {
    run: async (args) => {
      const handle = (await call(...args)) as Handle
      // The kernel would keep its last output alive until its next run: the handle alone shall own it.
      const kernel = call.kernel
      const own = kernel.outputBuffer
      if (own?._refs !== undefined && own._refs > 1) {
        own._refs -= 1
        kernel.outputBuffer = null
        kernel.bindGroupDirty = true
      }
      return handle
    },
    destroy: () => call.kernel.destroy(),
  }
}

const uploadTo = (device: string, gpujs: GpujsModule, context: WebgpuContextValue, data: Float32Array): Handle => {
  const { limits } = context.device
  const most = Math.min(limits['maxStorageBufferBindingSize'] ?? Infinity, limits['maxBufferSize'] ?? Infinity)
  if (data.byteLength > most)
    throw new Faulted(faultOf(device, 'upload', `at most ${most} bytes in one buffer`, `${data.byteLength} bytes`))
  const buffer = context.device.createBuffer({ size: data.byteLength, usage: storage | copySource | copyTarget })
  context.device.queue.writeBuffer(buffer, 0, data)
  return new gpujs.WebGPUBufferResult({
    buffer,
    output: [data.length],
    context,
    kernel: { readBufferResult: (handle) => readFrom(context.device, handle, data.length) },
  })
}

/** The first `size` elements, through a staging buffer of that size. */
const readFrom = async (device: GpuDevice, handle: Handle, size: number): Promise<Float32Array> => {
  const staging = device.createBuffer({ size: size * 4, usage: mapRead | copyTarget })
  try {
    const encoder = device.createCommandEncoder()
    encoder.copyBufferToBuffer(handle.buffer, 0, staging, 0, size * 4)
    device.queue.submit([encoder.finish()])
    await staging.mapAsync(mapRead)
    return new Float32Array(staging.getMappedRange().slice(0))
  } finally {
    staging.destroy()
  }
}
