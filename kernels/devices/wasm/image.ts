import type { BufferId } from '../../plan'

/** A word that holds the address of a buffer. */
export interface BufferRef {
  readonly word: number
  readonly buffer: BufferId
}

/** Words of a program before their place in memory is known: tables, descriptors, and what in them are addresses. */
export class Image {
  private readonly words: number[] = []
  /** Words that hold addresses within the image. */
  private readonly inside: number[] = []
  private readonly refs: BufferRef[] = []
  private readonly known = new Map<string, number>()

  /** Byte offset of the next word. */
  get here(): number {
    return this.words.length * 4
  }

  word(value: number): void {
    this.words.push(value)
  }
  /** The address of a place in the image. */
  address(offset: number): void {
    this.inside.push(this.words.length)
    this.words.push(offset)
  }
  /** The address of a buffer, moved by some bytes. */
  buffer(buffer: BufferId, moved = 0): void {
    this.refs.push({ word: this.words.length, buffer })
    this.words.push(moved)
  }

  /** Equal tables are stored once. */
  table(values: ArrayLike<number>): number {
    const key = Array.prototype.join.call(values, ',')
    const at = this.known.get(key)
    if (at !== undefined) return at
    const here = this.here
    for (let i = 0; i < values.length; i++) this.words.push(values[i]!)
    this.known.set(key, here)
    return here
  }

  /** Truth values, a byte each. */
  bytes(values: readonly boolean[]): number {
    const packed = new Int32Array(Math.ceil(values.length / 4) || 1)
    new Uint8Array(packed.buffer).set(values.map(Number))
    return this.table(packed)
  }

  finish(): { readonly words: Int32Array; readonly inside: readonly number[]; readonly refs: readonly BufferRef[] } {
    return { words: Int32Array.from(this.words), inside: this.inside, refs: this.refs }
  }
}
