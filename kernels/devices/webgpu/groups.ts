import { sizeOf } from '../../../core'
import { areThreads, shapeOf, type OpenPart, type Shape } from '../../emit/wgsl/parts'
import { formats } from '../../emit/wgsl/memory'
import { cutRows } from '../../emit/wgsl/rows'
import type { Kernel } from '../../kernel'
import { commonRows, type RowGroup, type RowRules } from '../../row-groups'
import type { BufferId, PlanBuffer } from '../../plan'
import type { Part } from './parts'

/** Threads that a GPU should have to do at least: parts with fewer rows do better one by one. */
const enough = 32768
/** Work of a row that is over before that matters. */
const little = 1024
/** Parts of one shader at most: what it compiles to has to stay small. */
const mostParts = 12
/** Steps that a part may be moved ahead at most: what it makes is alive from there on. */
const farthest = 16

export interface Groups {
  /** In an order of computation. */
  readonly groups: readonly RowGroup<Part>[]
  /** Buffers that are written and read inside of one group only: they need no memory. */
  readonly inside: ReadonlySet<BufferId>
}

/**
 * Parts by dispatches. A part joins the group that makes the last of what it reads, if that one's rows are its own. `mostBuffers`: that
 * one shader may bind. `results`: buffers that outlive the plan.
 */
export const groupsOf = (
  parts: readonly Part[],
  buffers: readonly PlanBuffer[],
  mostBuffers: number,
  results: ReadonlySet<BufferId>,
): Groups => {
  const readers = readersOf(parts)
  const open = opener()
  const insideOf = (group: readonly Part[], rows: number): readonly BufferId[] => {
    const own = group.map((p) => p.output).filter((b) => !results.has(b) && isReadBy(readers.get(b)!, group))
    const opened = group.map((p) => open(p, rows))
    if (areThreads(opened)) return own
    const { locals } = cutRows(opened, rows)
    return own.filter((b) => locals.has(b))
  }
  const rules: RowRules<Part> = {
    ownRows,
    sizeIn: (b) => sizeOf(buffers[b]!.aval.shape),
    mayJoin: (group, rows) => {
      if (group.length > mostParts) return false
      const opened = group.map((p) => open(p, rows))
      if (!areThreads(opened) && !opened.every((p) => fillsWords(p) && isBusy(p, rows))) return false
      const touched = new Set(group.flatMap((p) => [...p.inputs, p.output]))
      return touched.size - insideOf(group, rows).length <= mostBuffers
    },
  }
  const groups: (RowGroup<Part> | undefined)[] = []
  const groupOf = new Map<BufferId, number>()
  /** What a part makes may be made earlier, or later, at no cost of memory. */
  const mayMove = (from: number, group: RowGroup<Part>): boolean =>
    from - group.parts.at(-1)!.step <= farthest || group.parts.every((p) => results.has(p.output))
  /** Whether a group may be computed no sooner than another: nobody waits for it before. */
  const mayWait = (at: number, until: number): boolean =>
    groups[at]!.parts.every((p) =>
      readers.get(p.output)!.every((r) => (groupOf.get(r.output) ?? until) >= until || groupOf.get(r.output) === at),
    )
  for (const part of parts) {
    const needed = [...new Set(part.inputs.flatMap((b) => groupOf.get(b) ?? []))].sort((x, y) => y - x)
    const [last] = needed
    const near = needed
      .filter((at) => results.has(part.output) || mayMove(part.step, groups[at]!))
      .filter((at) => at === last || mayWait(at, last!))
    const joined =
      last === undefined || near[0] !== last
        ? undefined
        : firstOf([near, [last]], (list) => {
            const rows = commonRows(
              part,
              list.map((at) => groups[at]!),
              rules,
            )
            return rows === 0 ? undefined : { rows, list }
          })
    if (joined === undefined) {
      groupOf.set(part.output, groups.push({ rows: ownRows(part), parts: [part] }) - 1)
      continue
    }
    const members = [...[...joined.list].reverse().flatMap((at) => groups[at]!.parts), part]
    for (const at of joined.list) groups[at] = undefined
    groups[last!] = { rows: joined.rows, parts: members }
    for (const p of members) groupOf.set(p.output, last!)
  }
  const made = groups.filter((g) => g !== undefined)
  const inside = made.flatMap((g) => (g.parts.length === 1 ? [] : insideOf(g.parts, g.rows)))
  return { groups: made, inside: new Set(inside) }
}

/** The first result that there is. */
const firstOf = <T, U>(list: readonly T[], f: (x: T) => U | undefined): U | undefined => {
  for (const x of list) {
    const found = f(x)
    if (found !== undefined) return found
  }
  return undefined
}

const readersOf = (parts: readonly Part[]): ReadonlyMap<BufferId, readonly Part[]> => {
  const readers = new Map<BufferId, Part[]>(parts.map((p) => [p.output, []]))
  for (const part of parts) for (const b of new Set(part.inputs)) readers.get(b)?.push(part)
  return readers
}

/** Whether a group reads what nobody else does. What is never read is not dropped: that is the plan's to decide. */
const isReadBy = (readers: readonly Part[], group: readonly Part[]): boolean =>
  readers.length > 0 && readers.every((p) => group.includes(p))

const ownRows = ({ kernel, product }: Part): number => (product === undefined ? sizeOf(kernel.output.shape) : 0)

/** Parts as shaders see them; memories are numbered as buffers are. */
const opener = (): ((part: Part, rows: number) => OpenPart) => {
  const shapes = new Map<Kernel, Shape>()
  return ({ kernel, inputs, output }, rows) => {
    const shape = shapes.get(kernel) ?? shapeOf(kernel)
    shapes.set(kernel, shape)
    return { kernel, reads: inputs, writes: output, ...shape, width: shape.flat.size / rows }
  }
}

/** Whether no two rows share a word of what a part writes. */
const fillsWords = ({ kernel, width }: OpenPart): boolean => width % formats[kernel.output.dtype].perWord === 0

/** Whether a part by rows keeps a GPU as busy as it does alone. */
const isBusy = ({ flat, lanes, width }: OpenPart, rows: number): boolean =>
  width * flat.length <= little || (rows * 256 >= enough && (width >= 32 || lanes > 1))
