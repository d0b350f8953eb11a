import type { Aval } from '../aval'
import { shapeError } from '../error'
import { defineOp, requireFloat, type Expr, type Op } from '../op'
import { reshape, transpose } from './structural'

/**
 * Ops over ranks: the same program runs on `ranks` of them, each with values of its own, and these ops see all (MPI 4.1, §6). A program with
 * them is cut there (`stagesOf` in emend/kernels) and a communicator does what they say; with one rank they are identities. Sums go
 * from rank to rank: (x0 + x1) + x2 + ...
 */
export type Ranks = { readonly ranks: number }

export type CollectiveName = 'allReduce' | 'reduceScatter' | 'allGather'
export const isCollective = ({ op }: Expr): boolean =>
  op.name === 'allReduce' || op.name === 'reduceScatter' || op.name === 'allGather'

const checked = (op: CollectiveName, x: Aval, { ranks }: Ranks): Aval => {
  if (!Number.isInteger(ranks) || ranks < 1) shapeError(op, 'ranks: a whole number, 1 or more', [x])
  requireFloat(op, x)
  return x
}

const alone = (op: CollectiveName, { ranks }: Ranks): void => {
  if (ranks !== 1)
    throw new Error(`internal: ${op} over ${ranks} ranks cannot be computed by one: evaluateRanks, stagesOf`)
}

/** S vectors of N parts of k, [S, N · k], as one of N parts in which part r has all S vectors' parts r; and back. */
const partsFirst = (x: Expr, S: number, N: number, k: number): Expr =>
  reshape({ shape: [N * S * k] }, transpose({ perm: [1, 0, 2] }, reshape({ shape: [S, N, k] }, x)))
const partsBack = (x: Expr, S: number, N: number, k: number): Expr =>
  reshape({ shape: [S, N * k] }, transpose({ perm: [1, 0, 2] }, reshape({ shape: [N, S, k] }, x)))

/** Σ over ranks, of the same shape on each. */
export const allReduce: Op<Ranks, 1> = defineOp<Ranks, 1>({
  name: 'allReduce',
  doc: 'y = the sum over ranks of x, on every rank',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], p) => checked('allReduce', x, p),
  jvp: 'linear',
  vjp: (ct, { params }) => [allReduce(params, ct)],
  batch: ([x], params) => allReduce(params, x.expr),
  eval: ([x], { params }) => (alone('allReduce', params), x),
  lower: ([x], { params }) => (alone('allReduce', params), { kind: 'map', at: x }),
})

/** f32[ranks · k] -> f32[k]: rank r has part r of the sum over ranks. */
export const reduceScatter: Op<Ranks, 1> = defineOp<Ranks, 1>({
  name: 'reduceScatter',
  doc: 'y = part r of the sum over ranks of x, on rank r',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], p) => {
    const { shape, dtype } = checked('reduceScatter', x, p)
    if (shape.length !== 1 || shape[0]! % p.ranks !== 0)
      shapeError('reduceScatter', `[n], n a multiple of ${p.ranks} ranks`, [x])
    return { shape: [shape[0]! / p.ranks], dtype }
  },
  jvp: 'linear',
  vjp: (ct, { params }) => [allGather(params, ct)],
  batch: ([x], params, size) => {
    const k = x.expr.aval.shape[1]! / params.ranks
    return reshape({ shape: [size, k] }, reduceScatter(params, partsFirst(x.expr, size, params.ranks, k)))
  },
  eval: ([x], { params }) => (alone('reduceScatter', params), x),
  lower: ([x], { params }) => (alone('reduceScatter', params), { kind: 'map', at: x }),
})

/** f32[k] -> f32[ranks · k]: part r is rank r's x. */
export const allGather: Op<Ranks, 1> = defineOp<Ranks, 1>({
  name: 'allGather',
  doc: 'y = the parts of all ranks, one after another, on every rank',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], p) => {
    const { shape, dtype } = checked('allGather', x, p)
    if (shape.length !== 1) shapeError('allGather', '[n]', [x])
    return { shape: [shape[0]! * p.ranks], dtype }
  },
  jvp: 'linear',
  vjp: (ct, { params }) => [reduceScatter(params, ct)],
  batch: ([x], params, size) => {
    const k = x.expr.aval.shape[1]!
    return partsBack(allGather(params, reshape({ shape: [size * k] }, x.expr)), size, params.ranks, k)
  },
  eval: ([x], { params }) => (alone('allGather', params), x),
  lower: ([x], { params }) => (alone('allGather', params), { kind: 'map', at: x }),
})

type Numbers = Float64Array | Float32Array | Int32Array | Uint8Array

/** What a collective gives each rank for what all have, in the arithmetic of the arrays: by rank. */
export const exchanged = <A extends Numbers>(op: CollectiveName, xs: readonly A[]): readonly A[] => {
  const [first] = xs as readonly [A]
  if (op === 'allGather') {
    const whole = new (first.constructor as new (n: number) => A)(first.length * xs.length)
    xs.forEach((x, r) => whole.set(x, r * first.length))
    return xs.map(() => whole.slice() as A)
  }
  const total = first.slice() as A
  for (const x of xs.slice(1)) for (let i = 0; i < total.length; i += 1) total[i] = total[i]! + x[i]!
  const part = total.length / xs.length
  return xs.map((_, r) => (op === 'allReduce' ? total.slice() : total.slice(r * part, (r + 1) * part)) as A)
}
