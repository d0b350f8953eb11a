import { erfInner, erfOuter, expTerms, halfRoot, ln2High, ln2Low, logTerms } from '../coefficients'
import { f32x4, get, i32x4, set, v128, type Code } from './instructions'
import type { FunctionBuilder } from './module'

/**
 * Elementary functions on four lanes. Every one is a fixed sequence of rounded operations without contraction, so all engines
 * and processors give the same bits. Errors are stated in units in the last place and asserted on dense grids by
 * spec/kernels/emit/wasm-math.spec.ts.
 */
type VectorFunction = (f: FunctionBuilder, x: Code) => Code

/**
 * A polynomial, coefficients highest first, in pairs (Estrin 1960): few steps that wait for each other. `powers` has x in its
 * first local and room for x², x⁴ and x⁸.
 */
const polynomial = (powers: readonly number[], coefficients: readonly number[]): Code => {
  let terms: readonly Code[] = [...coefficients].reverse().map((c) => f32x4.of(c))
  for (let p = 0; terms.length > 1; p++) {
    const x = get(powers[p]!)
    const next: Code[] = []
    for (let i = 0; i < terms.length; i += 2)
      next.push(i + 1 < terms.length ? f32x4.add(f32x4.mul(terms[i + 1]!, x), terms[i]!) : terms[i]!)
    terms = next
  }
  return terms[0]!
}

/** Locals for x and its powers, and the code that fills those after the first. */
const powersOf = (
  f: FunctionBuilder,
  first: number,
  degree: number,
): { readonly powers: readonly number[]; readonly fill: Code } => {
  const powers = [first]
  const fill: Code[] = []
  for (let reach = 2; reach <= degree; reach *= 2) {
    const last = powers.at(-1)!
    const square = f.local('v128')
    fill.push(set(square, f32x4.mul(get(last), get(last))))
    powers.push(square)
  }
  return { powers, fill }
}

/**
 * e^x to 2 ulp: 0 below -104, infinite above 89, NaN for NaN.
 * source  Cephes expf (Moshier): x = n ln 2 + r, e^r by a polynomial, 2^n by two factors whose exponents are in range.
 */
export const exp: VectorFunction = (f, x) => {
  const [n, r, y, k, h] = locals(f, 5) as [number, number, number, number, number]
  const { powers, fill } = powersOf(f, r, expTerms.length - 1)
  const power = (i: Code): Code => i32x4.shl(i32x4.add(i, i32x4.of(127)), [0x41, 23])
  return [
    // NaN stays NaN: neither comparison holds.
    set(r, f32x4.pmin(f32x4.pmax(x, f32x4.of(-104)), f32x4.of(89))),
    set(n, f32x4.nearest(f32x4.mul(get(r), f32x4.of(Math.LOG2E)))),
    set(r, f32x4.sub(f32x4.sub(get(r), f32x4.mul(get(n), f32x4.of(ln2High))), f32x4.mul(get(n), f32x4.of(ln2Low)))),
    fill,
    set(y, f32x4.add(f32x4.add(f32x4.mul(polynomial(powers, expTerms), get(powers[1]!)), get(r)), f32x4.of(1))),
    set(k, i32x4.truncSat(get(n))),
    set(h, i32x4.shrS(get(k), [0x41, 1])),
    f32x4.mul(f32x4.mul(get(y), power(get(h))), power(i32x4.sub(get(k), get(h)))),
  ]
}

/**
 * ln x to 2 ulp, subnormal x included: -Infinity for 0, NaN below it and for NaN.
 * source  Cephes logf (Moshier)
 */
