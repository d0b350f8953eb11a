import { sizeOf, type Aval } from '../aval'
import { shapeError } from '../error'
import { addIndex, binary, constIndex, dataIndex, int, ofIndex, select, type Access, type Scalar } from '../loop'
import { asTuple, definePlainOp, requireFloat, requireInt, type Expr, type NoParams, type Op } from '../op'
import { add, mul } from './elementwise'
import { iota, literal } from './source'
import { alignBatch, concat, repeat, reshape, slice, transpose } from './structural'

/**
 * y[s, r] = table[ids[s], r]: rows of a table. ids: i32[...S], table: f32[V, ...R] -> f32[...S, ...R].
 * The cotangent of the table is a segment sum over the ids in ascending order: each row of it is written once, by one thread.
 * Ids that are not in [0, V): the interpreter throws RangeError, devices clamp (`take` refuses those it can know).
 */
export const gather: Op<NoParams, 2> = definePlainOp<2>({
  name: 'gather',
  doc: 'y[s, r] = table[ids[s], r]',
  arity: 2,
  smoothness: 'smooth',
  shape: ([table, ids]): Aval => {
    requireInt('gather', 'indices', ids)
    if (table.shape.length < 1 || (table.shape[0] === 0 && sizeOf(ids.shape) > 0))
      shapeError('gather', 'a table with rows', [table, ids])
    return { shape: [...ids.shape, ...table.shape.slice(1)], dtype: table.dtype }
  },
  vjp: (ct, { inputs: [table, ids] }) => [
    table.aval.dtype === 'i32' || table.aval.dtype === 'bool' ? null : scatterRows(ct, ids, table.aval),
    null,
  ],
  jvp: ([t], { inputs: [, ids] }) => (t === null ? null : gather(t, ids)),
  batch: ([table, ids], _, size) => {
    if (!table.batched) return gather(table.expr, ids.expr)
    // One long table for all of the batch; ids move into their own part of it.
    const [b, v, ...rest] = table.expr.aval.shape as readonly [number, number, ...number[]]
    const [all] = alignBatch([ids], size) as [Expr]
    const base = mul(
      iota({ shape: all.aval.shape, axis: 0 }),
      literal({ value: v, shape: all.aval.shape, dtype: 'i32' }),
    )
    return gather(reshape({ shape: [b * v, ...rest] }, table.expr), add(all, base))
  },
  eval: ([table, ids], { avals: [a] }) => {
    const row = sizeOf(a.shape.slice(1))
    const out = new Float64Array(ids.length * row)
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!
      if (!(id >= 0 && id < a.shape[0]!))
        throw new RangeError(`gather: expected indices in [0, ${a.shape[0]}), got ${id} at ${i}`)
      out.set(table.subarray(id * row, (id + 1) * row), i * row)
    }
    return out
  },
  lower: ([table, ids], { avals: [a, i] }) => ({
    kind: 'map',
    at: (coords) => {
      const id = dataIndex(ids(coords.slice(0, i.shape.length)), a.shape[0]!)
      return table([id, ...coords.slice(i.shape.length)])
    },
  }),
})

/** Σ of the rows of `ct` that share an id, as a table: f32[...S, ...R], i32[...S] -> f32[V, ...R]. */
const scatterRows = (ct: Expr, ids: Expr, table: Aval): Expr => {
  const n = sizeOf(ids.aval.shape)
  const flat = reshape({ shape: [n] }, ids)
  return scatterOrdered(ct, flat, argsort(flat), table)
}

/**
 * The same with the order of the ids given (`order[r]` is the position of the r-th smallest id): hosts bring it along with
 * input ids, which saves sorting on the device.
 */
export const scatterOrdered = (ct: Expr, flatIds: Expr, order: Expr, table: Aval): Expr => {
  const [v, ...rest] = table.shape as readonly [number, ...number[]]
  const n = flatIds.aval.shape[0]!
  const rows = reshape({ shape: [n, sizeOf(rest)] }, ct)
  const starts = searchSorted(gather(flatIds, order), iota({ shape: [v + 1], axis: 0 }))
  return reshape({ shape: table.shape }, segmentSum(rows, order, starts))
}

