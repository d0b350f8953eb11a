import type { Normalize } from './parts/normalizers'
import { quote } from './parts/regex'

/** A token that is found in the text before any splitting. `special`: markup such as [MASK], never made from plain text. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
  readonly lstrip: boolean // takes the white space before it
  readonly rstrip: boolean // and after it
  readonly normalized?: boolean // looked for after normalisation, default false
}

/** Stretches of text, normalised, and between them the ids of added tokens. */
export type SplitAdded = (text: string) => ReadonlyArray<string | number>

/**
 * Cuts a text at the given tokens, leftmost first and of those the longest; the parts between come normalised.
 * As Hugging Face does it: tokens that are not `normalized` are looked for in the raw text, the others after.
 */
export const splitAdded = (tokens: readonly AddedToken[], normalize: Normalize): SplitAdded => {
  if (tokens.length === 0) return (text) => [normalize(text)]
  const cutRaw = cutAt(tokens.filter(({ normalized = false }) => !normalized))
  const cutNormal = cutAt(
    tokens
      .filter(({ normalized = false }) => normalized)
      .map((token) => ({ ...token, content: normalize(token.content) })),
  )
  return (text) => cutRaw(text).flatMap((part) => (typeof part === 'number' ? [part] : cutNormal(normalize(part))))
}

const cutAt = (tokens: readonly AddedToken[]): SplitAdded => {
  if (tokens.length === 0) return (text) => [text]
  const byContent = new Map(tokens.map((token) => [token.content, token]))
  const longestFirst = [...byContent.keys()].filter((content) => content !== '').sort((a, b) => b.length - a.length)
  const anyToken = new RegExp(longestFirst.map(quote).join('|') || '(?!)', 'gu')
  return (text) => {
    const parts: Array<string | number> = []
    let from = 0
    for (const match of text.matchAll(anyToken)) {
      const token = byContent.get(match[0])!
      if (match.index < from) continue // inside white space that the token before has taken
      let end = match.index
      if (token.lstrip) while (end > from && isSpace(text[end - 1]!)) end -= 1
      const before = text.slice(from, end)
      if (before !== '') parts.push(before)
      parts.push(token.id)
      from = match.index + match[0].length
      if (token.rstrip) while (from < text.length && isSpace(text[from]!)) from += 1
    }
    if (from < text.length) parts.push(text.slice(from))
    return parts
  }
}

const isSpace = (char: string): boolean => /\p{White_Space}/u.test(char)
