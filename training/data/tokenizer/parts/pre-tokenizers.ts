import * as E from 'fp-ts/Either'
import type { Behavior, Metaspace, OnePreTokenizer, PreTokenizer } from '../components'
import { spellBytes } from './byte-alphabet'
import { punctuation, wordOrSymbols } from './char-tables'
import { nextWord } from './gpt2-words'
import { regexOf } from './regex'

export type Emit = (piece: string, isStart: boolean) => void
/** Cuts a piece of text into smaller ones; `isStart`: it is the beginning of the whole text. */
export type Cut = (text: string, isStart: boolean, emit: Emit) => void

/** How a text becomes words: where it is cut, and, of a byte-level tokenizer, how each word is then spelled. */
export interface WordsOf {
  readonly cut: Cut
  readonly spell: ((word: string) => string) | undefined
}

/**
 * What a pre-tokenizer of a tokenizer.json does to a text. Bytes are spelled out last where that is the last thing done, so that
 * words can be looked up as they stand in the text.
 * source  Hugging Face tokenizers, `pre_tokenizers/`
 * left    what of an expression cannot be read
 */
export const wordsOf = (preTokenizer: PreTokenizer | null): E.Either<string, WordsOf> => {
  const all = flat(preTokenizer)
  const cuts: Cut[] = []
  for (const [i, each] of all.entries()) {
    const cut = cutOf(each)
    if (E.isLeft(cut)) return cut
    cuts.push(each.type === 'ByteLevel' && i < all.length - 1 ? spelled(cut.right) : cut.right)
  }
  const isByteLevel = all.at(-1)?.type === 'ByteLevel'
  return E.right({ cut: cuts.reduceRight((rest, cut) => through(cut, rest), whole), spell: isByteLevel ? spellBytes : undefined }) // prettier-ignore
}

const flat = (preTokenizer: PreTokenizer | null): readonly OnePreTokenizer[] =>
  preTokenizer === null
    ? []
    : preTokenizer.type === 'Sequence'
      ? preTokenizer.pretokenizers.flatMap(flat)
      : [preTokenizer]

const whole: Cut = (text, isStart, emit) => emit(text, isStart)

const through = (first: Cut, rest: Cut): Cut =>
  rest === whole ? first : (text, isStart, emit) => first(text, isStart, (piece, atStart) => rest(piece, atStart, emit))

const spelled =
  (cut: Cut): Cut =>
  (text, isStart, emit) =>
    cut(text, isStart, (piece, atStart) => emit(spellBytes(piece), atStart))

const cutOf = (each: OnePreTokenizer): E.Either<string, Cut> => {
  switch (each.type) {
    case 'ByteLevel':
      return E.right(byteLevel(each.add_prefix_space ?? true, each.use_regex ?? true))
    case 'Metaspace':
      return E.right(metaspace(each))
    case 'BertPreTokenizer':
      return E.right(through(at(space, 'Removed'), at(punctuation, 'Isolated')))
    case 'Whitespace':
      return E.right(at(wordOrSymbols, 'Removed', true))
    case 'WhitespaceSplit':
      return E.right(at(space, 'Removed'))
    case 'Digits':
      return E.right(at(/\p{N}/gu, each.individual_digits ? 'Isolated' : 'Contiguous'))
    case 'Punctuation':
      return E.right(at(punctuation, each.behavior ?? 'Isolated'))
    case 'CharDelimiterSplit': {
      const regex = regexOf({ String: each.delimiter })
      return E.isLeft(regex) ? regex : E.right(at(regex.right, 'Removed'))
    }
    case 'Split': {
      const regex = regexOf(each.pattern)
      return E.isLeft(regex) ? regex : E.right(at(regex.right, each.behavior, each.invert))
    }
  }
}

const space = /\p{White_Space}/gu
/** Cuts at the matches of an expression, or, inverted, at what lies between them. */
const at =
  (regex: RegExp, behavior: Behavior, invert = false): Cut =>
  (text, isStart, emit) => {
    let from = 0
    const spans: Span[] = []
    const add = (end: number, isMatch: boolean): void => {
      if (end > from || isMatch) spans.push({ start: from, end, isMatch: isMatch !== invert })
      from = end
    }
    for (const match of text.matchAll(regex)) {
      add(match.index, false)
      add(match.index + match[0].length, true)
    }
    add(text.length, false)
    for (const { start, end } of joined(spans, behavior))
      if (end > start) emit(text.slice(start, end), isStart && start === 0)
  }

interface Span {
  readonly start: number
  readonly end: number
  readonly isMatch: boolean
}

/** source  Hugging Face tokenizers, `NormalizedString::split` */
const joined = (spans: readonly Span[], behavior: Behavior): readonly Span[] => {
  if (behavior === 'Isolated') return spans
  if (behavior === 'Removed') return spans.filter(({ isMatch }) => !isMatch)
  const isBackward = behavior === 'MergedWithNext'
  const out: Span[] = []
  let wasMatch = false
  for (const span of isBackward ? [...spans].reverse() : spans) {
    const last = out.at(-1)
    const joins = behavior === 'Contiguous' ? span.isMatch === wasMatch : span.isMatch && !wasMatch
    if (joins && last !== undefined)
      out[out.length - 1] = isBackward ? { ...last, start: span.start } : { ...last, end: span.end }
    else out.push(span)
    wasMatch = span.isMatch
  }
  return isBackward ? out.reverse() : out
}

const byteLevel =
  (addsSpace: boolean, usesRegex: boolean): Cut =>
  (text, isStart, emit) => {
    const section = addsSpace && !text.startsWith(' ') ? ` ${text}` : text
    if (!usesRegex) return emit(section, isStart)
    for (let from = 0; from < section.length;) {
      const to = nextWord(section, from)
      emit(section.slice(from, to), isStart && from === 0)
      from = to
    }
  }

/** When the mark of a space is put before a text; files older than `prepend_scheme` say it otherwise. */
export const prependScheme = ({ prepend_scheme, add_prefix_space }: Metaspace): 'always' | 'first' | 'never' =>
  prepend_scheme ?? (add_prefix_space === false ? 'never' : 'always')

const metaspace = (part: Metaspace): Cut => {
  const { replacement, split = true } = part
  const scheme = prependScheme(part)
  return (text, isStart, emit) => {
    const marked = text.replaceAll(' ', replacement)
    const adds = (scheme === 'always' || (scheme === 'first' && isStart)) && !marked.startsWith(replacement)
    const section = adds ? `${replacement}${marked}` : marked
    if (!split) return emit(section, isStart)
    let from = 0
    for (let next = section.indexOf(replacement, 1); next >= 0; next = section.indexOf(replacement, next + 1)) {
      emit(section.slice(from, next), isStart && from === 0)
      from = next
    }
    emit(section.slice(from), isStart && from === 0)
  }
}