/** order[r] = position of the r-th smallest id, ties in order of position: i32[N] -> i32[N]. N² comparisons on devices. */
export const argsort = (ids: Expr): Expr => invertPermutation(sortRank(ids))

/** rank[i] = number of elements that come before x_i in ascending order, ties by position; along the last axis. */
export const sortRank: Op<NoParams, 1> = definePlainOp<1>({
  name: 'sortRank',
  doc: 'rank[i] = #{j : x_j < x_i, or x_j = x_i and j < i} along the last axis',
  arity: 1,
  smoothness: 'none',
  shape: ([x]): Aval => {
    requireInt('sortRank', 'ids', x)
    if (x.shape.length < 1) shapeError('sortRank', 'at least one axis', [x])
    return x
  },
  jvp: null,
  vjp: null,
  batch: ([x]) => sortRank(x.expr),
  eval: ([x], { aval }) => {
    const out = new Float64Array(x.length)
    const n = aval.shape.at(-1)!
    for (let from = 0; from < x.length; from += n) {
      const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => x[from + i]! - x[from + j]! || i - j)
      order.forEach((i, r) => {
        out[from + i] = r
      })
    }
    return out
  },
  lower: ([x], { aval }) => ({
    kind: 'reduce',
    fn: 'sum',
    sizes: [aval.shape.at(-1)!],
    body: (out, [j]) => {
      const mine = x(out)
      const other = x([...out.slice(0, -1), j!])
      const before = binary('lt', ofIndex(j!), ofIndex(out.at(-1)!))
      const first = binary('or', binary('lt', other, mine), binary('and', binary('eq', other, mine), before))
      return select(first, int(1), int(0))
    },
  }),
})

/** y[p[i]] = i along the last axis, for a permutation p. */
export const invertPermutation: Op<NoParams, 1> = definePlainOp<1>({
  name: 'invertPermutation',
  doc: 'y[p_i] = i along the last axis',
  arity: 1,
  smoothness: 'none',
  shape: ([p]): Aval => {
    requireInt('invertPermutation', 'a permutation', p)
    if (p.shape.length < 1) shapeError('invertPermutation', 'at least one axis', [p])
    return p
  },
  jvp: null,
  vjp: null,
  batch: ([p]) => invertPermutation(p.expr),
  eval: ([p], { aval }) => {
    const out = new Float64Array(p.length)
    const n = aval.shape.at(-1)!
    for (let i = 0; i < p.length; i++) out[i - (i % n) + p[i]!] = i % n
    return out
  },
  lower: ([p], { aval }) => ({
    kind: 'reduce',
    fn: 'sum',
    sizes: [aval.shape.at(-1)!],
    body: (out, [i]) => select(binary('eq', p([...out.slice(0, -1), i!]), ofIndex(out.at(-1)!)), ofIndex(i!), int(0)),
  }),
})

