import { divIndex, sizeOf } from '../../../core'
import type { BufferId, PlanBuffer } from '../../plan'
import { tile } from '../../emit/wasm/gemm'
import { placeOf, readsOf } from '../../emit/places'
import { isPlain, type Part } from './parts'

/**
 * Parts whose tasks are the same rows: each task runs all of them on its rows, one after another, while these are in the cache.
 * Softmax, layer norm and Adam become one sweep this way, without kernels of their own.
 */
export interface Group {
  /** Rows that no part reads across: every output of the group is cut in so many equal ranges. 0: of one part only. */
  readonly rows: number
  readonly parts: readonly Part[]
}
/** Groups that do not depend on each other: threads take their tasks in any order. */
export type Phase = readonly Group[]

/** Fewest rows of a group: below, threads would have nothing to share. */
const fewestRows = 16

export const phasesOf = (parts: readonly Part[], buffers: readonly PlanBuffer[]): readonly Phase[] => {
  const phases: Group[][] = []
  let current: Group[] = []
  const sizeIn = (b: BufferId): number => sizeOf(buffers[b]!.aval.shape)
  for (const part of parts) {
    const reads = new Set(part.inputs)
    const needed = current.filter((g) => g.parts.some((p) => reads.has(p.output)))
    if (needed.length === 0) {
      current.push({ rows: ownRows(part), parts: [part] })
      continue
    }
    const rows = commonRows(part, needed, sizeIn)
    if (rows === 0) {
      phases.push(current)
      current = [{ rows: ownRows(part), parts: [part] }]
      continue
    }
    const merged = { rows, parts: [...needed.flatMap((g) => g.parts), part].sort((a, b) => order(a) - order(b)) }
    current = [...current.filter((g) => !needed.includes(g)), merged]
  }
  if (current.length > 0) phases.push(current)
  return phases
}
const order = (p: Part): number => p.step

/** The finest rows of a part on its own. */
const ownRows = ({ kernel, run }: Part): number => {
  if (run.kind === 'range') return sizeOf(kernel.output.shape)
  const { contraction } = run
  return contraction.n <= tile.n && isPlain(contraction) ? contraction.batch * contraction.m : 0
}

/** Rows in which the part reads nothing of the groups but what lies in its own row; 0 if there are none. */
const commonRows = (part: Part, groups: readonly Group[], sizeIn: (b: BufferId) => number): number => {
  if (groups.some((g) => g.rows === 0)) return 0
  const own = ownRows(part)
  if (own === 0) return 0
  const written = new Set(groups.flatMap((g) => g.parts.map((p) => p.output)))
  const { kernel } = part
  const size = sizeOf(kernel.output.shape)
  const place = placeOf(kernel)
  const reads = readsOf(kernel).filter((r) => written.has(part.inputs[r.slot]!))
  const limits = [own, ...groups.map((g) => g.rows)]
  for (const rows of candidates(part, groups)) {
    if (rows < fewestRows) return 0
    if (limits.some((n) => n % rows !== 0) || size % rows !== 0) continue
    const mine = divIndex(place, size / rows).key
    const isLocal = reads.every(({ slot, index }) => {
      const total = sizeIn(part.inputs[slot]!)
      return total % rows === 0 && divIndex(index, total / rows).key === mine
    })
    if (isLocal) return rows
  }
  return 0
}

/** Numbers of rows to try, the greatest first: products of leading sizes of what is written. */
const candidates = (part: Part, groups: readonly Group[]): readonly number[] => {
  const found = new Set<number>()
  for (const p of [part, ...groups.flatMap((g) => g.parts)]) {
    let rows = 1
    for (const n of p.kernel.output.shape) found.add((rows *= n))
  }
  return [...found].sort((a, b) => b - a)
}

/** Rows at whose multiples a group is best cut: tiles of a matrix product stay whole. */
export const rowGrain = ({ rows, parts }: Group, cut: { readonly m: number }): number => {
  let grain = rows >= 4096 ? 16 : 1
  for (const { run } of parts) {
    if (run.kind !== 'gemm') continue
    const { m, batch } = run.contraction
    const perBatch = rows / batch // rows of the group in one batch entry
    grain = Math.max(grain, batch === 1 ? Math.ceil((cut.m * rows) / m) : Math.ceil(perBatch))
  }
  return grain
}
