import {
  add,
  crossEntropy,
  div,
  evaluate,
  expandDims,
  exprLeaves,
  linear,
  logSoftmax,
  mapExprs,
  matmul,
  ops,
  substitute,
  sum,
  tanh,
  topological,
  where,
  type DType,
  type Expr,
  type ExprTree,
  type InputValues,
} from '../../../core'
import { grad } from '../../../autodiff'
import type { LinearParams } from '../../../models'
import type { LogPosterior, RobustBatch } from '../../../training/robust'
import type { LossFn } from '../../../training/objectives'
import { noise } from '../../kit/laws/problem'
import { drawn } from '../../models/tasks/specimens'

/** Sizes of the smallest model that reads texts: tokens T of D numbers each, C classes. */
export const [T, D, C] = [4, 3, 3]

export type ReaderParams = { readonly mix: Expr; readonly out: LinearParams }
export type ReaderBatch = RobustBatch & { readonly embedded: Expr; readonly targets: Expr }

export const reader: ReaderParams = {
  mix: drawn(1, [D, D], 1.5),
  out: { weight: drawn(2, [D, C], 2), bias: drawn(3, [C], 0.5) },
}

const array = (data: readonly number[], dtype: DType, ...shape: readonly number[]): Expr =>
  ops.constantArray({ data, shape, dtype })

/** Texts of 4, 3, 1, 2, 4 tokens, and so on: rows [from, to) of a batch of `all` examples, of which the last one fills up. */
export const textsOf = (from: number, to: number, all: number, width = T): ReaderBatch => {
  const rows = Array.from({ length: to - from }, (_, i) => from + i)
  const lengths = rows.map((i) => [4, 3, 1, 2][i % 4]!)
  const token = (i: number, t: number, d: number): number => Math.sin(1 + 7 * i + 3 * t + 1.3 * d) // padding has numbers, too
  return {
    embedded: array(rows.flatMap((i) => Array.from({ length: width * D }, (_, k) => token(i, Math.floor(k / D), k % D))), 'f32', rows.length, width, D), // prettier-ignore
    isToken: array(lengths.flatMap((n) => Array.from({ length: width }, (_, t) => (t < n ? 1 : 0))), 'bool', rows.length, width), // prettier-ignore
    targets: array(rows.map((i) => i % C), 'i32', rows.length), // prettier-ignore
    weights: array(rows.map((i) => (i === all - 1 ? 0 : 1)), 'f32', rows.length), // prettier-ignore
    count: array([all - 1], 'f32', 1),
    exampleLo: array(rows.map((i) => 100 + i), 'i32', rows.length), // prettier-ignore
    exampleHi: array(rows.map(() => 3), 'i32', rows.length), // prettier-ignore
  }
}

/** ln softmax of a linear layer on the mean of tanh(x W) over the tokens. */
export const readerPosterior: LogPosterior<ReaderParams, ReaderBatch> = (p, batch, _key, perturb) => {
  const mask = expandDims(batch.isToken, 2)
  const states = where(mask, tanh(matmul(perturb(batch.embedded), p.mix)), 0) // [B, T, D]
  return logSoftmax(linear(p.out)(div(sum(states, 1), sum(where(mask, 1, 0), 1))))
}

/** The mean of -ln p(target). */
export const readerLoss: LossFn<ReaderParams, ReaderBatch> = (p, batch, key) => {
  const nll = crossEntropy(
    readerPosterior(p, batch, key, (e) => e),
    batch.targets,
  )
  const loss = div(sum(ops.mul(nll, batch.weights)), ops.reshape({ shape: [] }, batch.count))
  return { loss, metrics: { nll: loss } }
}

export const numbers = (e: Expr): readonly number[] => [...evaluate([e])[0]!]
export const numberOf = (e: Expr): number => numbers(e)[0]!

/** The expression with what it takes no derivative through at its value: what a gradient of it is the gradient of. */
export const held = (value: Expr, at: InputValues = new Map()): Expr => {
  const stopped = topological([value]).filter((e) => e.op.name === 'stopGradient')
  const values = evaluate(stopped, at)
  const fixed = stopped.map(({ aval }, i) => array([...values[i]!], aval.dtype, ...aval.shape))
  return substitute([value], new Map(stopped.map((e, i) => [e, fixed[i]!])))[0]!
}

/**
 * <∇f, t> and (f(p + h t) - f(p - h t)) / 2h along one direction, where what `f` stops the gradient of stays as it is at p; and ‖∇f‖. In
 * float64.
 */
export const slopes = <P extends ExprTree>(
  f: (p: P) => Expr,
  p: P,
): { readonly got: number; readonly want: number; readonly norm: number } => {
  const leaves = exprLeaves(p)
  const holes = leaves.map(({ aval }, i) => ops.input({ name: `p${i}`, shape: aval.shape, dtype: aval.dtype }))
  const asHoles = treeLike(p, holes)
  const at = evaluate(leaves)
  const directions = leaves.map(({ aval }, i) => noise(11, i, aval.shape.reduce((a, b) => a * b, 1))) // prettier-ignore
  const bind = (step: number): InputValues =>
    new Map(at.map((x, i) => [`p${i}`, [...x].map((v, k) => v + step * directions[i]![k]!)]))
  const still = held(f(asHoles), bind(0))
  const value = (step: number): number => evaluate([still], bind(step))[0]![0]!
  const grads = evaluate(exprLeaves(grad(f)(asHoles)), bind(0))
  const h = 1e-5
  return {
    got: grads.reduce((s, g, i) => s + g.reduce((t, x, k) => t + x * directions[i]![k]!, 0), 0),
    want: (value(h) - value(-h)) / (2 * h),
    norm: Math.hypot(...grads.flatMap((g) => [...g])),
  }
}

/** A tree of one structure with other leaves, in their order. */
const treeLike = <P extends ExprTree>(tree: P, leaves: readonly Expr[]): P => {
  let i = 0
  return mapExprs(tree, () => leaves[i++]!)
}

/** Noise that is added to what a model embeds. */
export const plus =
  (noise_: Expr) =>
  (e: Expr): Expr =>
    add(e, noise_)
