import { sizeOf } from '../../../core'
import { tile } from '../../emit/wasm/gemm'
import { sgemmCalls, type SgemmCall } from './blas-calls'
import type { Contraction } from '../../emit/contraction'
import { rowGrain, type Group, type Phase } from './phases'
import type { GemmRun, Part } from './parts'

/** An operation of a task: a function on four numbers, or calls of the machine's BLAS. */
export interface Op {
  readonly part: Part
  /** The part's own function, or the epilogue's. */
  readonly which: 'main' | 'epilogue'
  readonly numbers: readonly [number, number, number, number]
  readonly calls?: readonly SgemmCall[]
}
export type Task = readonly Op[]

/** Work worth a task of its own: some ten microseconds. */
const taskWork = 100_000
const mostTasks = 64
/** Marks the scratch of the thread that runs the operation. */
export const ownScratch = -1

/** Tiles of matrix products: those of our own code, or of the machine's BLAS, which packs larger ones better. */
export interface Cut {
  readonly m: number
  readonly n: number
  readonly blas: boolean
}
export const cutFor = (blas: boolean): Cut => (blas ? { m: 128, n: 512, blas } : { m: tile.m, n: tile.n, blas })

/** Where a phase is cut: it follows work and shapes only, never the number of threads. */
export const tasksOf = (phase: Phase, cut: Cut): readonly Task[] => phase.flatMap((group) => groupTasks(group, cut))

const groupTasks = (group: Group, cut: Cut): readonly Task[] => {
  const [only] = group.parts
  if (group.parts.length === 1 && only!.run.kind === 'gemm') return gemmTasks(only!, only!.run, cut)
  const work = group.parts.reduce((sum, p) => sum + p.work, 0)
  const count = Math.min(mostTasks, Math.max(1, Math.floor(work / taskWork)))
  const grain = rowGrain(group, cut)
  const rows = Math.ceil(Math.ceil(group.rows / count) / grain) * grain
  const tasks: Task[] = []
  for (let from = 0; from < group.rows; from += rows)
    tasks.push(group.parts.flatMap((p) => rowsOf(p, cut, group.rows, from, Math.min(group.rows, from + rows))))
  return tasks
}

/** A part on rows [from, to) of `rows`. */
const rowsOf = (part: Part, cut: Cut, rows: number, from: number, to: number): readonly Op[] => {
  const width = sizeOf(part.kernel.output.shape) / rows
  if (part.run.kind === 'range') return [{ part, which: 'main', numbers: [from * width, to * width, 1, 0] }]
  const { batch, m, n } = part.run.contraction
  const perRow = (batch * m) / rows
  const ops: Op[] = []
  for (let r = from * perRow; r < to * perRow;) {
    const [b, m0] = [Math.floor(r / m), r % m]
    const rowsHere = Math.min(cut.m, m - m0, to * perRow - r)
    for (let n0 = 0; n0 < n; n0 += cut.n) ops.push(...tileOps(part, part.run, cut, b, m0, rowsHere, n0))
    r += rowsHere
  }
  return ops
}

/** Tiles of a matrix product: those that share columns of B one after another, so that a thread packs them once. */
const gemmTasks = (part: Part, run: GemmRun, cut: Cut): readonly Task[] => {
  const { batch, m, n, k } = run.contraction
  const tasks: Op[][] = []
  // Small products of a batch go together.
  const together = Math.max(1, Math.floor(taskWork / Math.max(1, m * n * Math.max(8, k / 4))))
  let open: Op[] = []
  let held = 0
  for (let b = 0; b < batch; b++) {
    for (let n0 = 0; n0 < n; n0 += cut.n)
      for (let m0 = 0; m0 < m; m0 += cut.m) {
        open.push(...tileOps(part, run, cut, b, m0, Math.min(cut.m, m - m0), n0))
        if (together === 1) {
          tasks.push(open)
          open = []
        }
      }
    held += 1
    if (held >= together && open.length > 0) {
      tasks.push(open)
      open = []
      held = 0
    }
  }
  if (open.length > 0) tasks.push(open)
  return tasks
}

const tileOps = (
  part: Part,
  run: GemmRun,
  cut: Cut,
  b: number,
  m0: number,
  rows: number,
  n0: number,
): readonly Op[] => {
  const { m, n } = run.contraction
  const n1 = Math.min(n, n0 + cut.n)
  const main =
    (cut.blas ? blasOp(part, run, b, [m0, m0 + rows], [n0, n1]) : undefined) ??
    ownOps(part, run, b, m0, m0 + rows, n0, n1)
  if (run.epilogue === undefined) return main
  const begin = (b * m + m0) * n + n0
  return [...main, { part, which: 'epilogue', numbers: [begin, begin + n1 - n0, rows, n] }]
}

const blasOp = (
  part: Part,
  run: GemmRun,
  batch: number,
  rows: readonly [number, number],
  columns: readonly [number, number],
): readonly Op[] | undefined => {
  const calls = sgemmCalls(run.contraction, batch, rows, columns)
  return calls === undefined ? undefined : [{ part, which: 'main', numbers: [0, 0, 0, 0], calls }]
}

/** Tiles for our own code, which numbers columns in blocks of its own. */
const ownOps = (part: Part, run: GemmRun, b: number, m0: number, m1: number, n0: number, n1: number): readonly Op[] => {
  const blocks = Math.ceil(run.contraction.n / tile.n)
  const ops: Op[] = []
  for (let n = n0; n < n1; n += tile.n)
    for (let m = m0; m < m1; m += tile.m)
      ops.push({ part, which: 'main', numbers: [b * blocks + n / tile.n, m, Math.min(m1, m + tile.m), ownScratch] })
  return ops
}

/** Words of a gemm's descriptor beside addresses. */
export const contractionWords = ({ a, b, c, m, n, k }: Contraction) => ({
  m,
  n,
  k,
  aKContiguous: Number(groupsTouch(a.k)),
  bKContiguous: Number(groupsTouch(b.k)),
  aPanels: panels(a.free, tile.rows),
  bPanels: panels(b.free, tile.columns),
  cPanels: panels(c.n, tile.columns),
})

/** Whether every aligned group of four lies side by side. */
const groupsTouch = (table: Int32Array): boolean => {
  for (let i = 0; i + 4 <= table.length; i += 4) if (!sideBySide(table, i, i + 4)) return false
  return true
}
/** By place, whether `width` elements from there on lie side by side. */
const panels = (table: Int32Array, width: number): readonly boolean[] =>
  Array.from(table, (_, i) => i + width <= table.length && sideBySide(table, i, i + width))
const sideBySide = (table: Int32Array, from: number, to: number): boolean => {
  for (let i = from + 1; i < to; i++) if (table[i] !== table[i - 1]! + 1) return false
  return true
}
