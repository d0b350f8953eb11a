import { roomFor } from '../id-list'
import { nextWord } from '../parts/gpt2-words'

/** Distinct words that can be counted, and UTF-16 units of them all: what bounds the memory, to some 1.5 GB. */
export const mostWords = 1 << 24
export const mostUnits = 1 << 28

/**
 * How often each word of a corpus occurs. Words lie end to end in one array and are found by hash where they stand in the text, so
 * that counting makes no strings. Counts do not depend on the order of texts, nor on how they are parted into several counters.
 */
export class WordCounts implements Iterable<readonly [string, number]> {
  private units = new Uint16Array(1 << 16) // of all words
  private used = 0
  private starts = new Int32Array(1 << 12) // word -> where its units begin; they end where those of the next begin
  private hashes = new Int32Array(1 << 12)
  private counts = new Float64Array(1 << 12)
  private slots = new Int32Array(1 << 13).fill(-1) // hash -> word, open addressing
  size = 0

  constructor(private readonly limits = { words: mostWords, units: mostUnits }) {}

  /** Words came that found no room: what is counted is not all. */
  isFull = false

  /** Counts the words of a text, split as byte-level BPE splits them. */
  addWords(text: string): void {
    for (let from = 0; from < text.length;) {
      const to = nextWord(text, from)
      this.add(text, from, to, 1)
      from = to
    }
  }

  /** Counts `text[from..to)` as one word, `times` over. */
  add(text: string, from: number, to: number, times: number): void {
    let hash = to - from
    for (let i = from; i < to; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1)
    hash ^= hash >>> 15
    const mask = this.slots.length - 1
    let slot = hash & mask
    for (let word = this.slots[slot]!; word >= 0; word = this.slots[slot]!) {
      if (this.hashes[word] === hash && this.equals(word, text, from, to)) {
        this.counts[word] = this.counts[word]! + times
        return
      }
      slot = (slot + 1) & mask
    }
    if (this.size >= this.limits.words || this.used + to - from > this.limits.units) {
      this.isFull = true
      return
    }
    this.slots[slot] = this.create(text, from, to, hash, times)
    if (2 * this.size > mask) this.rehash()
  }

  /** Adds all that another has counted. */
  addAll(other: Iterable<readonly [string, number]>): void {
    for (const [word, count] of other) this.add(word, 0, word.length, count)
  }

  *[Symbol.iterator](): Generator<readonly [string, number]> {
    for (let word = 0; word < this.size; word += 1) {
      const units = this.units.subarray(this.starts[word], this.starts[word + 1])
      yield [Buffer.from(units.buffer, units.byteOffset, units.byteLength).toString('utf16le'), this.counts[word]!]
    }
  }

  private equals(word: number, text: string, from: number, to: number): boolean {
    const start = this.starts[word]!
    if (this.starts[word + 1]! - start !== to - from) return false
    for (let i = from; i < to; i += 1) if (this.units[start + i - from] !== text.charCodeAt(i)) return false
    return true
  }

  private create(text: string, from: number, to: number, hash: number, times: number): number {
    const word = this.size
    while (this.units.length < this.used + to - from) {
      const wider = new Uint16Array(2 * this.units.length)
      wider.set(this.units)
      this.units = wider
    }
    for (let i = from; i < to; i += 1) this.units[this.used++] = text.charCodeAt(i)
    this.starts = roomFor(this.starts, word + 2)
    this.hashes = roomFor(this.hashes, word + 1)
    this.counts = roomFor(this.counts, word + 1)
    this.starts[word + 1] = this.used
    this.hashes[word] = hash
    this.counts[word] = times
    this.size += 1
    return word
  }

  private rehash(): void {
    const mask = 2 * this.slots.length - 1
    this.slots = new Int32Array(mask + 1).fill(-1)
    for (let word = 0; word < this.size; word += 1) {
      let slot = this.hashes[word]! & mask
      while (this.slots[slot]! >= 0) slot = (slot + 1) & mask
      this.slots[slot] = word
    }
  }
}
