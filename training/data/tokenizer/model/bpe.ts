import type { BpeSpec } from '../spec'
import type { EncodeWord } from '../word-cache'
import { bytesAsTokens } from './byte-tokens'
import { applyMerges, type MergeTable } from './merge'
import { PairTable } from './pair-table'

/**
 * Tokens of a word by byte-pair merges: its characters as tokens, then always the pair of least rank.
 * source  Sennrich et al. 2016, arXiv:1508.07909; for what is not in the vocabulary, Hugging Face tokenizers, `BPE::merge_word`
 * throws  if a merge names ids that are not tokens, or makes none: `fromJson` has checked that, and training cannot
 */
export const bpe = (spec: BpeSpec, idOf: ReadonlyMap<string, number>): EncodeWord => {
  const { atoms, prefix = '', suffix = '', fuseUnk = false, byteFallback = false, ignoreMerges = false } = spec
  const table = mergeTable(spec, idOf)
  const unkId = spec.unk === undefined ? undefined : idOf.get(spec.unk)
  const bytesOf = bytesAsTokens(idOf)
  const isPlain = prefix === '' && suffix === ''
  const widest = 4 + 3 * (prefix.length + suffix.length) // tokens of a UTF-16 unit, at most: its bytes and its marks'
  let symbols = new Int32Array(64 * widest)

  const spell = (word: string): number => {
    if (symbols.length < widest * word.length) symbols = new Int32Array(2 * widest * word.length)
    let length = 0
    let pendingUnk = false
    let at = 0
    for (const char of word) {
      const isFirst = at === 0
      at += char.length
      const name = isPlain ? char : `${isFirst ? '' : prefix}${char}${at === word.length ? suffix : ''}`
      const id = idOf.get(name)
      if (id !== undefined) {
        if (pendingUnk) symbols[length++] = unkId!
        pendingUnk = false
        symbols[length++] = id
        continue
      }
      const bytes = byteFallback ? bytesOf(name) : undefined
      if (bytes !== undefined) {
        for (const byte of bytes) symbols[length++] = byte
        continue
      }
      if (unkId === undefined) continue
      if (pendingUnk && !fuseUnk) symbols[length++] = unkId
      pendingUnk = true
    }
    if (pendingUnk) symbols[length++] = unkId!
    return length
  }

  return (word, out) => {
    const whole = ignoreMerges || atoms?.has(word) === true ? idOf.get(word) : undefined
    if (whole !== undefined) {
      out.push(whole)
      return
    }
    const spelled = spell(word) // may give `symbols` more room
    const length = applyMerges(table, symbols, spelled)
    out.append(symbols, 0, length)
  }
}

const mergeTable = (
  { tokens, merges, prefix = '', rankedByPiece = false }: BpeSpec,
  idOf: ReadonlyMap<string, number>,
): MergeTable => {
  const ranks = new PairTable(merges.length)
  const results = new Int32Array(merges.length)
  const firstRank = new Map<number, number>()
  merges.forEach(([a, b], rank) => {
    const id = idOf.get(joined(tokens[a] ?? '', tokens[b] ?? '', prefix))
    if (id === undefined) throw new Error(`internal: merge ${rank} of ids ${a} and ${b} makes no token`)
    results[rank] = id
    if (rankedByPiece && !firstRank.has(id)) firstRank.set(id, rank)
    ranks.set(a, b, firstRank.get(id) ?? rank)
  })
  return { ranks, results }
}

/** What two tokens make: the second without the prefix that says it does not begin a word. */
export const joined = (left: string, right: string, prefix: string): string =>
  `${left}${prefix !== '' && right.startsWith(prefix) ? right.slice(prefix.length) : right}`
