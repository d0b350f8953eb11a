/** The parts of the WebGPU standard that are used; gpu.js's own declarations have none of it. */

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

/** Objects that are only handed on. */
export interface GpuPipeline {
  getBindGroupLayout(index: number): object
}
export type GpuBindGroup = object
export interface GpuShaderModule {
  getCompilationInfo(): Promise<{
    readonly messages: readonly { readonly type: string; readonly lineNum: number; readonly message: string }[]
  }>
}
export interface GpuQuerySet {
  destroy(): void
}

export interface GpuComputePass {
  setPipeline(pipeline: GpuPipeline): void
  setBindGroup(index: number, group: GpuBindGroup): void
  dispatchWorkgroups(x: number, y: number, z: number): void
  end(): void
}
export interface GpuCommandEncoder {
  beginComputePass(descriptor?: {
    readonly timestampWrites?: {
      readonly querySet: GpuQuerySet
      readonly beginningOfPassWriteIndex: number
      readonly endOfPassWriteIndex: number
    }
  }): GpuComputePass
  copyBufferToBuffer(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, size: number): void
  resolveQuerySet(set: GpuQuerySet, first: number, count: number, to: GpuBuffer, offset: number): void
  finish(): object
}

export interface GpuDevice {
  readonly limits: GpuLimits
  readonly features: ReadonlySet<string>
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>
  readonly queue: {
    writeBuffer(buffer: GpuBuffer, offset: number, data: ArrayBuffer | Uint8Array, from?: number, size?: number): void
    submit(commands: readonly object[]): void
    onSubmittedWorkDone(): Promise<void>
  }
  onuncapturederror: ((event: { readonly error: { readonly message: string } }) => void) | null
  pushErrorScope(filter: 'validation' | 'out-of-memory' | 'internal'): void
  popErrorScope(): Promise<{ readonly message: string } | null>
  createBuffer(descriptor: { readonly size: number; readonly usage: number }): GpuBuffer
  createShaderModule(descriptor: { readonly code: string }): GpuShaderModule
  createComputePipelineAsync(descriptor: {
    readonly layout: 'auto'
    readonly compute: { readonly module: GpuShaderModule; readonly entryPoint: string }
  }): Promise<GpuPipeline>
  createBindGroup(descriptor: {
    readonly layout: object
    readonly entries: readonly {
      readonly binding: number
      readonly resource: { readonly buffer: GpuBuffer; readonly offset: number; readonly size: number }
    }[]
  }): GpuBindGroup
  createCommandEncoder(): GpuCommandEncoder
  createQuerySet(descriptor: { readonly type: 'timestamp'; readonly count: number }): GpuQuerySet
}

/** GPUBufferUsage and GPUMapMode: fixed by the standard, and global only where WebGPU is. */
export const usage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, storage: 0x80, queryResolve: 0x200 } as const
export const mapModeRead = 0x1

export interface GpuEntry {
  requestAdapter(options?: unknown): Promise<GpuAdapter | null>
}
/** npm `webgpu`: Dawn for Node. */
export interface WebgpuPackage {
  readonly create: (options: readonly string[]) => GpuEntry
  readonly globals: Readonly<Record<string, unknown>>
}
