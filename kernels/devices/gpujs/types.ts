import type { GpuAdapter, GpuDevice, GpuPipeline } from '../webgpu/standard'
import type { WebasmKernelClass } from './webasm-kernel'

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
}

export interface GpuInstance {
  Kernel: unknown
  readonly kernels: unknown[]
  createKernel(source: string, settings: KernelSettings): KernelCall
  destroy(): Promise<void>
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
  readonly WebGL2Kernel: GpujsTranslatorClass
  readonly WebGPUKernel: GpujsShaderClass
  readonly WebGPUContext: { acquire(): Promise<WebgpuContextValue> }
}

/** What is used of gpu.js's kernel on WebGPU: undocumented members of 2.24.1, which is pinned. */
export interface GpujsShader {
  computePipeline: GpuPipeline | null
  built: boolean
  destroy(): void
}
export type GpujsShaderClass = new (
  source: string,
  settings: { readonly gpu: GpuInstance; readonly output: readonly number[] },
) => GpujsShader

/** A texture as gpu.js asks for it when it translates. */
export interface TextureShape {
  readonly size: readonly [number, number]
  readonly dimensions: readonly [number, number, number]
}

/** What is used of gpu.js's kernel on WebGL 2: undocumented members of 2.24.1, which is pinned. */
export interface GpujsTranslator {
  threadDim: readonly number[]
  texSize: readonly number[]
  validateSettings(args: readonly TextureShape[]): void
  setupConstants(args: readonly TextureShape[]): void
  setupArguments(args: readonly TextureShape[]): void
  translateSource(): void
  getFragmentShader(args: readonly TextureShape[]): string
}
export type GpujsTranslatorClass = {
  new (source: string, settings: Readonly<Record<string, unknown>>): GpujsTranslator
  readonly isSupported: boolean
}
