/** White space as Python's str.split has it: unlike JavaScript's \s with U+001C to U+001F and U+0085, without U+FEFF. */
const spaces = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u

/** What white space parts. */
export const wordsOf = (text: string): readonly string[] => text.split(spaces).filter((word) => word !== '')

/**
 * Words of an answer as ReCoRD's (and SQuAD's) official script compares them: lower case, ASCII punctuation taken out, then the articles. `\b` is
 * Python's: letters and digits of any script are word characters.
 */
const comparable = (text: string): readonly string[] =>
  wordsOf(
    text
      .toLowerCase()
      .replace(/[!-/:-@[-`{-~]/g, '')
      .replace(/(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu, ' '),
  )

/** Whether the words are those of one of the right texts. */
export const isExact = (answered: string, right: readonly string[]): boolean =>
  right.some((text) => comparable(text).join(' ') === comparable(answered).join(' '))

/** 2PR / (P + R) of the words that two texts have in common, as often as both have them; the best over the right texts. 0 without a common one. */
export const tokenF1 = (answered: string, right: readonly string[]): number =>
  Math.max(0, ...right.map((text) => overlap(comparable(answered), comparable(text))))

const overlap = (a: readonly string[], b: readonly string[]): number => {
  const left = new Map<string, number>()
  for (const word of b) left.set(word, (left.get(word) ?? 0) + 1)
  let common = 0
  for (const word of a) {
    const n = left.get(word) ?? 0
    if (n === 0) continue
    common += 1
    left.set(word, n - 1)
  }
  return common === 0 ? 0 : (2 * common) / (a.length + b.length)
}