/** y[q] = number of elements of the ascending array x that are < query_q (the lower bound). i32[N], i32[Q] -> i32[Q]. */
export const searchSorted: Op<NoParams, 2> = definePlainOp<2>({
  name: 'searchSorted',
  doc: 'y[q] = #{i : x_i < query_q} for ascending x',
  arity: 2,
  smoothness: 'none',
  shape: ([x, queries]): Aval => {
    requireInt('searchSorted', 'an ascending array', x)
    requireInt('searchSorted', 'queries', queries)
    if (x.shape.length !== 1) shapeError('searchSorted', 'one axis to search', [x, queries])
    return queries
  },
  jvp: null,
  vjp: null,
  batch: ([x, queries], _, size) => {
    if (!x.batched) return searchSorted(x.expr, queries.expr)
    // Batched haystacks: compare with all elements. Only ever needed for vmapped gradients of gather.
    const [n] = x.expr.aval.shape.slice(1) as [number]
    const [all] = alignBatch([queries], size) as [Expr]
    const q = all.aval.shape
    const flatQueries = reshape({ shape: [size, sizeOf(q.slice(1))] }, all)
    return reshape({ shape: q }, countBelow(x.expr, flatQueries, n))
  },
  eval: ([x, queries]) =>
    queries.map((q) => {
      let [lo, hi] = [0, x.length]
      while (lo < hi) {
        const mid = (lo + hi) >> 1
        if (x[mid]! < q) lo = mid + 1
        else hi = mid
      }
      return lo
    }),
  lower: ([x, queries], { avals: [a] }) => ({
    kind: 'map',
    at: (coords) => {
      const n = a.shape[0]!
      const query = queries(coords)
      // Branchless lower bound: steps of falling powers of two, unrolled.
      let found: Scalar = int(0)
      for (let step = 2 ** Math.floor(Math.log2(Math.max(1, n))); n > 0 && step >= 1; step /= 2) {
        const next = binary('add', found, int(step))
        const probe = x([dataIndex(binary('sub', next, int(1)), n)])
        const take = binary('and', binary('le', next, int(n)), binary('lt', probe, query))
        found = select(take, next, found)
      }
      return found
    },
  }),
})

/** count[b, q] = #{i : x[b, i] < queries[b, q]}: one reduction, for batches of haystacks. */
const countBelow: (x: Expr, queries: Expr, n: number) => Expr = (x, queries, n) => {
  const [b, q] = queries.aval.shape as readonly [number, number]
  return countLess(
    repeat({ axes: [1], sizes: [q] }, x), // [b, q, n]
    repeat({ axes: [2], sizes: [n] }, reshape({ shape: [b, q] }, queries)),
  )
}

/** y[...] = #{i : x[..., i] < z[..., i]} along the last axis. */
export const countLess: Op<NoParams, 2> = definePlainOp<2>({
  name: 'countLess',
  doc: 'y = #{i : x_i < z_i} along the last axis',
  arity: 2,
  smoothness: 'none',
  shape: ([x, z]): Aval => {
    requireInt('countLess', 'numbers', x)
    requireInt('countLess', 'numbers', z)
    if (x.shape.length < 1 || x.shape.join() !== z.shape.join())
      shapeError('countLess', 'two arrays of one shape', [x, z])
    return { shape: x.shape.slice(0, -1), dtype: 'i32' }
  },
  jvp: null,
  vjp: null,
  batch: (inputs, _, size) => countLess(...asTuple<Expr, 2>(alignBatch(inputs, size))),
  eval: ([x, z], { avals: [a], aval }) => {
    const out = new Float64Array(sizeOf(aval.shape))
    const n = a.shape.at(-1)!
    for (let i = 0; i < x.length; i++) if (x[i]! < z[i]!) out[Math.floor(i / n)] = out[Math.floor(i / n)]! + 1
    return out
  },
  lower: ([x, z], { avals: [a] }) => ({
    kind: 'reduce',
    fn: 'sum',
    sizes: [a.shape.at(-1)!],
    body: (out, [i]) => select(binary('lt', x([...out, i!]), z([...out, i!])), int(1), int(0)),
  }),
})

/**
 * y[v] = Σ x[order[r]] over r in [starts[v], starts[v+1]): sums of runs of rows taken in a given order.
 * shapes  f32[N, D], order i32[N], starts i32[V+1] ascending -> f32[V, D]. Accumulates in f32 in the order given.
 */
