import { createHash } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { dataFault, type DataFault } from './fault'
import type { Document } from './read-text'

export interface Split {
  readonly train: readonly Document[]
  readonly heldOut: readonly Document[]
}

/**
 * Parts documents into train and held-out: the `fraction` of distinct texts whose sha256(seed, text) is smallest is held
 * out, at least one and never all. It depends on the texts, not on their order, and equal texts fall on one side. A
 * single text is cut by position: its last `fraction`, from a line or word break on. Both sides keep the given order.
 * left  no documents, a fraction outside (0, 1), or one text too short to cut.
 */
export const splitDocuments = (
  documents: readonly Document[],
  { fraction = 0.01, seed = 0 }: { readonly fraction?: number; readonly seed?: number } = {},
): E.Either<DataFault, Split> => {
  if (!(fraction > 0 && fraction < 1))
    return E.left(dataFault('held-out split', 'fraction', 'a number between 0 and 1', `${fraction}`))
  const [first] = documents
  if (first === undefined) return E.left(dataFault('held-out split', 'documents', 'at least one document', 'none'))
  const hashes = documents.map(({ text }) => createHash('sha256').update(`${seed}\n`).update(text).digest('hex'))
  const distinct = [...new Set(hashes)].sort()
  if (distinct.length === 1) return splitOne(first, fraction)
  const wanted = Math.min(distinct.length - 1, Math.max(1, Math.round(fraction * distinct.length)))
  const chosen = new Set(distinct.slice(0, wanted))
  return E.right({
    train: documents.filter((_, i) => !chosen.has(hashes[i]!)),
    heldOut: documents.filter((_, i) => chosen.has(hashes[i]!)),
  })
}

/** The cut nearest after 1 - fraction of the text: a line break if one is within 2000 characters, else any space. */
const splitOne = ({ text: whole, source }: Document, fraction: number): E.Either<DataFault, Split> => {
  const text = whole.trimEnd()
  const from = Math.floor((1 - fraction) * text.length)
  const near = text.slice(from, from + 2000)
  const found = [/\n\s*\n/, /\n/, /\s/].map((gap) => near.search(gap)).find((at) => at >= 0 && from + at > 0)
  const cut = found === undefined ? -1 : from + found
  const [before, after] = [text.slice(0, Math.max(0, cut)), text.slice(Math.max(0, cut))]
  if (cut < 0 || before.trim() === '' || after.trim() === '')
    return E.left(dataFault('held-out split', source, 'several documents, or one long enough to cut', `one of ${text.length} characters`, 'give more text')) // prettier-ignore
  return E.right({
    train: [{ text: before, source: `${source} (start)` }],
    heldOut: [{ text: after, source: `${source} (end)` }],
  })
}