export const log: VectorFunction = (f, x) => {
  const [v, bits, k, m, e, y] = locals(f, 6) as [number, number, number, number, number, number]
  const { powers, fill } = powersOf(f, m, logTerms.length - 1)
  const tiny = f32x4.lt(get(v), f32x4.of(2 ** -126))
  const finite = v128.choose(f32x4.lt(get(v), f32x4.of(Infinity)), get(y), get(v))
  const atZero = v128.choose(f32x4.eq(get(v), f32x4.of(0)), f32x4.of(-Infinity), f32x4.of(NaN))
  return [
    set(v, x),
    set(bits, v128.choose(tiny, f32x4.mul(get(v), f32x4.of(2 ** 24)), get(v))),
    set(k, i32x4.shrS(i32x4.sub(get(bits), i32x4.of(halfRoot)), [0x41, 23])),
    set(m, f32x4.sub(i32x4.sub(get(bits), i32x4.shl(get(k), [0x41, 23])), f32x4.of(1))),
    set(e, f32x4.add(f32x4.ofInts(get(k)), v128.and(tiny, f32x4.of(-24)))),
    fill,
    set(y, f32x4.mul(f32x4.mul(polynomial(powers, logTerms), get(m)), get(powers[1]!))),
    set(
      y,
      f32x4.sub(f32x4.add(get(y), f32x4.mul(get(e), f32x4.of(ln2Low))), f32x4.mul(get(powers[1]!), f32x4.of(0.5))),
    ),
    set(y, f32x4.add(f32x4.add(get(y), get(m)), f32x4.mul(get(e), f32x4.of(ln2High)))),
    v128.choose(f32x4.gt(get(v), f32x4.of(0)), finite, atZero),
  ]
}

/**
 * tanh x to 2 ulp.
 * source  Cephes tanhf (Moshier): a polynomial below 0.625, 1 - 2 / (e^2|x| + 1) from there on.
 */
export const tanh: VectorFunction = (f, x) => {
  const [v, a, z, near, far] = locals(f, 5) as [number, number, number, number, number]
  const { powers, fill } = powersOf(f, z, 4)
  const terms = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 0.133314422036, -0.333332819422]
  return [
    set(v, x),
    set(a, f32x4.abs(get(v))),
    set(z, f32x4.mul(get(v), get(v))),
    fill,
    set(near, f32x4.add(f32x4.mul(f32x4.mul(polynomial(powers, terms), get(z)), get(v)), get(v))),
    set(far, exp(f, f32x4.add(get(a), get(a)))),
    set(far, f32x4.sub(f32x4.of(1), f32x4.div(f32x4.of(2), f32x4.add(get(far), f32x4.of(1))))),
    set(far, v128.or(get(far), v128.and(get(v), i32x4.of(-(2 ** 31))))),
    v128.choose(f32x4.lt(get(a), f32x4.of(0.625)), get(near), get(far)),
  ]
}

/**
 * erf x = x P(x²) below 1, ±(1 - Q(|x| - 1)^-4) from there on; |error| < 1.5e-7.
 * ours: coefficients fitted by iteratively reweighted least squares (Lawson) to the error of erf; the form of the second
 * part after Abramowitz and Stegun 1964, 7.1.27, with more terms about 1 instead of 0.
 */
export const erf: VectorFunction = (f, x) => {
  const [v, a, s, q, near, t] = locals(f, 6) as [number, number, number, number, number, number]
  const inner = powersOf(f, s, erfInner.length - 1)
  const outer = powersOf(f, t, erfOuter.length - 1)
  const far = f32x4.sub(f32x4.of(1), f32x4.div(f32x4.of(1), get(q)))
  return [
    set(v, x),
    set(a, f32x4.pmin(f32x4.abs(get(v)), f32x4.of(4.25))),
    set(s, f32x4.mul(get(a), get(a))),
    inner.fill,
    set(near, f32x4.mul(get(a), polynomial(inner.powers, erfInner))),
    set(t, f32x4.sub(get(a), f32x4.of(1))),
    outer.fill,
    set(q, polynomial(outer.powers, erfOuter)),
    set(q, f32x4.mul(get(q), get(q))),
    set(q, f32x4.mul(get(q), get(q))),
    v128.or(v128.choose(f32x4.lt(get(a), f32x4.of(1)), get(near), far), v128.and(get(v), i32x4.of(-(2 ** 31)))),
  ]
}

const locals = (f: FunctionBuilder, n: number): number[] => Array.from({ length: n }, () => f.local('v128'))
