/** An Int32Array or Float64Array that can hold `size` elements: itself, or a copy of at least twice the length. */
export const roomFor = <A extends Int32Array | Float64Array>(array: A, size: number): A => {
  if (size <= array.length) return array
  const wider = new (array.constructor as new (length: number) => A)(Math.max(size, 2 * array.length))
  wider.set(array)
  return wider
}

/** Token ids that grow at their end. */
export class IdList {
  private ids: Int32Array
  length = 0

  constructor(expected = 16) {
    this.ids = new Int32Array(Math.max(16, expected))
  }

  push(id: number): void {
    if (this.length === this.ids.length) this.ids = roomFor(this.ids, this.length + 1)
    this.ids[this.length++] = id
  }

  /** Appends `from[start..end)`. */
  append(from: Int32Array, start: number, end: number): void {
    this.ids = roomFor(this.ids, this.length + end - start)
    for (let i = start; i < end; i += 1) this.ids[this.length++] = from[i]!
  }

  /** A copy of the ids from `start` on. */
  slice(start = 0): Int32Array {
    return this.ids.slice(start, this.length)
  }
}
