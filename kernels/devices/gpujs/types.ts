import type { WebasmKernelClass } from './webasm-kernel'
import type { WebgpuKernelClass } from './webgpu-kernel'

/** What is used of gpu.js 2.24.1 and of WebGPU, typed here: gpu.js's own declarations lack most of it. */

/** An array given to a kernel: flat values with their sizes, fastest first. */
export interface KernelInputValue {
  readonly value: Float32Array
  readonly size: readonly number[]
}

export interface BackendClass {
  readonly mode: string
}

/** The kernel object behind the callable. */
export interface BuiltKernel {
  readonly constructor: BackendClass
  readonly fallbackReason?: string | null
  outputBuffer?: (GpuBuffer & { _refs?: number }) | null
  bindGroupDirty?: boolean
  destroy(): void
}

export type KernelResult = Float32Array | readonly Float32Array[] | readonly (readonly Float32Array[])[]

export interface KernelCall {
  (...args: readonly unknown[]): unknown
  readonly kernel: BuiltKernel
}

export interface KernelSettings {
  readonly output: readonly number[]
  readonly argumentTypes: readonly string[]
  readonly returnType: string
  readonly functions: readonly {
    readonly name: string
    readonly source: string
    readonly argumentTypes: readonly string[]
    readonly returnType: string
  }[]
  readonly pipeline?: boolean
  readonly immutable?: boolean
}

export interface GpuInstance {
  Kernel: unknown
  createKernel(source: string, settings: KernelSettings): KernelCall
  destroy(): Promise<void>
}

export interface Handle {
  readonly buffer: GpuBuffer
  delete(): void
}

export interface WebgpuContextValue {
  readonly adapter: GpuAdapter
  readonly device: GpuDevice
  readonly isLost: boolean
}

export interface GpujsModule {
  readonly GPU: new (settings: { readonly mode: string }) => GpuInstance
  readonly input: (value: Float32Array, size: readonly number[]) => KernelInputValue
  readonly WebAssemblyKernel: WebasmKernelClass
  readonly WebGPUKernel: WebgpuKernelClass
  readonly WebGPUContext: { acquire(): Promise<WebgpuContextValue> }
  readonly WebGPUBufferResult: new (settings: {
    readonly buffer: GpuBuffer
    readonly output: readonly number[]
    readonly context: WebgpuContextValue
    readonly kernel: { readBufferResult(handle: Handle): Promise<Float32Array> }
  }) => Handle
}

/** The parts of the WebGPU standard that are used. */
export interface GpuBuffer {
  readonly size: number
  destroy(): void
  mapAsync(mode: number): Promise<void>
  getMappedRange(): ArrayBuffer
  unmap(): void
}
export type GpuLimits = Readonly<Record<string, number>>
export interface GpuAdapter {
  readonly limits: GpuLimits
  readonly features: ReadonlySet<string>
  readonly info?: Readonly<Record<string, unknown>>
  requestDevice(descriptor?: DeviceDescriptor): Promise<GpuDevice>
}
export interface DeviceDescriptor {
  readonly requiredFeatures?: readonly string[]
  readonly requiredLimits?: GpuLimits
}
export interface GpuDevice {
  readonly limits: GpuLimits
  readonly queue: {
    writeBuffer(buffer: GpuBuffer, offset: number, data: Float32Array): void
    submit(commands: readonly unknown[]): void
    onSubmittedWorkDone(): Promise<void>
  }
  onuncapturederror: ((event: { readonly error: { readonly message: string } }) => void) | null
  createBuffer(descriptor: { readonly size: number; readonly usage: number }): GpuBuffer
  createCommandEncoder(): {
    copyBufferToBuffer(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, size: number): void
    finish(): unknown
  }
}
export interface GpuEntry {
  requestAdapter(options?: unknown): Promise<GpuAdapter | null>
}
/** npm `webgpu`: Dawn for Node. */
export interface WebgpuPackage {
  readonly create: (options: readonly string[]) => GpuEntry
  readonly globals: Readonly<Record<string, unknown>>
}
