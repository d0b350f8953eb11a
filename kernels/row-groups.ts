import { divIndex, sizeOf } from '../core'
import type { Work } from './donations'
import { placeOf, readsOf } from './emit/places'
import type { BufferId } from './plan'

/** What is asked of a part: what it reads, where, and what it writes. */
type Part = Omit<Work, 'mayOverwrite'>

/**
 * Work whose parts are the same rows: a worker runs all of it on its rows, one part after another. Softmax, layer norm and Adam become
 * one sweep this way, without kernels of their own.
 */
export interface RowGroup<P extends Part> {
  /** Rows that no part reads across: every output of the group is cut in so many equal ranges. 0: of one part only. */
  readonly rows: number
  readonly parts: readonly P[]
}

/** What a device says of rows. */
export interface RowRules<P extends Part> {
  /** The finest rows of a part on its own; 0: it has none, and stays alone. */
  readonly ownRows: (part: P) => number
  /** Elements of a buffer. */
  readonly sizeIn: (b: BufferId) => number
  /** Whether parts may be one group of so many rows. */
  readonly mayJoin: (parts: readonly P[], rows: number) => boolean
}

/** The most rows in which a part reads nothing of the groups but what lies in its own row; 0 if there are none. */
export const commonRows = <P extends Part>(part: P, groups: readonly RowGroup<P>[], rules: RowRules<P>): number => {
  if (groups.some((g) => g.rows === 0)) return 0
  const own = rules.ownRows(part)
  if (own === 0) return 0
  const others = groups.flatMap((g) => g.parts)
  const written = new Set(others.map((p) => p.output))
  const { kernel } = part
  const size = sizeOf(kernel.output.shape)
  const place = placeOf(kernel)
  const reads = readsOf(kernel).filter((r) => written.has(part.inputs[r.slot]!))
  const limits = [own, ...groups.map((g) => g.rows)]
  const all = [...others, part]
  for (const rows of candidates(all)) {
    if (limits.some((n) => n % rows !== 0) || size % rows !== 0) continue
    const mine = divIndex(place, size / rows).key
    const isLocal = reads.every(({ slot, index }) => {
      const total = rules.sizeIn(part.inputs[slot]!)
      return total % rows === 0 && divIndex(index, total / rows).key === mine
    })
    if (isLocal && rules.mayJoin(all, rows)) return rows
  }
  return 0
}

/** Numbers of rows to try, the greatest first: products of leading sizes of what is written. */
const candidates = (parts: readonly Part[]): readonly number[] => {
  const found = new Set([1])
  for (const p of parts) {
    let rows = 1
    for (const n of p.kernel.output.shape) found.add((rows *= n))
  }
  return [...found].sort((a, b) => b - a)
}
