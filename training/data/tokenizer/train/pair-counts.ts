import { roomFor } from '../id-list'
import { PairTable } from '../model/pair-table'

/**
 * What the trainer knows of each pair of neighbours: its count, the words it was seen in, and a heap of candidates
 * ordered by count (most first), then by the pair's ids (least first; the order of Hugging Face's `BpeTrainer`).
 * Heap entries go stale when counts change; `best` corrects them as they surface, so an update costs nothing.
 */
export class PairCounts {
  readonly ids = new PairTable(1 << 16) // (a, b) -> pair
  left = new Int32Array(1 << 16)
  right = new Int32Array(1 << 16)
  counts = new Float64Array(1 << 16)
  private firstSeen = new Int32Array(1 << 16) // pair -> node of a linked list of words, -1 ends it
  private nodeWord = new Int32Array(1 << 18)
  private nodeNext = new Int32Array(1 << 18)
  private nodes = 0
  private heapCount = new Float64Array(1 << 16)
  private heapPair = new Int32Array(1 << 16)
  private heapSize = 0
  private risen: number[] = [] // pairs to (re)enter into the heap by `settle`
  private marked = new Uint8Array(0)

  /** Adds `change` to the count of (a, b), seen in `word`. */
  add(a: number, b: number, change: number, word: number): void {
    let pair = this.ids.get(a, b)
    if (pair < 0) pair = this.create(a, b)
    this.counts[pair] = this.counts[pair]! + change
    if (change <= 0) return
    const head = this.firstSeen[pair]!
    if (head < 0 || this.nodeWord[head] !== word) {
      this.nodeWord = roomFor(this.nodeWord, this.nodes + 1)
      this.nodeNext = roomFor(this.nodeNext, this.nodes + 1)
      this.nodeWord[this.nodes] = word
      this.nodeNext[this.nodes] = head
      this.firstSeen[pair] = this.nodes
      this.nodes += 1
    }
    if (this.marked[pair] === 1) return
    this.marked[pair] = 1
    this.risen.push(pair)
  }

  /** Enters every pair whose count rose since the last call into the heap. */
  settle(): void {
    for (const pair of this.risen) {
      this.marked[pair] = 0
      if (this.counts[pair]! > 0) this.push(this.counts[pair]!, pair)
    }
    this.risen = []
  }

  /** Takes the best pair off the heap: the most frequent, or -1 when none is left. */
  best(): number {
    while (this.heapSize > 0) {
      const pair = this.heapPair[0]!
      const count = this.counts[pair]!
      const stale = this.heapCount[0] !== count
      if (stale && count > 0) {
        this.heapCount[0] = count
        this.sink(0)
        continue
      }
      this.heapSize -= 1
      this.heapCount[0] = this.heapCount[this.heapSize]!
      this.heapPair[0] = this.heapPair[this.heapSize]!
      this.sink(0)
      if (!stale && count > 0) return pair
    }
    return -1
  }

  /** The words `pair` was ever seen in (a superset of where it is now; may repeat), and forgets them. */
  takeWords(pair: number): number[] {
    const words: number[] = []
    for (let node = this.firstSeen[pair]!; node >= 0; node = this.nodeNext[node]!) words.push(this.nodeWord[node]!)
    this.firstSeen[pair] = -1
    return words
  }

  private create(a: number, b: number): number {
    const pair = this.ids.size
    this.ids.set(a, b, pair)
    this.left = roomFor(this.left, pair + 1)
    this.right = roomFor(this.right, pair + 1)
    this.counts = roomFor(this.counts, pair + 1)
    this.firstSeen = roomFor(this.firstSeen, pair + 1)
    if (this.marked.length <= pair) {
      const wider = new Uint8Array(this.left.length)
      wider.set(this.marked)
      this.marked = wider
    }
    this.left[pair] = a
    this.right[pair] = b
    this.firstSeen[pair] = -1
    return pair
  }

  private push(count: number, pair: number): void {
    this.heapCount = roomFor(this.heapCount, this.heapSize + 1)
    this.heapPair = roomFor(this.heapPair, this.heapSize + 1)
    let at = this.heapSize
    this.heapSize += 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(count, pair, this.heapCount[parent]!, this.heapPair[parent]!)) break
      this.heapCount[at] = this.heapCount[parent]!
      this.heapPair[at] = this.heapPair[parent]!
      at = parent
    }
    this.heapCount[at] = count
    this.heapPair[at] = pair
  }

  private sink(from: number): void {
    const { heapCount, heapPair, heapSize } = this
    const count = heapCount[from]!
    const pair = heapPair[from]!
    let at = from
    for (let child = 2 * at + 1; child < heapSize; child = 2 * at + 1) {
      const right = child + 1
      if (right < heapSize && this.before(heapCount[right]!, heapPair[right]!, heapCount[child]!, heapPair[child]!))
        child = right
      if (!this.before(heapCount[child]!, heapPair[child]!, count, pair)) break
      heapCount[at] = heapCount[child]!
      heapPair[at] = heapPair[child]!
      at = child
    }
    heapCount[at] = count
    heapPair[at] = pair
  }

  private before(countA: number, a: number, countB: number, b: number): boolean {
    if (countA !== countB) return countA > countB
    if (this.left[a] !== this.left[b]) return this.left[a]! < this.left[b]!
    return this.right[a]! < this.right[b]!
  }
}
