import * as E from 'fp-ts/Either'

/** Replacements of the beginnings of a text. */
export interface Charsmap {
  /** Every key that begins at byte `at`, shortest first: its bytes and what takes its place. */
  readonly prefixes: (
    bytes: Uint8Array,
    at: number,
  ) => ReadonlyArray<{ readonly length: number; readonly text: string }>
}

/**
 * The character map of a SentencePiece model: a double array of keys, then the replacements, each ended by NUL.
 * source  SentencePiece `normalizer.cc` (`DecodePrecompiledCharsMap`); Darts-clone's units: leaf bit 8, label bits 0-7 and 31,
 *         offset from bit 10 on
 * left    what is wrong with it
 */
export const charsmap = (blob: Uint8Array): E.Either<string, Charsmap> => {
  if (blob.length === 0) return E.right({ prefixes: () => [] })
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  const trieBytes = blob.length < 4 ? -1 : view.getUint32(0, true)
  if (trieBytes < 4 || trieBytes % 4 !== 0 || 4 + trieBytes > blob.length)
    return E.left(`a character map of ${blob.length} bytes whose trie has ${trieBytes}`)
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
  const texts = blob.subarray(4 + trieBytes)
  const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6)
  const textAt = (from: number): string => {
    const end = texts.indexOf(0, from)
    return Buffer.from(texts.subarray(from, end < 0 ? undefined : end)).toString('utf8')
  }
  return E.right({
    prefixes: (bytes, at) => {
      const found: { length: number; text: string }[] = []
      let node = offset(units[0]!)
      for (let i = at; i < bytes.length; i += 1) {
        node ^= bytes[i]!
        const unit = units[node] ?? 0
        if ((unit & 0x800000ff) >>> 0 !== bytes[i]) break
        node ^= offset(unit)
        if ((unit & 0x100) !== 0) found.push({ length: i + 1 - at, text: textAt((units[node] ?? 0) & 0x7fffffff) })
      }
      return found
    },
  })
}
