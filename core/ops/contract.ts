import { sameShape, sizeOf, type Aval } from '../aval'
import { shapeError } from '../error'
import { binary } from '../loop'
import { asTuple, definePlainOp, requireFloat, type Batched, type Expr, type NoParams, type Op } from '../op'
import { add } from './elementwise'
import { alignBatch, reshape, transpose } from './structural'

/** Swap the last two axes. */
const swapped = (e: Expr): Expr => {
  const n = e.aval.shape.length
  return transpose({ perm: [...Array.from({ length: n - 2 }, (_, i) => i), n - 1, n - 2] }, e)
}

/**
 * z[b, i, j] = Σ_k x[b, i, k] y[b, k, j], over equal leading axes b. A transposed operand is a `transpose` node, which costs
 * nothing: kernels read through it. Accumulates in f32 and rounds once.
 */
export const matmul: Op<NoParams, 2> = definePlainOp<2>({
  name: 'matmul',
  doc: 'z[b,i,j] = Σ_k x[b,i,k] y[b,k,j]',
  arity: 2,
  smoothness: 'smooth',
  shape: ([x, y]): Aval => {
    requireFloat('matmul', x, y)
    const n = x.shape.length
    if (n < 2 || y.shape.length !== n || x.dtype !== y.dtype)
      shapeError('matmul', 'two arrays of one dtype with the same number of axes, at least 2', [x, y])
    if (!sameShape(x.shape.slice(0, -2), y.shape.slice(0, -2))) shapeError('matmul', 'equal batch axes', [x, y])
    if (x.shape[n - 1] !== y.shape[n - 2]) shapeError('matmul', `rhs axis ${n - 2} of size ${x.shape[n - 1]}`, [x, y])
    return { shape: [...x.shape.slice(0, -1), y.shape[n - 1]!], dtype: x.dtype }
  },
  vjp: (ct, { inputs: [x, y] }) => [matmul(ct, swapped(y)), matmul(swapped(x), ct)],
  jvp: ([tx, ty], { inputs: [x, y] }) => {
    const left = tx === null ? null : matmul(tx, y)
    const right = ty === null ? null : matmul(x, ty)
    return left === null ? right : right === null ? left : add(left, right)
  },
  batch: ([x, y], _, size) => {
    // A shared right-hand side with no batch axes of its own: the batch joins the rows.
    if (!y.batched && y.expr.aval.shape.length === 2) {
      const [b, m, k] = x.expr.aval.shape as readonly [number, number, number]
      const rows = matmul(reshape({ shape: [b * m, k] }, x.expr), y.expr)
      return reshape({ shape: [b, m, y.expr.aval.shape[1]!] }, rows)
    }
    return matmul(...asTuple<Expr, 2>(alignBatch([x, y] as readonly Batched[], size)))
  },
  eval: ([x, y], { avals: [a, b], aval }) => {
    const [m, k] = a.shape.slice(-2) as [number, number]
    const n = b.shape.at(-1)!
    const out = new Float64Array(sizeOf(aval.shape))
    const batches = sizeOf(a.shape.slice(0, -2))
    for (let s = 0; s < batches; s++)
      for (let i = 0; i < m; i++)
        for (let l = 0; l < k; l++) {
          const v = x[(s * m + i) * k + l]!
          const row = (s * k + l) * n
          const to = (s * m + i) * n
          for (let j = 0; j < n; j++) out[to + j] = out[to + j]! + v * y[row + j]!
        }
    return out
  },
  lower: ([x, y], { avals: [a] }) => ({
    kind: 'reduce',
    fn: 'sum',
    sizes: [a.shape.at(-1)!],
    body: (out, [k]) => {
      const batch = out.slice(0, -2)
      const [i, j] = out.slice(-2)
      return binary('mul', x([...batch, i!, k!]), y([...batch, k!, j!]))
    },
  }),
})
