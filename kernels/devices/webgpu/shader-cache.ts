import type { GpujsModule, GpuInstance } from '../gpujs/types'
import type { Dispatch } from './program'
import { shaderClass, type Shader } from './shader'
import type { GpuDevice } from './standard'

/** Compiled shaders by key: equal ones are compiled once, across the programs that use them. */
export class ShaderCache {
  private readonly known = new Map<string, { readonly shader: Promise<Shader>; users: number }>()
  private readonly open: ReturnType<typeof shaderClass>

  constructor(
    gpujs: GpujsModule,
    private readonly gpu: GpuInstance,
    private readonly device: GpuDevice,
  ) {
    this.open = shaderClass(gpujs)
  }

  take({ key, emit }: Pick<Dispatch, 'key' | 'emit'>): Promise<Shader> {
    const known = this.known.get(key)
    if (known !== undefined) {
      known.users += 1
      return known.shader
    }
    const shader = this.open(this.gpu, this.device, emit())
    this.known.set(key, { shader, users: 1 })
    return shader
  }

  give({ key }: Pick<Dispatch, 'key'>): void {
    const known = this.known.get(key)
    if (known === undefined) return
    known.users -= 1
    if (known.users > 0) return
    this.known.delete(key)
    known.shader.then(
      (s) => s.destroy(),
      () => undefined, // it was never made
    )
  }
}
