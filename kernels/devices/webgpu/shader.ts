import type { GpujsModule, GpujsShader, GpujsShaderClass, GpuInstance } from '../gpujs/types'
import type { WgslProgram } from '../../emit/wgsl/program'
import type { GpuBindGroup, GpuBuffer, GpuDevice, GpuPipeline } from './standard'

/** A part of a GPU buffer, in bytes. */
export interface Range {
  readonly buffer: GpuBuffer
  readonly offset: number
  readonly size: number
}

/** A compute shader of ours as a kernel of gpu.js, on its device and among its kernels. */
export interface Shader extends GpujsShader {
  readonly program: WgslProgram
  readonly compiled: GpuPipeline
  bind(ranges: readonly Range[]): GpuBindGroup
}

/**
 * gpu.js's WebGPU kernel with a whole shader in place of the one that gpu.js would translate, and bindings of ours: storage that a kernel
 * both reads and writes, of any element type. Members of 2.24.1, which is pinned.
 */
export const shaderClass = (
  gpujs: GpujsModule,
): ((gpu: GpuInstance, device: GpuDevice, program: WgslProgram) => Promise<Shader>) => {
  const Base: GpujsShaderClass = gpujs.WebGPUKernel
  class OwnShader extends Base implements Shader {
    private layout!: object

    private constructor(
      gpu: GpuInstance,
      private readonly device: GpuDevice,
      readonly program: WgslProgram,
    ) {
      super('function () { return 0; }', { gpu, output: [1] })
      gpu.kernels.push(this)
    }

    static async open(gpu: GpuInstance, device: GpuDevice, program: WgslProgram): Promise<Shader> {
      const shader = new OwnShader(gpu, device, program)
      const module = device.createShaderModule({ code: program.source })
      const { messages } = await module.getCompilationInfo()
      const errors = messages.filter((m) => m.type === 'error')
      if (errors.length > 0)
        throw new Error(
          `internal: a shader was refused: ${errors.map((e) => `line ${e.lineNum}: ${e.message}`).join('; ')}\n${program.source}`,
        )
      shader.computePipeline = await device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      })
      shader.layout = shader.computePipeline.getBindGroupLayout(0)
      shader.built = true
      return shader
    }

    get compiled(): GpuPipeline {
      if (this.computePipeline === null) throw new Error('internal: a shader that was destroyed')
      return this.computePipeline
    }

    bind(ranges: readonly Range[]): GpuBindGroup {
      return this.device.createBindGroup({
        layout: this.layout,
        entries: ranges.map((resource, binding) => ({ binding, resource })),
      })
    }
  }
  return (gpu, device, program) => OwnShader.open(gpu, device, program)
}
