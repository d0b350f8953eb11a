import { isFloat, input, sameAval, showAval, sizeOf, type Expr } from '../../../core'
import { LawError, noise, type Argument, type Problem } from './problem'

/** The inputs that a derivative is taken with respect to, by name. */
export type Moving = { readonly [name: string]: Expr }

/** A problem as a function of the tree of its moving inputs, at the inputs themselves; the fixed ones are closed over. */
export interface Built {
  readonly f: (x: Moving) => Expr
  readonly x: Moving
  readonly moving: readonly Argument[]
}

export const isMoving = (arg: Argument): boolean => isFloat(arg.aval.dtype) && !arg.fixed

export const build = (p: Problem): Built => {
  const inputs = new Map(p.args.map((a) => [a.name, input(a.name, a.aval.shape, a.aval.dtype)]))
  const moving = p.args.filter(isMoving)
  return {
    f: (x) => floatValue(p, p.f(...p.args.map((a) => x[a.name] ?? inputs.get(a.name)!))),
    x: Object.fromEntries(moving.map((a) => [a.name, inputs.get(a.name)!])),
    moving,
  }
}

const floatValue = (p: Problem, out: Expr): Expr => {
  if (isFloat(out.aval.dtype)) return out
  const statement = 'a function with a derivative gives floats'
  throw new LawError({ law: 'types', statement, got: showAval(out.aval), want: 'f32[...]' }, p)
}

/** The numbers of all inputs at one point. */
export const valuesAt = (p: Problem, point: number): Map<string, readonly number[]> =>
  new Map(p.args.map((a) => [a.name, a.points[a.shared ? 0 : point]!]))

/** The first point moved by `step` times a direction. */
export const valuesAlong = (p: Problem, directions: Directions, step: number): Map<string, readonly number[]> => {
  const values = valuesAt(p, 0)
  for (const [name, t] of Object.entries(directions))
    values.set(
      name,
      values.get(name)!.map((v, i) => v + step * t[i]!),
    )
  return values
}

export type Directions = Readonly<Record<string, readonly number[]>>

/** One direction for every moving input. */
export const directionsOf = (p: Problem, moving: readonly Argument[], stream: number): Directions =>
  Object.fromEntries(moving.map((a, i) => [a.name, noise(p.salt, stream + i, sizeOf(a.aval.shape))]))

/** Cotangents in the order of `moving`; a rule that gives one of another shape or dtype than its input is at fault. */
export const cotangentsOf = (p: Problem, moving: readonly Argument[], cts: Moving): readonly Expr[] =>
  moving.map((a) => {
    const ct = cts[a.name]!
    if (sameAval(ct.aval, a.aval)) return ct
    const fault = {
      law: 'shapes',
      statement: 'a cotangent has the shape and dtype of its input',
      where: `the cotangent of ${a.name}`,
      got: showAval(ct.aval),
      want: showAval(a.aval),
    }
    throw new LawError(fault, p)
  })

/** Numbers that are not finite say nothing about a derivative: the domain is too wide, or the function at fault. */
export const requireFinite = (p: Problem, what: string, data: ArrayLike<number>): void => {
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]!)) {
      const fault = {
        law: 'finite values',
        statement: 'values and derivatives are finite on the domain of the inputs',
        where: `element ${i} of ${what}`,
        got: String(data[i]),
        want: 'a finite number',
      }
      throw new LawError(fault, p)
    }
}

/** Σ a b, and the sum of the magnitudes of its terms: the scale of its rounding error. */
export const dot = (
  a: readonly ArrayLike<number>[],
  b: readonly ArrayLike<number>[],
): { readonly sum: number; readonly scale: number } => {
  let [sum, scale] = [0, 0]
  a.forEach((xs, k) => {
    for (let i = 0; i < xs.length; i++) {
      const term = xs[i]! * b[k]![i]!
      sum += term
      scale += Math.abs(term)
    }
  })
  return { sum, scale }
}
