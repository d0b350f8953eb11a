import { withBitFunctions } from '../../emit/wgsl-bits'

interface WebgpuKernel {
  assembleWGSL(): string
}
export type WebgpuKernelClass = new (...args: readonly never[]) => WebgpuKernel

/** gpu.js's WebGPU kernel with functions of ours in WGSL: it takes no native functions itself. Undocumented method of 2.24.1, which is pinned. */
export const withOwnFunctions = (Base: WebgpuKernelClass): WebgpuKernelClass =>
  class extends Base {
    override assembleWGSL(): string {
      return withBitFunctions(super.assembleWGSL())
    }
  }
