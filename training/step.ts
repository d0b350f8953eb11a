import {
  add,
  allReduce,
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
  sliceAxis,
  where,
  zerosLikeTree,
  zipExprs,
  type Aval,
  type Expr,
  type ExprTree,
  type Key,
  type Tree,
} from '../core'
import { valueAndGradAux } from '../autodiff'
import { stagesOf, type Exchange, type Program } from '../kernels'
import type { LossFn, PretrainInputs } from './objectives'
import { globalNorm, type GradientTransformation } from './optim'

export interface StepSpec<P extends ExprTree = ExprTree, B = PretrainInputs> {
  readonly loss: LossFn<P, B>
  readonly optimizer: GradientTransformation
  readonly params: Tree<Aval>
  /** Of the rows that are computed at once. */
  readonly batch: { readonly [name: string]: Aval }
  /** Ranks that share a step's rows; the optimizer is of as many (`zeroSharded`). Default 1. */
  readonly ranks?: number
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

/** Everything that a step is given and keeps, by name: `params/*` and `optimizer/*`. */
export const residentAvals = (optimizer: GradientTransformation, params: Tree<Aval>): ReadonlyMap<string, Aval> => {
  const named = (prefix: string, tree: Tree<Aval>): readonly (readonly [string, Aval])[] =>
    leavesOf<Aval>(tree).map(([path, aval]) => [`${prefix}/${path}`, aval])
  return new Map([...named('params', params), ...named('optimizer', stateAvals(optimizer, params))])
}

/** The seed of a run, as 16-bit limbs that come with every step: one plan serves all seeds. */
const runKey = (): Key => keyOf({ lo: input('seed/lo', [], 'i32'), hi: input('seed/hi', [], 'i32') })

const outputsOf = (prefix: string, tree: ExprTree): Program['outputs'] =>
  leavesOf<Expr>(tree).map(([path, value]) => ({ name: path === '' ? prefix : `${prefix}/${path}`, value }))

/** Scalars by name. */
type Metrics = { readonly [name: string]: Expr }

/** All logged scalars as one vector: one read a step. */
const logOf = (metrics: Metrics): { readonly value: Expr; readonly logged: readonly string[] } => {
  const logged = Object.keys(metrics).sort()
  return { value: concat(logged.map((name) => reshape(metrics[name]!, [1]))), logged }
}

const scalarsOf = (vector: Expr, names: readonly string[]): Metrics =>
  Object.fromEntries(names.map((name, i) => [name, reshape(sliceAxis(vector, 0, i, 1), [])]))

/** Metrics of all ranks' rows: sums, as losses and metrics are over counts of the whole batch. */
const ofAllRanks = (metrics: Metrics, ranks: number): Metrics => {
  if (ranks === 1) return metrics
  const { value, logged } = logOf(metrics)
  return scalarsOf(allReduce({ ranks }, value), logged)
}

/** A step's parts take these holes: parameters, the optimizer's state, and the loss scale that is read from it. */
interface Held<P extends ExprTree> {
  readonly params: P
  readonly state: ExprTree
  readonly scale: Expr | undefined
}

const heldBy = <P extends ExprTree>({ optimizer, params }: Pick<StepSpec<P>, 'optimizer' | 'params'>): Held<P> => {
  const state = holes('optimizer', stateAvals(optimizer, params))
  return { params: holes('params', params) as P, state, scale: optimizer.lossScale?.(state) }
}

/** First part of a step: the gradient of the loss on some rows, times the loss scale, and what is logged of the loss. */
const gradientPart = <P extends ExprTree, B>(
  loss: LossFn<P, B>,
  { params, scale }: Held<P>,
  data: B,
): { readonly scaled: P; readonly metrics: Metrics } => {
  const { grads, aux } = valueAndGradAux((q: P) => {
    const { loss: value, metrics } = loss(q, data, runKey())
    return { loss: scale === undefined ? value : mul(value, scale), aux: { ...metrics, loss: value } }
  })(params)
  return { scaled: grads, metrics: aux }
}

/** Second part: the true gradient of all rows, the update by it, and the log. */
const updatePart = <P extends ExprTree>(
  { optimizer, ranks = 1 }: Pick<StepSpec<P>, 'optimizer' | 'ranks'>,
  { params, state, scale }: Held<P>,
  scaled: P,
  metrics: Metrics,
): { readonly outputs: Program['outputs']; readonly logged: readonly string[] } => {
  const grads = scale === undefined ? scaled : mapExprs(scaled, (g) => mul(g, div(1, scale)))
  const result = scope('optimizer', () => optimizer.update(grads, state, params))
  const { updates, state: after, isApplied, gradNorm = globalNorm(grads) } = result
  const next = zipExprs(params, updates, (x, u) =>
    isApplied === undefined ? add(x, u) : where(isApplied, add(x, u), x),
  )
  const { value: log, logged } = logOf({
    ...ofAllRanks(metrics, ranks),
    gradNorm,
    ...(scale === undefined ? {} : { lossScale: scale }),
    ...(isApplied === undefined ? {} : { skipped: cast(not(isApplied), 'f32') }),
    ...(optimizer.skippedSteps === undefined ? {} : { skippedBefore: optimizer.skippedSteps(state) }),
    ...(optimizer.isExhausted === undefined ? {} : { exhausted: optimizer.isExhausted(after) }),
  })
  return {
    outputs: [...outputsOf('params', next), ...outputsOf('optimizer', after), { name: 'log', value: log }],
    logged,
  }
}

const namesOf = (...trees: readonly ExprTree[]): readonly string[] =>
  trees.flatMap(exprLeaves).map((e) => e.params.name as string)

const seedNames = ['seed/lo', 'seed/hi']

/** Which of several ranks this is, i32[]: what `zeroSharded` of a step's optimizer is given. */
export const rankInput = (): Expr => input(rankName, [], 'i32')
const rankName = 'rank'
const rankNames = (ranks = 1): readonly string[] => (ranks === 1 ? [] : [rankName])

/**
 * One training step as one program: loss, gradient, update. Inputs `params/*`, `optimizer/*`, `batch/*`, `seed/*` and `rank`; outputs the
 * next `params/*` and `optimizer/*`, and `log`: the metrics, the loss, the gradient's global norm, and what a loss scale does. All inputs
 * are donated.
 */
export const trainStep = <P extends ExprTree, B = PretrainInputs>(spec: StepSpec<P, B>): LoggedProgram => {
  const held = heldBy<P>(spec)
  const data = holes('batch', spec.batch)
  const { scaled, metrics } = gradientPart(spec.loss, held, data as B)
  const { outputs, logged } = updatePart(spec, held, scaled, metrics)
  const donated = [...namesOf(held.params, held.state, data), ...seedNames, ...rankNames(spec.ranks)]
  return { program: { outputs, donated }, logged }
}

/** A program of a step, and how often it runs in one. */
export interface StepProgram {
  readonly name: 'step' | 'begin' | 'accumulate' | 'apply'
  readonly program: Program
  readonly times: number
  /** Whether each run takes a micro-batch, `batch/*`, and the seed, `seed/*`. */
  readonly takesBatch: boolean
  /** Whether it takes the number of the rank, `rank`. */
  readonly takesRank: boolean
  /** What follows it on all ranks together. */
  readonly exchanges: readonly Exchange[]
}
export interface StepPrograms {
  /** In the order they run in. What a program gives takes the place, by name, of what it was donated. */
  readonly programs: readonly StepProgram[]
  readonly logged: readonly string[]
}

/** A program cut where ranks exchange: the first stage takes what is new. */
const inStages = ({
  program,
  takesBatch,
  ...rest
}: Omit<StepProgram, 'takesRank' | 'exchanges'>): readonly StepProgram[] =>
  stagesOf(program).map((stage, s) => ({
    ...rest,
    ...stage,
    takesBatch: takesBatch && s === 0,
    takesRank: (program.donated ?? []).includes(rankName) && s === 0,
  }))

/**
 * A training step over `microBatches` batches of the rows of `spec.batch`. One: `trainStep`. More: `begin` makes gradients of zero,
 * `accumulate` adds those of each micro-batch and what is logged of its loss, `apply` updates by their sums. That is the step of all rows at
 * once up to the order of summation, since losses and metrics are sums over counts of the whole batch (see PretrainInputs). Of several ranks, programs
 * are cut where these exchange something: each has rows of its own, and the step is that of all rows.
 * throws  ShapeError from the loss or the optimizer
 */
export const stepPrograms = <P extends ExprTree, B = PretrainInputs>(
  spec: StepSpec<P, B>,
  microBatches: number,
): StepPrograms => {
  if (microBatches === 1) {
    const { program, logged } = trainStep(spec)
    return { programs: inStages({ name: 'step', program, times: 1, takesBatch: true }), logged }
  }
  const held = heldBy<P>(spec)
  const data = holes('batch', spec.batch)
  const { scaled, metrics } = gradientPart(spec.loss, held, data as B)
  const { value: terms, logged: summed } = logOf(metrics)
  const gradients = holes('gradients', avalsOf(scaled)) as P
  const partial = holes('partial', terms.aval) as Expr
  const sums = namesOf(gradients, partial)
  const begin = [...outputsOf('gradients', zerosLikeTree(gradients)), ...outputsOf('partial', zerosLikeTree(partial))]
  const added = zipExprs(gradients, scaled, (sum, g) => add(sum, g))
  const { outputs, logged } = updatePart(spec, held, gradients, scalarsOf(partial, summed))
  return {
    programs: [
      ...inStages({ name: 'begin', program: { outputs: begin }, times: 1, takesBatch: false }),
      ...inStages({
        name: 'accumulate',
        program: {
          outputs: [...outputsOf('gradients', added), { name: 'partial', value: add(partial, terms) }],
          donated: [...sums, ...namesOf(data), ...seedNames],
        },
        times: microBatches,
        takesBatch: true,
      }),
      ...inStages({
        name: 'apply',
        program: { outputs, donated: [...namesOf(held.params, held.state), ...sums, ...rankNames(spec.ranks)] },
        times: 1,
        takesBatch: false,
      }),
    ],
    logged,
  }
}

/** The loss and its metrics without a gradient, for held-out text. Parameters are not donated. */
export const evalStep = <P extends ExprTree, B = PretrainInputs>({
  loss,
  params,
  batch,
}: Omit<StepSpec<P, B>, 'optimizer'>): LoggedProgram => {
  const data = holes('batch', batch)
  const parts = loss(holes('params', params) as P, data as B, runKey())
  const { value: log, logged } = logOf({ ...parts.metrics, loss: parts.loss })
  return {
    program: {
      outputs: [{ name: 'log', value: log }],
      donated: [...namesOf(data), ...seedNames],
    },
    logged,
  }
}

/** The optimizer's state before the first step, made on the device. */
export const initialState = (optimizer: GradientTransformation, params: Tree<Aval>): Program => ({
  outputs: outputsOf('optimizer', optimizer.init(holes('params', params))),
})
