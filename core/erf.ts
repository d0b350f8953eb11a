/**
 * erf(x) in float64, to about 1e-15: the Taylor series below 2.5, the continued fraction of erfc above it (Abramowitz and
 * Stegun 1964, 7.1.5 and 7.1.14). The interpreter's definition; devices have faster single-precision forms.
 */
export const erf = (x: number): number => {
  if (Number.isNaN(x)) return NaN
  const a = Math.abs(x)
  if (a > 6) return Math.sign(x)
  return a < 2.5 ? series(x) : Math.sign(x) * (1 - tail(a))
}

const series = (x: number): number => {
  let term = x
  let sum = x
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n
    const next = term / (2 * n + 1)
    sum += next
    if (Math.abs(next) < 1e-17 * Math.abs(sum)) break
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

const tail = (x: number): number => {
  let f = 0
  for (let k = 60; k >= 1; k--) f = k / 2 / (x + f)
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + f))
}
