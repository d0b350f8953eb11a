import { add, evaluate, evaluateOne, full, input, mul, sizeOf, sum, type Expr } from '../../../core'
import { jvp, vjp } from '../../../autodiff'
import {
  build,
  cotangentsOf,
  directionsOf,
  dot,
  requireFinite,
  valuesAlong,
  valuesAt,
  type Directions,
  type Moving,
} from './build'
import { LawError, noise, type LawFault, type Problem } from './problem'

/** What counts as equal. Finite differences are taken in float64 with a central step `h`. */
export const tolerances = {
  h: 1e-5,
  /** Of finite differences, relative to the larger of 1 and the magnitudes that the product sums. */
  finiteDifferences: 1e-6,
  duality: 1e-10,
  linearity: 1e-10,
  secondOrder: 1e-5,
  /** Of programs that compute the same numbers in another order. */
  sameProgram: 1e-12,
} as const

const cotangentName = '#cotangent'

const requireEqual = (
  p: Problem,
  fault: Pick<LawFault, 'law' | 'statement' | 'where' | 'with'>,
  got: number,
  want: number,
  allowed: number,
): void => {
  const error = Math.abs(got - want)
  if (error <= allowed) return
  const shown = { got: String(got), want: String(want), error: `${showSize(error)}, allowed ${showSize(allowed)}` }
  throw new LawError({ ...fault, ...shown }, p)
}

const showSize = (x: number): string => (x >= 1e-3 || x === 0 ? x.toPrecision(3) : x.toExponential(1))

/** <vjp w, t> = (φ(x + h t) - φ(x - h t)) / 2h for φ = <w, f>, along one direction t: the only oracle among the laws. */
export const matchesFiniteDifferences = (p: Problem): void => {
  const { f, x, moving } = build(p)
  const { value, pullback } = vjp(f, x)
  const w = noise(p.salt, 100, sizeOf(value.aval.shape))
  const cts = cotangentsOf(p, moving, pullback(input(cotangentName, value.aval.shape, value.aval.dtype)))
  const here = valuesAt(p, 0).set(cotangentName, w)
  const [out, ...grads] = evaluate([value, ...cts], here)
  requireFinite(p, 'the value', out!)
  grads.forEach((g, i) => requireFinite(p, `the cotangent of ${moving[i]!.name}`, g))
  const t = directionsOf(p, moving, 0)
  const got = dot(grads, Object.values(t))
  const phi = (step: number): number => dot([evaluateOne(value, valuesAlong(p, t, step))], [w]).sum
  const fault = {
    law: 'finite differences',
    statement: '<vjp w, t> = (φ(x + h t) - φ(x - h t)) / 2h with φ = <w, f>, h = 1e-5',
    with: { ...labelled('t', t), w },
  }
  const allowed = tolerances.finiteDifferences * Math.max(1, got.scale)
  requireEqual(p, fault, got.sum, (phi(tolerances.h) - phi(-tolerances.h)) / (2 * tolerances.h), allowed)
}

/** <w, jvp t> = <vjp w, t>: forward and reverse mode are each other's transpose. */
export const isDual = (p: Problem): void => {
  const { f, x, moving } = build(p)
  const { value, pullback } = vjp(f, x)
  const w = noise(p.salt, 100, sizeOf(value.aval.shape))
  const cts = cotangentsOf(p, moving, pullback(input(cotangentName, value.aval.shape, value.aval.dtype)))
  const t = directionsOf(p, moving, 0)
  const { tangent } = jvp(f, x, tangentInputs(x))
  const here = withTangents(valuesAt(p, 0).set(cotangentName, w), t)
  const [forward, ...grads] = evaluate([tangent, ...cts], here)
  const [left, right] = [dot([forward!], [w]), dot(grads, Object.values(t))]
  requireEqual(
    p,
    { law: 'duality', statement: '<w, jvp t> = <vjp w, t>', with: { ...labelled('t', t), w } },
    right.sum,
    left.sum,
    tolerances.duality * Math.max(1, left.scale, right.scale),
  )
}

