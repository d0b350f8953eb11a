import { wordsOf } from '../../scores'
import type { Span } from '../task'

/** Where words stand in a text, and what was wrong with where they were said to stand. */
export interface Found {
  readonly span: Span
  readonly mended?: string
}

/**
 * Some words in a text, from the word on that has number `index`; words are what white space parts, as Python's str.split has them, so punctuation
 * hangs on to them. The span leaves out what hangs on and was not asked for (`him` of `him.`). Capitals and a closing mark that the text does not have
 * do not matter (`The tape.` is found in `the tape off`). Some rows of the real files have the wrong index: then the nearest place that has the
 * words is taken; where there is none (`Kamenev and Zinoviev`, who stand apart), as many words from the index on. undefined: not even those.
 */
export const findWords = (text: string, wanted: string, index: number): Found | undefined => {
  const [tokens, words] = [tokensOf(text), wordsOf(wanted)]
  const there = spanAt(tokens, words, index)
  if (there !== undefined) return { span: there }
  const places = tokens.map((_, i) => i).sort((a, b) => Math.abs(a - index) - Math.abs(b - index))
  for (const i of places) {
    const span = spanAt(tokens, words, i)
    if (span !== undefined)
      return { span, mended: 'words that stand elsewhere than at their index: the nearest are taken' }
  }
  const [first, last] = [tokens[index], tokens[index + words.length - 1]]
  return first === undefined || last === undefined || words.length === 0
    ? undefined
    : {
        span: { from: first.from, to: last.from + last.text.length },
        mended: 'words that stand nowhere: those at their index are taken',
      }
}

interface Token {
  readonly text: string
  readonly from: number
}

const tokensOf = (text: string): readonly Token[] => {
  let at = 0
  return wordsOf(text).map((word) => {
    const from = text.indexOf(word, at)
    at = from + word.length
    return { text: word, from }
  })
}

const spanAt = (tokens: readonly Token[], words: readonly string[], index: number): Span | undefined => {
  let span: Span | undefined
  for (const [k, word] of words.entries()) {
    const token = tokens[index + k]
    const part = token === undefined ? undefined : partOf(token.text, word)
    if (token === undefined || part === undefined) return undefined
    span = { from: span === undefined ? token.from + part.from : span.from, to: token.from + part.to }
  }
  return span
}

/** Where in a token a word is: all of it, or without the marks around it. */
const partOf = (token: string, word: string): Span | undefined => {
  const [low, wanted] = [token.toLowerCase(), word.toLowerCase()]
  if (low === wanted) return { from: 0, to: token.length }
  const bare = wanted.replace(/[^\p{L}\p{N}]+$/u, '')
  const from = /^[^\p{L}\p{N}]*/u.exec(low)![0].length
  const to = from + bare.length
  return bare !== '' && low.startsWith(bare, from) && !/^[\p{L}\p{N}]/u.test(low.slice(to)) ? { from, to } : undefined
}
