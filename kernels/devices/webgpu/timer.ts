import { mapModeRead, usage, type GpuCommandEncoder, type GpuDevice, type GpuQuerySet } from './standard'

/** Times in one set, at most (WebGPU §20.1). */
const mostInSet = 4096

/** Measures passes by the GPU's own clock. Needs the feature `timestamp-query`. */
export class PassTimer {
  private readonly sets: readonly GpuQuerySet[]

  constructor(
    private readonly device: GpuDevice,
    private readonly passes: number,
  ) {
    this.sets = Array.from({ length: Math.ceil((2 * passes) / mostInSet) }, (_, i) =>
      device.createQuerySet({ type: 'timestamp', count: Math.min(mostInSet, 2 * passes - i * mostInSet) }),
    )
  }

  /** What the descriptor of pass i says. */
  writes(i: number): NonNullable<Parameters<GpuCommandEncoder['beginComputePass']>[0]> {
    const at = (2 * i) % mostInSet
    const querySet = this.sets[Math.floor((2 * i) / mostInSet)]!
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } }
  }

  /** Milliseconds of each pass, once they have all been submitted; then the timer is spent. */
  async collect(): Promise<readonly number[]> {
    const { device } = this
    const times: number[] = []
    for (const [i, set] of this.sets.entries()) {
      const count = Math.min(mostInSet, 2 * this.passes - i * mostInSet)
      const resolved = device.createBuffer({ size: count * 8, usage: usage.queryResolve | usage.copySource })
      const staging = device.createBuffer({ size: count * 8, usage: usage.mapRead | usage.copyTarget })
      try {
        const encoder = device.createCommandEncoder()
        encoder.resolveQuerySet(set, 0, count, resolved, 0)
        encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * 8)
        device.queue.submit([encoder.finish()])
        await staging.mapAsync(mapModeRead)
        const ticks = new BigUint64Array(staging.getMappedRange().slice(0)) // nanoseconds
        for (let k = 0; k + 1 < count; k += 2) times.push(Number(ticks[k + 1]! - ticks[k]!) / 1e6)
      } finally {
        resolved.destroy()
        staging.destroy()
        set.destroy()
      }
    }
    return times
  }
}
