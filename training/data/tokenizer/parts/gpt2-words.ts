import { letter as letterClass, number as numberClass } from './char-tables'

/** What byte-level BPE splits on, as GPT-2 writes it. `nextWord` is this pattern by hand, some ten times faster. */
export const wordPattern = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?${letterClass}+| ?${numberClass}+| ?(?:(?!${letterClass}|${numberClass})\\P{White_Space})+` +
    `|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+`,
  'gu',
)

const [other, letter, number, space] = [0, 1, 2, 3]
const kinds = [
  [letter, new RegExp(`^${letterClass}`, 'u')],
  [number, new RegExp(`^${numberClass}`, 'u')],
  [space, /^\p{White_Space}/u],
] as const

const classify = (char: string): number => kinds.find(([, regex]) => regex.test(char))?.[0] ?? other

let basic: Uint8Array | undefined // class of each UTF-16 unit, made at first use (about 20 ms)
const basicClasses = (): Uint8Array =>
  (basic ??= Uint8Array.from({ length: 0x10000 }, (_, code) => classify(String.fromCharCode(code))))

/**
 * End of the word that starts at `from < text.length`: the next match of `wordPattern` there. Words cover the text.
 * `\s` is the Unicode White_Space property, as in the Rust library (JavaScript's own \s has U+FEFF and lacks U+0085).
 * Letters and numbers are those of Unicode 16, as there; where Node's is older, what it does not know splits as symbols.
 */
export const nextWord = (text: string, from: number): number => {
  const classes = basic ?? basicClasses()
  let at = from
  let code = text.charCodeAt(at)
  if (code === 39) {
    const length = contractionLength(text, at)
    if (length > 0) return at + length
  }
  let kind = classes[code]!
  if (code === 32 && at + 1 < text.length && classes[text.charCodeAt(at + 1)] !== space) {
    at += 1 // one leading space belongs to the word
    code = text.charCodeAt(at)
    kind = classes[code]!
  }
  if (kind === space) {
    while (at < text.length && classes[text.charCodeAt(at)] === space) at += 1
    return at < text.length && at - from > 1 ? at - 1 : at // the last space is left to the word that follows
  }
  if (isHighSurrogate(code)) kind = classAt(text, at)
  for (at += widthAt(text, at); at < text.length; at += widthAt(text, at)) {
    const unit = text.charCodeAt(at)
    if ((isHighSurrogate(unit) ? classAt(text, at) : classes[unit]) !== kind) break
  }
  return at
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff

const widthAt = (text: string, at: number): number => {
  if (!isHighSurrogate(text.charCodeAt(at))) return 1
  const low = text.charCodeAt(at + 1)
  return low >= 0xdc00 && low <= 0xdfff ? 2 : 1
}

const classAt = (text: string, at: number): number => classify(String.fromCodePoint(text.codePointAt(at)!))

/** 2 for 's 't 'm 'd, 3 for 're 've 'll, else 0. */
const contractionLength = (text: string, at: number): number => {
  const next = text[at + 1]
  if (next === 's' || next === 't' || next === 'm' || next === 'd') return 2
  const last = text[at + 2]
  return ((next === 'r' || next === 'v') && last === 'e') || (next === 'l' && last === 'l') ? 3 : 0
}

/** The same string, not as a slice that keeps the whole text alive (V8 makes slices of 13 characters and more). */
export const detached = (word: string): string =>
  word.length < 13 ? word : Buffer.from(word, 'utf16le').toString('utf16le')