export const segmentSum: Op<NoParams, 3> = definePlainOp<3>({
  name: 'segmentSum',
  doc: 'y[v] = Σ x[order_r], starts_v ≤ r < starts_{v+1}',
  arity: 3,
  smoothness: 'smooth',
  shape: ([x, order, starts]): Aval => {
    requireFloat('segmentSum', x)
    requireInt('segmentSum', 'an order', order)
    requireInt('segmentSum', 'starts', starts)
    if (x.shape.length !== 2 || order.shape.length !== 1 || starts.shape.length !== 1 || starts.shape[0] === 0)
      shapeError('segmentSum', 'x[N, D], order[M], starts[V+1]', [x, order, starts])
    return { shape: [starts.shape[0]! - 1, x.shape[1]!], dtype: x.dtype }
  },
  jvp: ([t], { inputs: [, order, starts] }) => (t === null ? null : segmentSum(t, order, starts)),
  vjp: (ct, { inputs: [x, order, starts] }) => [gather(ct, segmentOf(x, order, starts)), null, null],
  batch: ([x, order, starts], _, size) => {
    if (!order.batched && !starts.batched) {
      // The batch joins the columns.
      const [b, n, d] = x.expr.aval.shape as readonly [number, number, number]
      const wide = reshape({ shape: [n, b * d] }, transpose({ perm: [1, 0, 2] }, x.expr))
      const sums = segmentSum(wide, order.expr, starts.expr)
      const v = sums.aval.shape[0]!
      return transpose({ perm: [1, 0, 2] }, reshape({ shape: [v, b, d] }, sums))
    }
    return batchedSegments(alignBatch([x, order, starts], size), size)
  },
  eval: ([x, order, starts], { avals: [a], aval }) => {
    const out = new Float64Array(sizeOf(aval.shape))
    const d = a.shape[1]!
    for (let v = 0; v < aval.shape[0]!; v++)
      for (let r = starts[v]!; r < starts[v + 1]!; r++)
        for (let j = 0; j < d; j++) out[v * d + j] = out[v * d + j]! + x[order[r]! * d + j]!
    return out
  },
  lower: ([x, order, starts], { avals: [a, o] }) => ({
    kind: 'reduce',
    fn: 'sum',
    sizes: [o.shape[0]!],
    count: ([v]) => binary('sub', endOf(starts, v!), starts([v!])),
    body: ([v, j], [r]) => {
      const n = o.shape[0]!
      const at = dataIndex(binary('add', starts([v!]), ofIndex(r!)), n)
      return x([dataIndex(order([at]), a.shape[0]!), j!])
    },
  }),
})

const endOf = (starts: Access, v: Parameters<Access>[0][number]): Scalar => starts([addIndex(v, constIndex(1))])

/** The segment that each row of x falls in: the transpose's gather indices. Rows in no segment do not occur. */
const segmentOf = (x: Expr, order: Expr, starts: Expr): Expr => {
  const n = order.aval.shape[0]!
  if (x.aval.shape[0] !== n) shapeError('segmentSum', 'an order of all rows for its derivative', [x.aval, order.aval])
  // Row i stands at place rank[i] of the order; its segment is the last v with starts[v] <= rank[i].
  const rank = invertPermutation(order)
  const one = literal({ value: 1, shape: [n], dtype: 'i32' })
  const above = searchSorted(starts, add(rank, one))
  return add(above, literal({ value: -1, shape: [n], dtype: 'i32' }))
}

/** Segments of each batch entry laid end to end. */
const batchedSegments = (inputs: readonly Expr[], size: number): Expr => {
  const [x, order, starts] = inputs as [Expr, Expr, Expr]
  const [, n, d] = x.aval.shape as readonly [number, number, number]
  const m = order.aval.shape[1]!
  const v = starts.aval.shape[1]! - 1
  const offset = (e: Expr, by: number): Expr =>
    add(e, mul(iota({ shape: e.aval.shape, axis: 0 }), literal({ value: by, shape: e.aval.shape, dtype: 'i32' })))
  // Every entry keeps its V+1 starts, so that between two entries lies one segment more, which is dropped.
  const allStarts = reshape({ shape: [size * (v + 1)] }, offset(starts, m))
  const closed = concat({ axis: 0 }, allStarts, literal({ value: size * m, shape: [1], dtype: 'i32' }))
  const sums = segmentSum(
    reshape({ shape: [size * n, d] }, x),
    reshape({ shape: [size * m] }, offset(order, n)),
    closed,
  )
  return slice({ start: [0, 0, 0], size: [size, v, d] }, reshape({ shape: [size, v + 1, d] }, sums))
}
