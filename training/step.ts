import {
  add,
  cast,
  concat,
  div,
  exprLeaves,
  input,
  keyOf,
  leavesOf,
  mapExprs,
  mapTree,
  mul,
  not,
  reshape,
  scope,
  where,
  zipExprs,
  type Aval,
  type Expr,
  type ExprTree,
  type Key,
  type Tree,
} from '../core'
import { valueAndGradAux } from '../autodiff'
import type { Program } from '../kernels'
import type { LossFn, PretrainInputs } from './objectives'
import { globalNorm, type GradientTransformation } from './optim'

export interface StepSpec<P extends ExprTree = ExprTree> {
  readonly loss: LossFn<P>
  readonly optimizer: GradientTransformation
  readonly params: Tree<Aval>
  readonly batch: { readonly [name: string]: Aval }
}

/** A program and the names of the scalars in its `log` output, in order. */
export interface LoggedProgram {
  readonly program: Program
  readonly logged: readonly string[]
}

/** Holes of the given avals, named by path after a prefix. */
export const holes = (prefix: string, avals: Tree<Aval>): ExprTree =>
  mapTree<Aval, Expr>(avals, (a, path) => input(path === '' ? prefix : `${prefix}/${path}`, a.shape, a.dtype))

const avalsOf = (tree: ExprTree): Tree<Aval> => mapTree<Expr, Aval>(tree, (e) => e.aval)

/** The avals of an optimizer's state for parameters of these avals. */
export const stateAvals = (optimizer: GradientTransformation, params: Tree<Aval>): Tree<Aval> =>
  avalsOf(optimizer.init(holes('params', params)))

/** The seed of a run, as 16-bit limbs that come with every step: one plan serves all seeds. */
const runKey = (): Key => keyOf({ lo: input('seed/lo', [], 'i32'), hi: input('seed/hi', [], 'i32') })

const outputsOf = (prefix: string, tree: ExprTree): Program['outputs'] =>
  leavesOf<Expr>(tree).map(([path, value]) => ({ name: path === '' ? prefix : `${prefix}/${path}`, value }))

/** All logged scalars as one vector: one read a step. */
const logOf = (metrics: {
  readonly [name: string]: Expr
}): { readonly value: Expr; readonly logged: readonly string[] } => {
  const logged = Object.keys(metrics).sort()
  return { value: concat(logged.map((name) => reshape(metrics[name]!, [1]))), logged }
}

/**
 * One training step as one program: loss, gradient, update. Inputs `params/*`, `optimizer/*`, `batch/*`, `seed/*`; outputs the
 * next `params/*` and `optimizer/*`, and `log`: the metrics, the loss, the gradient's global norm, and what a loss scale does. All inputs
 * are donated.
 */
export const trainStep = <P extends ExprTree>({ loss, optimizer, params, batch }: StepSpec<P>): LoggedProgram => {
  const p = holes('params', params) as P
  const state = holes('optimizer', stateAvals(optimizer, params))
  const data = holes('batch', batch) as PretrainInputs
  const scale = optimizer.lossScale?.(state)
  const differentiated = valueAndGradAux((q: P) => {
    const { loss: value, metrics } = loss(q, data, runKey())
    return { loss: scale === undefined ? value : mul(value, scale), aux: { ...metrics, loss: value } }
  })(p)
  const grads =
    scale === undefined ? differentiated.grads : mapExprs(differentiated.grads, (g) => mul(g, div(1, scale)))
  const { updates, state: after, isApplied } = scope('optimizer', () => optimizer.update(grads, state, p))
  const next = zipExprs(p, updates, (x, u) => (isApplied === undefined ? add(x, u) : where(isApplied, add(x, u), x)))
  const { value: log, logged } = logOf({
    ...differentiated.aux,
    gradNorm: globalNorm(grads),
    ...(scale === undefined ? {} : { lossScale: scale }),
    ...(isApplied === undefined ? {} : { skipped: cast(not(isApplied), 'f32') }),
    ...(optimizer.skippedSteps === undefined ? {} : { skippedBefore: optimizer.skippedSteps(state) }),
    ...(optimizer.isExhausted === undefined ? {} : { exhausted: optimizer.isExhausted(after) }),
  })
  const inputs = [...leavesOf<Expr>(p), ...leavesOf<Expr>(state), ...leavesOf<Expr>(data)]
  return {
    program: {
      outputs: [...outputsOf('params', next), ...outputsOf('optimizer', after), { name: 'log', value: log }],
      donated: [...inputs.map(([, e]) => e.params.name as string), 'seed/lo', 'seed/hi'],
    },
    logged,
  }
}

/** The loss and its metrics without a gradient, for held-out text. Parameters are not donated. */
export const evalStep = <P extends ExprTree>({
  loss,
  params,
  batch,
}: Omit<StepSpec<P>, 'optimizer'>): LoggedProgram => {
  const data = holes('batch', batch) as PretrainInputs
  const parts = loss(holes('params', params) as P, data, runKey())
  const { value: log, logged } = logOf({ ...parts.metrics, loss: parts.loss })
  return {
    program: {
      outputs: [{ name: 'log', value: log }],
      donated: [...exprLeaves(data).map((e) => e.params.name as string), 'seed/lo', 'seed/hi'],
    },
    logged,
  }
}

/** The optimizer's state before the first step, made on the device. */
export const initialState = (optimizer: GradientTransformation, params: Tree<Aval>): Program => ({
  outputs: outputsOf('optimizer', optimizer.init(holes('params', params))),
})
