import * as E from 'fp-ts/Either'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { badInput, type Fault } from '../fault'

/** How a gap is written. */
export const gapText = '[MASK]'

/** A text with gaps, as ids: [CLS] first, [SEP] last, a [MASK] at each of `gaps`. */
export interface Gapped {
  readonly ids: Int32Array
  readonly gaps: readonly number[]
  /** Tokens of a word in the place of the (first) gap: with the space before it, if there was one. */
  readonly idsOf: (word: string) => Int32Array
}

/**
 * Reads a text with `[MASK]` in it. White space before a gap belongs to what is missing, as tokens of words begin with it.
 * left  no gap, a text longer than the model's, a tokenizer without the special tokens.
 */
const read = (tokenizer: Tokenizer, maxLength: number, text: string): E.Either<Fault, Gapped> => {
  const { cls, sep, mask } = tokenizer.specials
  if (cls === undefined || sep === undefined || mask === undefined)
    return E.left(badInput('tokenizer', '', 'special tokens [CLS], [SEP] and [MASK]', 'one without'))
  const parts = text.trim().split(gapText)
  if (parts.length < 2)
    return E.left(badInput('cloze', '', `a text with ${gapText} where something is missing`, `"${text}"`))
  const pieces = parts.map((part, i) => tokenizer.encode(i < parts.length - 1 ? part.trimEnd() : part))
  const [before] = parts
  const hasSpace = before!.trimEnd() !== before
  const ids: number[] = [cls]
  const gaps: number[] = []
  pieces.forEach((piece, i) => {
    ids.push(...piece)
    if (i === pieces.length - 1) return
    gaps.push(ids.length)
    ids.push(mask)
  })
  ids.push(sep)
  if (ids.length > maxLength)
    return E.left(
      badInput('cloze', '', `a text of at most ${maxLength} tokens`, `${ids.length}`, 'give a shorter text'),
    )
  return E.right({
    ids: Int32Array.from(ids),
    gaps,
    idsOf: (word) => tokenizer.encode(hasSpace ? ` ${word}` : word),
  })
}

/** The same text with a first gap of `n` tokens. */
const widened = ({ ids, gaps, idsOf }: Gapped, n: number): Gapped => {
  const [at] = gaps
  const mask = ids[at!]!
  const wider = [...ids.subarray(0, at), ...Array.from({ length: n }, () => mask), ...ids.subarray(at! + 1)]
  return { ids: Int32Array.from(wider), gaps: Array.from({ length: n }, (_, i) => at! + i), idsOf }
}

export const gapped = { read, widened }
