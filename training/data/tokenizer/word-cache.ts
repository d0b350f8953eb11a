import type { IdList } from './id-list'
import { roomFor } from './id-list'
import { detached } from './parts/gpt2-words'

/** Tokens of a word, appended to `out`. */
export type EncodeWord = (word: string, out: IdList) => void

const mostWords = 1 << 20
const longestWord = 64 // UTF-16 units; longer ones hardly come twice

/** Remembers the tokens of up to 2^20 words, then begins anew: encoding is a look-up per word. About 100 MB when full. */
export const remembering = (encode: EncodeWord): EncodeWord => {
  const starts = new Map<string, number>() // word -> where in the pool its number of ids lies, the ids behind it
  let pool = new Int32Array(1 << 12)
  let used = 0
  return (word, out) => {
    const start = starts.get(word)
    if (start !== undefined) {
      out.append(pool, start + 1, start + 1 + pool[start]!)
      return
    }
    const before = out.length
    encode(word, out)
    if (word.length > longestWord) return
    if (starts.size >= mostWords) {
      starts.clear()
      used = 0
    }
    const ids = out.slice(before)
    pool = roomFor(pool, used + 1 + ids.length)
    pool[used] = ids.length
    pool.set(ids, used + 1)
    starts.set(detached(word), used)
    used += 1 + ids.length
  }
}