/** vjp (a w + b v) = a vjp w + b vjp v, element by element. */
export const isLinear = (p: Problem): void => {
  const { f, x, moving } = build(p)
  const { value, pullback } = vjp(f, x)
  const n = sizeOf(value.aval.shape)
  const [a, b] = noise(p.salt, 102, 2) as [number, number]
  const [w, v] = [noise(p.salt, 100, n), noise(p.salt, 101, n)]
  const cts = cotangentsOf(p, moving, pullback(input(cotangentName, value.aval.shape, value.aval.dtype)))
  const under = (ct: readonly number[]): readonly Float64Array[] => evaluate(cts, valuesAt(p, 0).set(cotangentName, ct))
  const [gw, gv, both] = [under(w), under(v), under(w.map((wi, i) => a * wi + b * v[i]!))]
  moving.forEach(({ name }, k) => {
    for (let i = 0; i < gw[k]!.length; i++) {
      const [left, right] = [a * gw[k]![i]!, b * gv[k]![i]!]
      const fault = {
        law: 'linearity',
        statement: 'vjp (a w + b v) = a vjp w + b vjp v',
        where: `element ${i} of the cotangent of ${name}`,
        with: { 'a, b': [a, b], w, v },
      }
      const allowed = tolerances.linearity * Math.max(1, Math.abs(left) + Math.abs(right))
      requireEqual(p, fault, both[k]![i]!, left + right, allowed)
    }
  })
}

/**
 * The first law on the gradient: for ψ(x) = <u, vjp w>, the derivative of ψ along t, taken in reverse and in forward mode,
 * equals its finite difference.
 */
export const matchesSecondOrder = (p: Problem): void => {
  const { f, x, moving } = build(p)
  const aval = vjp(f, x).value.aval
  const w = noise(p.salt, 100, sizeOf(aval.shape))
  const [t, u] = [directionsOf(p, moving, 0), directionsOf(p, moving, 50)]
  const psi = (at: Moving): Expr => {
    const cts = cotangentsOf(p, moving, vjp(f, at).pullback(input(cotangentName, aval.shape, aval.dtype)))
    return moving.reduce<Expr>(
      (total, a, i) => {
        const direction = input(`#u/${a.name}`, a.aval.shape, a.aval.dtype)
        return add(total, sum(mul(cts[i]!, direction)))
      },
      full(0, []),
    )
  }
  const { value, pullback } = vjp(psi, x)
  const cts = cotangentsOf(p, moving, pullback(full(1, [])))
  const { tangent } = jvp(psi, x, tangentInputs(x))
  const bind = (values: Map<string, readonly number[]>): Map<string, readonly number[]> => {
    for (const [name, data] of Object.entries(u)) values.set(`#u/${name}`, data)
    return withTangents(values.set(cotangentName, w), t)
  }
  const [forward, ...grads] = evaluate([tangent, ...cts], bind(valuesAt(p, 0)))
  grads.forEach((g, i) => requireFinite(p, `the second derivative along ${moving[i]!.name}`, g))
  const reverse = dot(grads, Object.values(t))
  const at = (step: number): number => evaluateOne(value, bind(valuesAlong(p, t, step)))[0]!
  const want = (at(tolerances.h) - at(-tolerances.h)) / (2 * tolerances.h)
  const allowed = tolerances.secondOrder * Math.max(1, reverse.scale)
  const fault = {
    law: 'second order',
    statement: '<vjp of ψ, t> = (ψ(x + h t) - ψ(x - h t)) / 2h with ψ = <u, vjp w>, h = 1e-5',
    with: { ...labelled('t', t), ...labelled('u', u), w },
  }
  requireEqual(p, { ...fault, where: 'reverse mode over reverse mode' }, reverse.sum, want, allowed)
  requireEqual(p, { ...fault, where: 'forward mode over reverse mode' }, forward![0]!, want, allowed)
}

const tangentInputs = (x: Moving): Moving =>
  Object.fromEntries(Object.entries(x).map(([name, e]) => [name, input(`#t/${name}`, e.aval.shape, e.aval.dtype)]))

const withTangents = (values: Map<string, readonly number[]>, t: Directions): Map<string, readonly number[]> => {
  for (const [name, data] of Object.entries(t)) values.set(`#t/${name}`, data)
  return values
}

const labelled = (letter: string, directions: Directions): Directions =>
  Object.fromEntries(Object.entries(directions).map(([name, data]) => [`${letter}(${name})`, data]))
