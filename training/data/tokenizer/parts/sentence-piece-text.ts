import type { Charsmap } from './charsmap'
import { quote } from './regex'

/** What a SentencePiece model does to a text before its pieces are looked for. */
export interface SentencePieceText {
  readonly charsmap: Charsmap
  readonly addsDummyPrefix: boolean // a space before the text
  readonly removesExtraSpaces: boolean // at both ends, and of several in a row all but one
  readonly escapesSpaces: boolean // a space is written ▁
  readonly spaceIsSuffix: boolean // the dummy space stands at the end
  readonly atoms: readonly string[] // user-defined symbols: never changed, never split
}

/** U+2581, which stands for a space. */
export const spaceMark = '\u2581'

/**
 * The text as its pieces are looked for in it. Of keys that begin at the same place the longest is replaced.
 * source  SentencePiece `normalizer.cc`, `Normalizer::Normalize` and `NormalizePrefix`
 */
export const sentencePieceNormalizer = (spec: SentencePieceText): ((text: string) => string) => {
  const { charsmap, addsDummyPrefix, removesExtraSpaces, escapesSpaces, spaceIsSuffix } = spec
  const space = escapesSpaces ? spaceMark : ' '
  const atomAt = atomsAt(spec.atoms)
  return (text) => {
    const bytes = Buffer.from(text, 'utf8')
    let out = addsDummyPrefix && !spaceIsSuffix ? space : ''
    let wasSpace = removesExtraSpaces
    let isBlank = true // nothing but spaces so far
    for (let at = 0, index = 0; at < bytes.length;) {
      const { part, byteLength, length } = next(text, index, bytes, at)
      at += byteLength
      index += length
      if (part !== ' ') isBlank = false
      const kept = wasSpace ? part.replace(/^ +/u, '') : part
      if (kept !== '') {
        out += escapesSpaces ? kept.replaceAll(' ', spaceMark) : kept
        wasSpace = kept.endsWith(' ')
      }
      if (!removesExtraSpaces) wasSpace = false
    }
    if (text === '' || (removesExtraSpaces && isBlank)) return ''
    if (removesExtraSpaces) while (out.endsWith(space)) out = out.slice(0, -space.length)
    return addsDummyPrefix && spaceIsSuffix ? `${out}${space}` : out
  }

  function next(text: string, index: number, bytes: Uint8Array, at: number) {
    const atom = atomAt(text, index)
    if (atom !== '') return { part: atom, byteLength: Buffer.byteLength(atom), length: atom.length }
    const longest = charsmap.prefixes(bytes, at).at(-1)
    if (longest !== undefined) {
      const length = Buffer.from(bytes.subarray(at, at + longest.length)).toString('utf8').length
      return { part: longest.text, byteLength: longest.length, length }
    }
    const char = String.fromCodePoint(text.codePointAt(index)!)
    return { part: char, byteLength: Buffer.byteLength(char), length: char.length }
  }
}

/** The longest user-defined symbol that begins at a place, or ''. */
const atomsAt = (atoms: readonly string[]): ((text: string, index: number) => string) => {
  if (atoms.length === 0) return () => ''
  const regex = anyAtom(atoms, 'uy')
  return (text, index) => {
    regex.lastIndex = index
    return regex.exec(text)?.[0] ?? ''
  }
}

const anyAtom = (atoms: readonly string[], flags: string): RegExp =>
  new RegExp([...atoms].sort((a, b) => b.length - a.length).map(quote).join('|'), flags) // prettier-ignore

/**
 * Cuts a text where no piece can reach across: around user-defined symbols, and before a space mark that follows other text.
 * `canSplit`: no piece has a mark after another character (so it is where SentencePiece trained with `split_by_whitespace`).
 */
export const sentencePieceCut = (
  atoms: readonly string[],
  canSplit: boolean,
): ((text: string) => readonly string[]) => {
  const atWords = new RegExp(`(?<=[^${spaceMark}])(?=${spaceMark})`, 'u')
  const words = (text: string): readonly string[] => (canSplit ? text.split(atWords) : [text])
  if (atoms.length === 0) return words
  const regex = new RegExp(`(${anyAtom(atoms, 'u').source})`, 'u')
  return (text) => text.split(regex).flatMap((part, i) => (i % 2 === 1 ? [part] : words(part))).filter((s) => s !== '') // prettier-ignore
}
