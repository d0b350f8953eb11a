/**
 * erf(x) in float64, to about 1e-15: below 2.5 the series with terms of one sign, which loses nothing to cancellation, the
 * continued fraction of erfc above it (Abramowitz and Stegun 1964, 7.1.6 and 7.1.14). The interpreter's definition; devices
 * have faster single-precision forms.
 */
export const erf = (x: number): number => {
  if (Number.isNaN(x)) return NaN
  const a = Math.abs(x)
  if (a > 6) return Math.sign(x)
  return a < 2.5 ? series(x) : Math.sign(x) * (1 - tail(a))
}

/** 2/√π e^{-x²} Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!! */
const series = (x: number): number => {
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

const tail = (x: number): number => {
  let f = 0
  for (let k = 60; k >= 1; k--) f = k / 2 / (x + f)
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + f))
}
