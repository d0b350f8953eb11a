import * as E from 'fp-ts/Either'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { requireSpecials } from '../data/tokenizer/specials'
import type { DataFault } from '../data/fault'
import type { SpecialIds } from '../data/tokenizer/spec'
import type { Example, Reading, Span } from '../tasks'

/** How texts become rows. */
export interface EncodeConfig {
  /** T, the most tokens of a row, specials included. */
  readonly seq: number
  /** [SEP]s between the texts of a pair: 2 in RoBERTa's and COCO-LM's form (recipe 9.4), 1 in BERT's. */
  readonly separators: 1 | 2
}

/** Which text a token is of: 0 none (specials), 1 the first, 2 the second. */
export type Segment = 0 | 1 | 2

/** A reading as the model takes it. */
export interface EncodedReading {
  readonly ids: Int32Array
  readonly segments: Uint8Array
  /** Places of the first text's spans: from, to, from, to; the ends not included. */
  readonly spans?: readonly [number, number, number, number]
  /** Tokens that were cut off. */
  readonly cut: number
}

/** An example with its readings as ids. */
export interface EncodedExample extends Omit<Example, 'readings'> {
  readonly readings: readonly EncodedReading[]
}

/** `[CLS] a [SEP]` or `[CLS] a [SEP] [SEP] b [SEP]`; where that is too long, the longer text loses its end, token by token. */
export const encoderOf = (
  tokenizer: Tokenizer,
  config: EncodeConfig,
): E.Either<DataFault, (example: Example) => EncodedExample> => {
  const specials = requireSpecials(tokenizer)
  if (E.isLeft(specials)) return specials
  const encode = readingEncoder(tokenizer, specials.right, config)
  return E.right(({ readings, ...rest }) => ({ ...rest, readings: readings.map(encode) }))
}

const readingEncoder =
  (tokenizer: Tokenizer, { cls, sep }: SpecialIds, { seq, separators }: EncodeConfig) =>
  ({ first, second, spans }: Reading): EncodedReading => {
    const marks = spans === undefined ? undefined : encodeWithSpans(tokenizer, first, spans)
    const a = marks?.ids ?? tokenizer.encode(first)
    const b = second === undefined ? undefined : tokenizer.encode(second)
    const room = seq - (b === undefined ? 2 : 2 + separators)
    const [m, n] = fit(a.length, b?.length ?? 0, room)
    const length = m + n + (seq - room)
    const ids = new Int32Array(length).fill(sep)
    const segments = new Uint8Array(length)
    ids[0] = cls
    ids.set(a.subarray(0, m), 1)
    segments.fill(1, 1, 1 + m)
    if (b !== undefined) {
      const from = 1 + m + separators
      ids.set(b.subarray(0, n), from)
      segments.fill(2, from, from + n)
    }
    return {
      ids,
      segments,
      cut: a.length - m + ((b?.length ?? 0) - n),
      ...(marks === undefined ? {} : { spans: placed(marks.places, m) }),
    }
  }

/** Lengths of two texts cut to `room` in all: the longer one loses first. */
const fit = (a: number, b: number, room: number): readonly [number, number] => {
  if (a + b <= room) return [a, b]
  const half = Math.floor(room / 2)
  if (b <= half) return [room - b, b]
  if (a <= room - half) return [a, room - a]
  return [room - half, half]
}

/** Places after [CLS] of spans in a text of which `kept` tokens stay. A span that was cut off is the last token. */
const placed = (places: readonly number[], kept: number): readonly [number, number, number, number] => {
  const at = ([from, to]: readonly [number, number]): readonly [number, number] => {
    const begin = Math.min(from, Math.max(0, kept - 1))
    return [1 + begin, 1 + Math.max(begin + 1, Math.min(to, kept))]
  }
  return [...at([places[0]!, places[1]!]), ...at([places[2]!, places[3]!])]
}

/** A text encoded in pieces, so that spans begin and end at tokens. White space before a span goes with it, as vocabularies have it. */
const encodeWithSpans = (
  tokenizer: Tokenizer,
  text: string,
  spans: readonly [Span, Span],
): { readonly ids: Int32Array; readonly places: readonly number[] } => {
  const begins = spans.map(({ from }) => text.slice(0, from).trimEnd().length)
  const cuts = [...new Set([0, ...begins, ...spans.map(({ to }) => to), text.length])].sort((x, y) => x - y)
  const ids: number[] = []
  const placeOf = new Map<number, number>([[0, 0]])
  for (let i = 1; i < cuts.length; i++) {
    ids.push(...tokenizer.encode(text.slice(cuts[i - 1], cuts[i])))
    placeOf.set(cuts[i]!, ids.length)
  }
  return {
    ids: Int32Array.from(ids),
    places: spans.flatMap(({ to }, i) => [placeOf.get(begins[i]!)!, placeOf.get(to)!]),
  }
}
