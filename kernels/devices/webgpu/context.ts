import { faultOf } from '../../device'
import { Faulted } from '../gpujs/engine'
import type { MatrixLimits } from '../../emit/wgsl/matrix-unit'
import { matrixFeatures, matrixOf } from './matrix'
import { mayHaveDriver } from './vulkan-driver'
import type { GpujsModule, WebgpuContextValue } from '../gpujs/types'
import type { GpuAdapter, GpuDevice, GpuEntry, WebgpuPackage } from './standard'

export interface OpenWebgpu {
  readonly context: WebgpuContextValue
  /** What the GPU reported outside of any call; grows. */
  readonly errors: readonly string[]
  readonly detail: string
  /** The adapter computes on the CPU. */
  readonly software: boolean
  /** The matrix unit that the GPU offers. */
  readonly matrix: MatrixLimits | undefined
}

/** Limits that gpu.js leaves at the standard's defaults, asked for as the adapter has them. */
const raised = [
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const

/** Features that are used where the adapter has them. */
const welcome = ['timestamp-query'] as const

/**
 * Shaders read where it is proved that elements are: no index needs to be clamped. Times are told as they were measured. The rest is for
 * the matrix unit, all of what Dawn calls unsafe that is asked for: it is no standard yet, its shaders need Vulkan's memory model, and
 * Dawn holds f16 back on NVIDIA's drivers, in which its tests of f16 arithmetic failed (crbug.com/42251215); we only copy halves.
 */
const dawnFlags = [
  'enable-dawn-features=disable_robustness,allow_unsafe_apis,use_vulkan_memory_model,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
]

const help =
  'on Linux without a GPU: apt-get install chromium libvulkan1, then VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json'

/** The errors of each GPU device: gpu.js shares one between all that open it, and so do we. */
const reported = new WeakMap<GpuDevice, string[]>()

export const acquireWebgpu = async (device: string, gpujs: GpujsModule): Promise<OpenWebgpu> => {
  const entry = await webgpuEntry(device)
  const undo = askForMore(entry)
  let context: WebgpuContextValue
  try {
    context = await gpujs.WebGPUContext.acquire()
  } catch (error) {
    const got = error instanceof Error && !/no adapter/.test(error.message) ? error.message : 'no adapter'
    throw new Faulted(faultOf(device, `open ${device}`, 'a WebGPU adapter', got, help))
  } finally {
    undo()
  }
  let errors = reported.get(context.device)
  if (errors === undefined) {
    errors = []
    reported.set(context.device, errors)
  }
  const log = errors
  // Without this a failed validation is printed and the call resolves to zeros.
  context.device.onuncapturederror = ({ error }): void => void log.push(error.message)
  const { adapter, device: gpu } = context
  return {
    context,
    errors,
    detail: describeAdapter(adapter),
    software: isSoftware(adapter),
    matrix: matrixOf(adapter, gpu),
  }
}

/** navigator.gpu, which Node has not: there it comes from the npm package `webgpu` (Dawn). */
const webgpuEntry = async (device: string): Promise<GpuEntry> => {
  const scope = globalThis as unknown as { navigator?: { gpu?: GpuEntry } }
  const present = scope.navigator?.gpu
  if (present !== undefined && present !== null) return present
  if (!(await mayHaveDriver()))
    throw new Faulted(faultOf(device, `open ${device}`, 'a Vulkan driver (*.json in vulkan/icd.d)', 'none', help))
  // Not a literal: bundlers must leave the optional package alone.
  const name = 'webgpu'
  let dawn: WebgpuPackage
  try {
    dawn = (await import(name)) as WebgpuPackage
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error)
    throw new Faulted(
      faultOf(device, `open ${device}`, 'navigator.gpu, or the npm package webgpu', got, 'npm install webgpu@0.6.2'),
    )
  }
  Object.assign(globalThis, dawn.globals)
  const gpu = dawn.create(dawnFlags)
  if (scope.navigator === undefined)
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true, writable: true })
  else Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true })
  return gpu
}

/** Makes the next adapter give more features and higher limits to the device that gpu.js requests. Gives the way back. */
const askForMore = (entry: GpuEntry): (() => void) => {
  const request = entry.requestAdapter.bind(entry)
  const own = Object.getOwnPropertyDescriptor(entry, 'requestAdapter')
  entry.requestAdapter = async (options) => {
    const adapter = await request(options)
    if (adapter === null) return null
    const requestDevice = adapter.requestDevice.bind(adapter)
    const wanted = Object.fromEntries(
      raised.flatMap((limit) => (adapter.limits[limit] === undefined ? [] : [[limit, adapter.limits[limit]]])),
    ) as Record<string, number>
    adapter.requestDevice = (descriptor = {}) =>
      requestDevice({
        ...descriptor,
        requiredFeatures: [
          ...(descriptor.requiredFeatures ?? []),
          ...[...welcome, ...matrixFeatures(adapter)].filter((f) => adapter.features.has(f)),
        ],
        requiredLimits: { ...descriptor.requiredLimits, ...wanted },
      })
    return adapter
  }
  return () => {
    // Mostly a method of the prototype, which shows again once ours is gone.
    if (own === undefined) Reflect.deleteProperty(entry, 'requestAdapter')
    else Object.defineProperty(entry, 'requestAdapter', own)
  }
}

const describeAdapter = (adapter: GpuAdapter): string => {
  const info = adapter.info ?? {}
  const words = ['vendor', 'architecture', 'device', 'description'].map((key) => info[key])
  const named = words.filter((w): w is string => typeof w === 'string' && w !== '').join(', ')
  return `${named === '' ? 'unnamed adapter' : named}${isSoftware(adapter) ? ' (software)' : ''}`
}

/** A fallback adapter by its own word (in the place of the standard, or of older drafts), or a CPU renderer by name. */
const isSoftware = (adapter: GpuAdapter): boolean =>
  adapter.info?.['isFallbackAdapter'] === true ||
  (adapter as unknown as { isFallbackAdapter?: boolean }).isFallbackAdapter === true ||
  /swiftshader|llvmpipe|lavapipe/i.test(Object.values(adapter.info ?? {}).join(' '))
