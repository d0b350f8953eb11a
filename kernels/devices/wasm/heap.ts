import { wasm, type WasmMemory } from './wasm-api'

/** Allocations begin at multiples of this and end with as many bytes to spare: vectors may be read past an array's end. */
const grain = 64
const page = 65536
/** What 32-bit addresses reach. */
export const mostBytes = 65536 * page

/** Memory ran out: what was asked for, and what there is. */
export class OutOfMemory extends Error {
  constructor(
    readonly wanted: number,
    readonly inUse: number,
  ) {
    super(`${wanted} bytes asked for with ${inUse} in use`)
  }
}

/** The bytes that an allocation of n takes. */
export const allocatedBytes = (n: number): number => Math.ceil((n + grain) / grain) * grain

/** Allocates parts of one growing WebAssembly memory: best fit, neighbours joined when freed. */
export class Heap {
  readonly memory: WasmMemory
  /** Free ranges by address, in order, none touching the next. */
  private readonly free: { at: number; size: number }[] = []
  private readonly sizes = new Map<number, number>()
  private end = grain // address 0 is never handed out
  private used = 0
  private most = 0

  constructor(readonly shared: boolean) {
    this.memory = newMemory(shared)
  }

  get inUse(): number {
    return this.used
  }

  get peak(): number {
    return this.most
  }

  allocate(bytes: number): number {
    const size = allocatedBytes(bytes)
    let best = -1
    this.free.forEach((range, i) => {
      if (range.size >= size && (best < 0 || range.size < this.free[best]!.size)) best = i
    })
    if (best >= 0) {
      const range = this.free[best]!
      const at = range.at
      range.at += size
      range.size -= size
      if (range.size === 0) this.free.splice(best, 1)
      return this.take(at, size)
    }
    const at = this.extend(size)
    return this.take(at, size)
  }

  release(at: number): void {
    const size = this.sizes.get(at)
    if (size === undefined) throw new Error(`internal: nothing was allocated at ${at}`)
    this.sizes.delete(at)
    this.used -= size
    let i = this.free.findIndex((range) => range.at > at)
    if (i < 0) i = this.free.length
    this.free.splice(i, 0, { at, size })
    this.join(i)
    this.join(i - 1)
  }

  private take(at: number, size: number): number {
    this.sizes.set(at, size)
    this.used += size
    this.most = Math.max(this.most, this.used)
    return at
  }

  /** Grows the memory by what a free range at its end lacks. */
  private extend(size: number): number {
    const last = this.free.at(-1)
    const touches = last !== undefined && last.at + last.size === this.end
    const at = touches ? last.at : this.end
    const wanted = at + size
    if (wanted > mostBytes) throw new OutOfMemory(size, this.used)
    const have = this.memory.buffer.byteLength
    if (wanted > have) {
      try {
        this.memory.grow(Math.ceil((wanted - have) / page))
      } catch {
        throw new OutOfMemory(size, this.used)
      }
    }
    if (touches) this.free.pop()
    this.end = wanted
    return at
  }

  private join(i: number): void {
    const [a, b] = [this.free[i], this.free[i + 1]]
    if (a === undefined || b === undefined || a.at + a.size !== b.at) return
    a.size += b.size
    this.free.splice(i + 1, 1)
  }
}

/** Shared memory reserves addresses up to its maximum; the module's import names the same. */
const newMemory = (shared: boolean): WasmMemory =>
  new wasm.Memory(shared ? { initial: 16, maximum: 65536, shared: true } : { initial: 16 })
