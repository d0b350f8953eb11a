import type { GpuDevice } from './standard'
import { usage } from './standard'
import type { Range } from './shader'

/** Offsets of bindings are multiples of this: the most that the standard lets an adapter ask for. */
const grain = 256

export const allocatedBytes = (bytes: number): number => Math.max(grain, Math.ceil(bytes / grain) * grain)

/** The GPU said that it has no room. */
export class OutOfMemory extends Error {
  constructor(
    readonly wanted: number,
    readonly inUse: number,
  ) {
    super(`${wanted} bytes asked for with ${inUse} in use`)
  }
}

/** Bytes of freed values that wait to be taken again: batches come and go at every step. */
const mostSpare = 64 * 2 ** 20

/** All storage of a device: values one by one, and the arena in blocks. */
export class GpuMemory {
  private readonly spare = new Map<number, Range[]>()
  private spareBytes = 0
  private used = 0
  private most = 0
  private blocks: Range[] = []
  private growing: Promise<void> = Promise.resolve()

  constructor(
    private readonly device: Pick<GpuDevice, 'pushErrorScope' | 'popErrorScope' | 'createBuffer'>,
    /** Bytes of one buffer, at most. */
    readonly block: number,
  ) {}

  get inUse(): number {
    return this.used
  }
  get peak(): number {
    return this.most
  }
  get arenaBytes(): number {
    return this.blocks.reduce((sum, b) => sum + b.size, 0)
  }

  async allocate(bytes: number): Promise<Range> {
    const size = allocatedBytes(bytes)
    const found = this.spare.get(size)?.pop()
    if (found === undefined) return this.create(size)
    this.spareBytes -= size
    return found
  }

  release(range: Range): void {
    if (this.spareBytes + range.size > mostSpare) {
      this.destroy(range)
      return
    }
    this.spareBytes += range.size
    const list = this.spare.get(range.size)
    if (list === undefined) this.spare.set(range.size, [range])
    else list.push(range)
  }

  /** Room for an arena of so many bytes, for all programs together. One after another: programs may be compiled at once. */
  growArena(bytes: number): Promise<void> {
    const grown = this.growing.then(() => this.growNow(bytes))
    this.growing = grown.catch(() => undefined)
    return grown
  }

  private async growNow(bytes: number): Promise<void> {
    if (bytes <= this.arenaBytes) return
    this.dropArena()
    try {
      for (let at = 0; at < bytes; at += this.block)
        this.blocks.push(await this.create(Math.min(this.block, bytes - at)))
    } catch (error) {
      this.dropArena() // a program that needs less may still have one
      throw error
    }
  }

  /** Bytes of the arena; they lie in one block. */
  inArena(offset: number, size: number): Range {
    const { buffer } = this.blocks[Math.floor(offset / this.block)]!
    return { buffer, offset: offset % this.block, size }
  }

  close(): void {
    for (const list of this.spare.values()) for (const range of list) this.destroy(range)
    this.spare.clear()
    this.dropArena()
  }

  private dropArena(): void {
    for (const b of this.blocks) this.destroy(b)
    this.blocks = []
  }

  private async create(size: number): Promise<Range> {
    this.device.pushErrorScope('out-of-memory')
    const buffer = this.device.createBuffer({ size, usage: usage.storage | usage.copySource | usage.copyTarget })
    const error = await this.device.popErrorScope()
    if (error !== null) throw new OutOfMemory(size, this.used)
    this.used += size
    this.most = Math.max(this.most, this.used)
    return { buffer, offset: 0, size }
  }

  private destroy({ buffer, size }: Range): void {
    buffer.destroy()
    this.used -= size
  }
}
