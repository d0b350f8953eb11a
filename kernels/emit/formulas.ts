import { erfInner, erfOuter, piParts, sineTerms, tanhBottom, tanhTop } from './coefficients'
import type { GpujsMode } from './gpujs'

/** Σ c_i x^i by Horner's rule, highest first. */
const horner = (x: string, coefficients: readonly number[]): string =>
  coefficients.slice(1).reduce((sum, c) => `(${sum} * ${x} + ${literal(c)})`, literal(coefficients[0]!))

/** A finite number as kernel text. */
export const literal = (value: number): string => (value < 0 || Object.is(value, -0) ? `(-${-value})` : String(value))

/** +Infinity as kernel text. */
export const infinityText = (mode: GpujsMode): string => (mode === 'webgl2' ? 'plusInfinity()' : 'Infinity')

/** Statements that leave the function of `x` in the last one's variable. `fresh` gives new variable names. */
export interface Formula {
  readonly lines: readonly string[]
  readonly result: string
}
type Fresh = () => string

/**
 * erf(x) = x P(x²) below 1, ±(1 - Q(|x| - 1)^-4) from there on. |error| < 1.5e-7 in f32 (spec/kernels/emit/formulas.spec.ts).
 * ours: coefficients fitted by iteratively reweighted least squares (Lawson) to the error of erf; the form of the second
 * part after Abramowitz and Stegun 1964, 7.1.27, with more terms about 1 instead of 0.
 */
export const erfFormula = (x: string, fresh: Fresh): Formula => {
  const [b, a, s, q, r] = [fresh(), fresh(), fresh(), fresh(), fresh()]
  return {
    lines: [
      `const ${b} = Math.abs(${x});`,
      `const ${a} = (${b} > 4.25 ? 4.25 : ${b});`, // keeps NaN, which GLSL's min may drop
      `const ${s} = ${a} * ${a};`,
      `const ${q} = ${horner(`(${a} - 1)`, erfOuter)};`,
      `const ${r} = (${a} < 1 ? ${a} * ${horner(s, erfInner)} : 1 - 1 / (${q} * ${q} * ${q} * ${q}));`,
    ],
    result: `(${x} < 0 ? (-${r}) : ${r})`,
  }
}

/**
 * tanh(x) = x P(x²) / Q(x²) on [-7.9, 7.9], nearly ±1 beyond; never NaN for large |x|. |error| < 3e-7 in f32.
 * source  coefficients of Eigen's generic fast tanh (Core/MathFunctionsImpl.h, MPL2); code ours.
 */
export const tanhFormula = (x: string, fresh: Fresh): Formula => {
  const [b, c, s] = [fresh(), fresh(), fresh()]
  return {
    lines: [
      // Keeps NaN, which GLSL's min and max may drop.
      `const ${b} = (${x} > 7.90531110763549805 ? 7.90531110763549805 : ${x});`,
      `const ${c} = (${b} < (-7.90531110763549805) ? (-7.90531110763549805) : ${b});`,
      `const ${s} = ${c} * ${c};`,
    ],
    result: `(${c} * ${horner(s, tanhTop)} / ${horner(s, tanhBottom)})`,
  }
}

/**
 * sin(x) and cos(x) for the mode whose own may be off by 2^-11 (GLSL leaves it open). x = m π + r with m whole
 * (or half, for cos) and |r| ≤ π/2; sin r by its Taylor series to r^11. |error| < 3e-7 in f32 for |x| ≤ 1000.
 * source  Cody and Waite 1980: m π is taken away in three parts, of which the first two have few bits (Cephes sinf).
 */
export const sineFormula = (kind: 'sin' | 'cos', x: string, fresh: Fresh): Formula => {
  const [k, m, r, s] = [fresh(), fresh(), fresh(), fresh()]
  return {
    lines: [
      `const ${k} = Math.floor(${x} * ${literal(1 / Math.PI)} + ${kind === 'sin' ? 0.5 : 1});`,
      `const ${m} = ${k} - ${kind === 'sin' ? 0 : 0.5};`,
      `const ${r} = ((${x} - ${m} * ${piParts[0]}) - ${m} * ${piParts[1]}) - ${m} * ${piParts[2]};`,
      `const ${s} = ${r} * ${r};`,
    ],
    // (-1)^k sin r
    result: `((${k} - 2 * Math.floor(${k} * 0.5)) > 0.5 ? (-1) : 1) * ${r} * ${horner(s, sineTerms)}`,
  }
}

/**
 * Round to `bits` of significand, ties to even, least exponent `minExp`, infinite from `limit` up: adding and taking away
 * 1.5 · 2^(exponent of x) · 2^(bits dropped) rounds as the addition does. No product stands next to a sum, so nothing can
 * be contracted. The power of two under |x| is found by halving; all of these products are exact.
 */
export const roundFormula = (kind: 'f16' | 'bf16', x: string, mode: 'cpu' | 'webasm', fresh: Fresh): Formula => {
  const [bits, minExp, limit] = kind === 'f16' ? [11, -14, 65520] : [8, -126, 2 ** 127 * (2 - 2 ** -8)]
  const precision = mode === 'cpu' ? 53 : 24
  const a = fresh()
  const lines = [`const ${a} = Math.abs(${x});`]
  const scaled = fresh()
  const down = fresh()
  // bf16 reaches the ends of f32: work in the middle, where the constant below fits.
  const far = kind === 'bf16'
  if (far) lines.push(`const ${down} = (${a} >= 1 ? ${2 ** -62} : ${2 ** 64});`, `const ${scaled} = ${a} * ${down};`)
  else lines.push(`const ${scaled} = ${a};`)
  const [least, most] = far ? [minExp + 64, 127 - 62] : [minExp, 15]
  let rest = scaled
  let power = literal(2 ** least)
  const span = most - least
  for (let step = 2 ** Math.floor(Math.log2(Math.max(1, span))); step >= 1; step /= 2) {
    const [r, p] = [fresh(), fresh()]
    lines.push(
      `const ${r} = (${rest} >= ${2 ** (least + step)} ? ${rest} * ${2 ** -step} : ${rest});`,
      `const ${p} = (${rest} >= ${2 ** (least + step)} ? ${power} * ${2 ** step} : ${power} * 1);`,
    )
    rest = r
    power = p
  }
  const big = fresh()
  const r = fresh()
  lines.push(
    `const ${big} = ${power} * ${1.5 * 2 ** (precision - bits)};`,
    `const ${r} = ((${scaled} + ${big}) - ${big})${far ? ` / ${down}` : ''};`,
  )
  const finite = `(${x} < 0 ? (-${r}) : ${r})`
  // What rounds to 0 keeps its sign; NaN stays what it is.
  const small = `(${a} < 1 ? ${x} * 0 : ${x})`
  const result = `(${a} >= ${limit} ? (${x} < 0 ? (-Infinity) : Infinity) : (${r} > 0 ? ${finite} : ${small}))`
  return { lines, result }
}
