import type { Contraction, Operand, Table } from '../../emit/contraction'

/** One cblas_sgemm, row-major. Places are elements from the operands' starts. */
export interface SgemmCall {
  readonly transA: boolean
  readonly transB: boolean
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: number
  readonly lda: number
  readonly b: number
  readonly ldb: number
  /** Whether the product is added to what C holds. */
  readonly adds: boolean
  readonly c: number
  readonly ldc: number
}
/** Words of a call in a program's image. */
export const callWords = (x: SgemmCall): readonly number[] => [
  x.transA ? 112 : 111,
  x.transB ? 112 : 111,
  x.m,
  x.n,
  x.k,
  4 * x.a,
  x.lda,
  4 * x.b,
  x.ldb,
  Number(x.adds),
  4 * x.c,
  x.ldc,
]

/** Places from + stride i, i < length. */
interface Run {
  readonly from: number
  readonly length: number
}

/** [from, to) cut where one of the tables leaves its stride. */
const runsOf = (tables: readonly Table[], from: number, to: number): readonly Run[] => {
  const runs: Run[] = []
  let start = from
  for (let i = from + 1; i <= to; i++) {
    const goesOn = i < to && (i === start + 1 || tables.every((t) => t[i]! - t[i - 1]! === t[start + 1]! - t[start]!))
    if (goesOn) continue
    runs.push({ from: start, length: i - start })
    start = i
  }
  return runs
}

const strideOf = (table: Table, { from, length }: Run): number => (length === 1 ? 0 : table[from + 1]! - table[from]!)

/** Leading dimension and transposition of rows x columns with the given strides, or undefined where BLAS has no name for them. */
const layout = (
  rows: number,
  columns: number,
  rowStride: number,
  columnStride: number,
): { readonly trans: boolean; readonly ld: number } | undefined => {
  if (columns === 1 || columnStride === 1) {
    const ld = rows === 1 ? Math.max(1, columns) : rowStride
    if (ld >= columns && (columns > 1 || ld >= 1)) return { trans: false, ld }
  }
  if (rows === 1 || rowStride === 1) {
    const ld = columns === 1 ? Math.max(1, rows) : columnStride
    if (ld >= rows && ld >= 1) return { trans: true, ld }
  }
  return undefined
}

/** Fewest multiplications for which a call through the FFI pays. */
const leastWork = 32_768

/** The calls that compute rows [m0, m1) and columns [n0, n1) of a batch entry; undefined where BLAS cannot. */
export const sgemmCalls = (
  x: Contraction,
  batch: number,
  [m0, m1]: readonly [number, number],
  [n0, n1]: readonly [number, number],
): readonly SgemmCall[] | undefined => {
  if (x.a.dtype !== 'f32' || x.b.dtype !== 'f32') return undefined
  const ks = runsOf([x.a.k, x.b.k], 0, x.k)
  const calls: SgemmCall[] = []
  const start = (o: Operand): number => o.base + o.batch[batch]!
  for (const rows of runsOf([x.a.free, x.c.m], m0, m1))
    for (const columns of runsOf([x.b.free, x.c.n], n0, n1))
      for (const [i, along] of ks.entries()) {
        if (rows.length * columns.length * along.length < leastWork) return undefined
        const a = layout(rows.length, along.length, strideOf(x.a.free, rows), strideOf(x.a.k, along))
        const b = layout(along.length, columns.length, strideOf(x.b.k, along), strideOf(x.b.free, columns))
        const c = layout(rows.length, columns.length, strideOf(x.c.m, rows), strideOf(x.c.n, columns))
        if (a === undefined || b === undefined || c === undefined || c.trans) return undefined
        calls.push({
          transA: a.trans,
          transB: b.trans,
          m: rows.length,
          n: columns.length,
          k: along.length,
          a: start(x.a) + x.a.free[rows.from]! + x.a.k[along.from]!,
          lda: a.ld,
          b: start(x.b) + x.b.free[columns.from]! + x.b.k[along.from]!,
          ldb: b.ld,
          adds: i > 0,
          c: x.c.batch[batch]! + x.c.m[rows.from]! + x.c.n[columns.from]!,
          ldc: c.ld,
        })
      }
  return calls
}
