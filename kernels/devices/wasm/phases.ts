import { sizeOf } from '../../../core'
import type { PlanBuffer } from '../../plan'
import { tile } from '../../emit/wasm/gemm'
import { commonRows, type RowGroup, type RowRules } from '../../row-groups'
import { isPlain, type Part } from './parts'

/** A task runs a group on its rows while these are in the cache. */
export type Group = RowGroup<Part>
/** Groups that do not depend on each other: threads take their tasks in any order. */
export type Phase = readonly Group[]

/** Fewest rows of a group: below, threads would have nothing to share. */
const fewestRows = 16

export const phasesOf = (parts: readonly Part[], buffers: readonly PlanBuffer[]): readonly Phase[] => {
  const rules: RowRules<Part> = {
    ownRows,
    sizeIn: (b) => sizeOf(buffers[b]!.aval.shape),
    mayJoin: (_, rows) => rows >= fewestRows,
  }
  const phases: Group[][] = []
  let current: Group[] = []
  for (const part of parts) {
    const reads = new Set(part.inputs)
    const needed = current.filter((g) => g.parts.some((p) => reads.has(p.output)))
    if (needed.length === 0) {
      current.push({ rows: ownRows(part), parts: [part] })
      continue
    }
    const rows = commonRows(part, needed, rules)
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
