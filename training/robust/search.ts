import { pullback } from '../../autodiff'
import {
  abs,
  add,
  and,
  lt,
  ops,
  reshape,
  scalar,
  shapeError,
  stopGradient,
  sum,
  where,
  zeros,
  type Expr,
  type Key,
} from '../../core'
import type { Perturbation } from '../../models'
import type { Divergence } from './divergence'
import { atTokens, normalLike } from './noise'

/** How noise is found: at random, and from there up what it does to the posterior. All f32[B, T, D]. */
export interface NoiseSearch {
  /** Where the noise is added: see Perturbation. */
  readonly at: 'output' | 'normalized'
  /** The first noise, of standard normals; those of padding are 0. */
  readonly start: (normals: Expr) => Expr
  readonly ascent?: Ascent
}

export interface Ascent {
  /** One at least. */
  readonly steps: number
  /** What the gradient is of; the clean side is held still. */
  readonly climbs: Divergence
  /** The noise after a step, from that before and the gradient there; both are 0 at padding. */
  readonly next: (noise: Expr, gradient: Expr, isLast: boolean) => Expr
}

/** Noise that was found, as a perturbation that no derivative passes. */
export interface FoundNoise {
  readonly perturb: Perturbation
  /** bool[B]: whether all gradients of a reading were finite; where one was not, its noise is 0. Undefined: there was none. */
  readonly isFinite: Expr | undefined
}

/**
 * Noise for a posterior by gradients of `climbs` with respect to it, built into the expression that asks for it. The gradient is of the sum
 * over rows, none of which depends on another: what is found for a row is the same in any batch. No derivative passes the noise: how it would
 * move with the parameters is left out, as in VAT (Miyato et al. 2018, arXiv:1704.03976, §3.3), PDR and SMART.
 */
export const findNoise = (
  { at, start, ascent }: NoiseSearch,
  posterior: (perturb: Perturbation) => Expr,
  clean: Expr,
  isToken: Expr,
  key: Key,
): FoundNoise => {
  const adding = (noiseFor: (e: Expr) => Expr): Perturbation =>
    Object.assign((e: Expr): Expr => add(e, noiseFor(e)), { at })
  const first = (e: Expr): Expr => stopGradient(start(atTokens(isToken, normalLike(key, e))))
  if (ascent === undefined) return { perturb: adding(first), isFinite: undefined }
  const { steps, climbs, next } = ascent
  let [noise, isFinite]: [Expr?, Expr?] = []
  for (let step = 1; step <= steps; step++) {
    const before = noise
    const here = slope(climbs, clean, (noiseAt) => posterior(adding((e) => noiseAt(before ?? first(e)))))
    const gradient = atTokens(isToken, here.gradient)
    const own = lt(sum(abs(gradient), [1, 2], true), Infinity) // [B, 1, 1]: false for NaN as well
    const after = next(here.noise, where(own, gradient, 0), step === steps)
    noise = stopGradient(where(own, after, 0))
    const rows = reshape(own, [own.aval.shape[0]!])
    isFinite = isFinite === undefined ? rows : and(isFinite, rows)
  }
  const found = noise ?? shapeError('findNoise', 'one step at least', String(steps))
  return { perturb: adding(() => found), isFinite }
}

/** Some noise, and the gradient there of how far it moves the posterior: both f32[B, T, D]. `noisy` builds with the noise that it is given. */
const slope = (
  climbs: Divergence,
  clean: Expr,
  noisy: (noiseAt: (noise: Expr) => Expr) => Expr,
): { readonly noise: Expr; readonly gradient: Expr } => {
  const held: Expr[] = []
  const moved = noisy((noise) => {
    held.push(ops.variable(noise))
    return held.at(-1)!
  })
  const [noise, ...more] = held
  if (noise === undefined || more.length > 0)
    return shapeError('findNoise', 'a posterior that perturbs its embedded tokens once', `one that does so ${held.length} times`) // prettier-ignore
  const [gradient] = pullback([sum(climbs(stopGradient(clean), moved))], [noise])([scalar(1)])
  return { noise, gradient: gradient ?? zeros(noise.aval.shape) }
}
