/** A hash map from pairs of ids (int32 ≥ 0) to int32 ≥ 0 on typed arrays: open addressing, linear probing, no deletion. */
export class PairTable {
  private left: Int32Array
  private right: Int32Array
  private values: Int32Array
  private mask: number
  size = 0

  constructor(expected = 1024) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * expected)))
    this.left = new Int32Array(capacity).fill(-1)
    this.right = new Int32Array(capacity)
    this.values = new Int32Array(capacity)
    this.mask = capacity - 1
  }

  /** The value of (a, b), or -1. */
  get(a: number, b: number): number {
    const slot = this.slot(a, b)
    return this.left[slot] === -1 ? -1 : this.values[slot]!
  }

  set(a: number, b: number, value: number): void {
    let slot = this.slot(a, b)
    if (this.left[slot] === -1) {
      if (2 * this.size > this.mask) {
        this.grow()
        slot = this.slot(a, b)
      }
      this.left[slot] = a
      this.right[slot] = b
      this.size += 1
    }
    this.values[slot] = value
  }

  private slot(a: number, b: number): number {
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    let slot = (hash ^ (hash >>> 13)) & this.mask
    while (this.left[slot] !== -1 && (this.left[slot] !== a || this.right[slot] !== b)) slot = (slot + 1) & this.mask
    return slot
  }

  private grow(): void {
    const { left, right, values } = this
    const capacity = 2 * left.length
    this.left = new Int32Array(capacity).fill(-1)
    this.right = new Int32Array(capacity)
    this.values = new Int32Array(capacity)
    this.mask = capacity - 1
    for (let i = 0; i < left.length; i += 1) {
      if (left[i] === -1) continue
      const slot = this.slot(left[i]!, right[i]!)
      this.left[slot] = left[i]!
      this.right[slot] = right[i]!
      this.values[slot] = values[i]!
    }
  }
}
