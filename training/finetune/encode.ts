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
  /** Places of the spans: from, to, from, to; the ends not included. */
  readonly spans?: readonly number[]
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
    const [one, other] = spans === undefined ? [[], []] : second === undefined ? [spans, []] : [[spans[0]], [spans[1]]]
    const { ids: a, places } = encodeWithSpans(tokenizer, first, one)
    const { ids: b, places: morePlaces } =
      second === undefined ? { ids: undefined, places: [] } : encodeWithSpans(tokenizer, second, other)
    const room = seq - (b === undefined ? 2 : 2 + separators)
    const [m, n] = fit(a.length, b?.length ?? 0, room)
    const length = m + n + (seq - room)
    const ids = new Int32Array(length).fill(sep)
    const segments = new Uint8Array(length)
    ids[0] = cls
    ids.set(a.subarray(0, m), 1)
    segments.fill(1, 1, 1 + m)
    const from = 1 + m + separators
    if (b !== undefined) {
      ids.set(b.subarray(0, n), from)
      segments.fill(2, from, from + n)
    }
    return {
      ids,
      segments,
      cut: a.length - m + ((b?.length ?? 0) - n),
      ...(spans === undefined ? {} : { spans: [...placed(places, 1, m), ...placed(morePlaces, from, n)] }),
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

/** Places of spans in a text that begins at `begin`, of which `kept` tokens stay. A span that was cut off is the last token. */
const placed = (places: readonly Places[], begin: number, kept: number): readonly number[] =>
  places.flatMap(([from, to]) => {
    const first = Math.min(from, Math.max(0, kept - 1))
    return [begin + first, begin + Math.max(first + 1, Math.min(to, kept))]
  })

type Places = readonly [number, number]

/** A text encoded in pieces, so that spans begin and end at tokens. White space before a span goes with it, as vocabularies have it. */
const encodeWithSpans = (
  tokenizer: Tokenizer,
  text: string,
  spans: readonly Span[],
): { readonly ids: Int32Array; readonly places: readonly Places[] } => {
  if (spans.length === 0) return { ids: tokenizer.encode(text), places: [] }
  const begins = spans.map(({ from }) => text.slice(0, from).trimEnd().length)
  const cuts = [...new Set([0, ...begins, ...spans.map(({ to }) => to), text.length])].sort((x, y) => x - y)
  const ids: number[] = []
  const placeOf = new Map<number, number>([[0, 0]])
  for (let i = 1; i < cuts.length; i++) {
    ids.push(...tokenizer.encode(text.slice(cuts[i - 1], cuts[i])))
    placeOf.set(cuts[i]!, ids.length)
  }
  return { ids: Int32Array.from(ids), places: spans.map(({ to }, i) => [placeOf.get(begins[i]!)!, placeOf.get(to)!]) }
}
