import { roomFor } from '../id-list'
import type { UnigramSpec } from '../spec'
import type { EncodeWord } from '../word-cache'
import { bytesAsTokens } from './byte-tokens'
import { PairTable } from './pair-table'

/** What an unknown character costs beside the unlikeliest piece, in nats (SentencePiece, `kUnkPenalty`). */
const unkPenalty = 10

/**
 * The pieces of a text whose log probabilities sum to the most, found by Viterbi; neighbouring unknown characters are one token.
 * source  Kudo 2018, arXiv:1804.10959, section 3.2; SentencePiece `unigram_model.cc`, `EncodeOptimized`, from which Hugging Face's
 *         `Unigram::encode_optimized` was made. Their orders of comparing, and so their ties, are kept.
 */
export const unigram = (
  spec: UnigramSpec,
  idOf: ReadonlyMap<string, number>,
  isSpecial: (id: number) => boolean,
): EncodeWord => {
  const { tokens, scores, unkId, byteFallback = false, sentencePiece } = spec
  const isPiece = (id: number): boolean => sentencePiece?.pieces.has(id) ?? !isSpecial(id)
  const trie = new Trie()
  // of equal tokens the last wins, as in a map
  for (const [token, id] of idOf) if (token !== '' && tokens[id] === token && isPiece(id)) trie.add(token, id)
  const counted = sentencePiece === undefined ? scores : scores.filter((_, id) => isPlain(id))
  function isPlain(id: number): boolean {
    return isPiece(id) && sentencePiece?.atoms.has(id) !== true
  }
  const round = sentencePiece === undefined ? (x: number) => x : Math.fround
  const unkScore = round(counted.reduce((a, b) => Math.min(a, b), Infinity) - unkPenalty)
  const most = counted.reduce((a, b) => Math.max(a, b), -Infinity)
  const scoreOf = (id: number, length: number): number =>
    sentencePiece?.atoms.has(id) === true ? length * most - 0.1 : scores[id]!
  const bytesOf = bytesAsTokens(idOf)
  let best = new Float64Array(64)
  let startOf = new Int32Array(64)
  let idAt = new Int32Array(64)

  return (word, out) => {
    const n = word.length
    best = roomFor(best, n + 1)
    startOf = roomFor(startOf, n + 1).fill(-1, 0, n + 1)
    idAt = roomFor(idAt, n + 1)
    best[0] = 0
    const offer = (start: number, end: number, id: number, score: number): void => {
      if (startOf[end]! >= 0 && score <= best[end]!) return
      best[end] = round(score)
      startOf[end] = start
      idAt[end] = id
    }
    for (let at = 0; at < n;) {
      const width = word.codePointAt(at)! > 0xffff ? 2 : 1
      const here = best[at]!
      let hasSingle = false
      for (let node = 0, to = at; to < n;) {
        node = trie.step(node, word.charCodeAt(to))
        if (node < 0) break
        to += 1
        const id = trie.idAt(node)
        if (id < 0) continue
        offer(at, to, id, scoreOf(id, utf8Length(word, at, to)) + here)
        if (to - at === width) hasSingle = true
      }
      if (!hasSingle && unkId !== undefined) offer(at, at + width, unkId, round(unkScore + here))
      at += width
    }
    backtrack(word, out.push.bind(out))
  }

  /** From the end to the start; unknown neighbours are one. */
  function backtrack(word: string, push: (id: number) => void): void {
    const pieces: Array<readonly [start: number, end: number, id: number]> = []
    for (let end = word.length; end > 0;) {
      const [start, id] = [startOf[end]!, idAt[end]!]
      if (start < 0) return // nothing covers the text and there is no unknown token
      const last = pieces.at(-1)
      if (id === unkId && last?.[2] === unkId) pieces[pieces.length - 1] = [start, last[1], id]
      else pieces.push([start, end, id])
      end = start
    }
    for (const [start, end, id] of pieces.reverse()) {
      const bytes = id === unkId && byteFallback ? bytesOf(word.slice(start, end)) : undefined
      if (bytes === undefined) push(id)
      else bytes.forEach(push)
    }
  }
}

const utf8Length = (text: string, from: number, to: number): number => Buffer.byteLength(text.slice(from, to))

/** Texts by their UTF-16 units; node 0 is the root. */
class Trie {
  private readonly children = new PairTable(1 << 12)
  private ids = new Int32Array(64).fill(-1)
  private nodes = 1

  add(text: string, id: number): void {
    let node = 0
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i)
      let child = this.children.get(node, unit)
      if (child < 0) {
        child = this.nodes++
        this.children.set(node, unit, child)
        if (child >= this.ids.length) {
          const known = this.ids.length
          this.ids = roomFor(this.ids, child + 1).fill(-1, known)
        }
      }
      node = child
    }
    this.ids[node] = id
  }

  step(node: number, unit: number): number {
    return this.children.get(node, unit)
  }

  /** The text that ends here, or -1. */
  idAt(node: number): number {
    return this.ids[node]!
  }
}
