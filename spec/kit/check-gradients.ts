import fc from 'fast-check'
import type { Expr } from '../../core'
import { problemsOf, type InputSpecs, type Sizes } from './arbitraries/problem'
import { isDual, isLinear, matchesFiniteDifferences, matchesSecondOrder } from './laws/gradient'
import { isMoving } from './laws/build'
import { aligned, LawError, showFault, showProblem, type Problem } from './laws/problem'
import { equalsItsRemat, keepsPerturbationsApart, mapsGradientsOverStacks, mapsOverStacks } from './laws/program'

/** The laws of a differentiable function, in the order they are checked. Only the first and the fourth are oracles. */
export const laws = {
  finiteDifferences: matchesFiniteDifferences,
  duality: isDual,
  linearity: isLinear,
  secondOrder: matchesSecondOrder,
  vmap: mapsOverStacks,
  vmapGradient: mapsGradientsOverStacks,
  remat: equalsItsRemat,
  perturbations: (p: Problem): void => keepsPerturbationsApart(p),
} as const satisfies Readonly<Record<string, (p: Problem) => void>>

export type LawName = keyof typeof laws
export const lawNames = Object.keys(laws) as readonly LawName[]

export interface CheckOptions {
  /** What to call the function in messages; by default its op's name or its own. */
  readonly name?: string
  /** Bounds of named axes. Default 1 to 5 for each; `{ N: { min: 0 } }` admits empty ones. */
  readonly sizes?: Sizes
  /** Which laws; all by default. A function of 16-bit floats, say, has no finite differences. */
  readonly laws?: readonly LawName[]
  /** Cases drawn for each law. Default 100. */
  readonly numRuns?: number
  /** Of the generator. Default: the time. A failure prints it. */
  readonly seed?: number
  /** The case to start from, as a failure prints it. */
  readonly path?: string
}

/** A law that a function breaks, with the smallest case that was found. */
export class GradientError extends Error {
  readonly _tag = 'GradientError'
  constructor(
    message: string,
    /** The law by its name in `laws`. */
    readonly law: LawName,
    readonly counterexample: Problem,
    readonly seed: number,
    readonly path: string,
  ) {
    super(message)
    this.name = 'GradientError'
  }
}

/**
 * Check the derivatives of a function of your own, or of an op: draws shapes and numbers, tries every law on them, and
 * shrinks what breaks one.
 *
 *     checkGradients((x, w) => tanh(matmul(x, w)), { x: { shape: ['B', 'I'] }, w: { shape: ['I', 'O'] } })
 *
 * `f` takes the inputs in the order they are described in. Finite differences need a smooth function at the numbers drawn:
 * keep kinks out of `values`.
 *
 * throws  GradientError: one message with the law, the shrunk inputs, got, want, and the seed and path that replay it
 */
export const checkGradients = (
  f: (...args: readonly Expr[]) => Expr,
  inputs: InputSpecs,
  options: CheckOptions = {},
): void => {
  const { sizes = {}, numRuns = 100, laws: chosen = lawNames, seed = Date.now() >>> 0 } = options
  const name = options.name ?? nameOf(f)
  const problems = problemsOf(name, f, inputs, sizes)
  const [sample] = fc.sample(problems, { numRuns: 1, seed: 0 })
  if (sample?.args.some(isMoving) !== true)
    throw new Error(
      `checkGradients: expected at least one float input that is not fixed, got ${Object.keys(inputs).join(', ')}`,
    )
  for (const law of chosen) {
    const path = options.path === undefined ? {} : { path: options.path }
    const run = fc.check(
      fc.property(problems, (p) => laws[law](p)),
      { seed, numRuns, ...path },
    )
    if (run.counterexample === null) continue
    const [problem] = run.counterexample
    const error = run.errorInstance
    const story = error instanceof LawError ? showFault(error.fault, problem) : showCrash(error, problem, law)
    const at = run.counterexamplePath ?? ''
    const replay = `{ seed: ${run.seed}, path: '${at}', laws: ['${law}'] }`
    const lines = [
      story,
      ...aligned([
        ['found', `in case ${run.numRuns} of ${numRuns}, then shrunk ${run.numShrinks} times`],
        ['replay', `checkGradients(f, inputs, ${replay})`],
      ]),
    ]
    throw Object.assign(new GradientError(lines.join('\n'), law, problem, run.seed, at), { cause: error })
  }
}

const showCrash = (error: unknown, problem: Problem, law: LawName): string =>
  [
    `${problem.name} throws while ${law} is checked: ${error instanceof Error ? error.message : String(error)}`,
    ...showProblem(problem),
  ].join('\n')

const nameOf = (f: (...args: readonly Expr[]) => Expr): string => {
  const { spec } = f as { readonly spec?: { readonly name: string } }
  return spec?.name ?? (f.name === '' ? 'the function' : f.name)
}
