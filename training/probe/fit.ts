/** Rows of features, f64[N, D], and the class of each. */
export interface Labelled {
  readonly features: Float64Array
  readonly labels: Int32Array
  readonly width: number
  readonly classes: number
}

/** Steps of the fit: the loss is convex and the features are standardized, so that these are plenty. */
const steps = 400
/** Weight of ½‖W‖² beside the mean loss. */
const ridge = 1e-3

/** Classes of rows of features by a linear model. */
export type Classify = (features: Float64Array) => Int32Array

/**
 * Multinomial logistic regression on standardized features with a ridge, by Nesterov's accelerated gradient (1983) from zero: deterministic.
 */
export const fitLinear = ({ features, labels, width: D, classes: C }: Labelled): Classify => {
  const N = labels.length
  const { shift, scale } = moments(features, D)
  const x = standardized(features, D, shift, scale)
  // Σ x² over D + 1 standardized columns bounds the curvature: a step of its inverse never diverges.
  const rate = 2 / (D + 1)
  const size = (D + 1) * C
  let [w, before] = [new Float64Array(size), new Float64Array(size)]
  for (let step = 0; step < steps; step++) {
    const momentum = step / (step + 3)
    const ahead = w.map((v, i) => v + momentum * (v - before[i]!))
    const g = ahead.map((v, i) => (i < D * C ? ridge * v : 0))
    for (let n = 0; n < N; n++) {
      const p = softmaxAt(x, n, D, ahead, C)
      p[labels[n]!]! -= 1
      for (let c = 0; c < C; c++) {
        const at = p[c]! / N
        for (let d = 0; d < D; d++) g[d * C + c]! += at * x[n * D + d]!
        g[D * C + c]! += at
      }
    }
    before = w
    w = ahead.map((v, i) => v - rate * g[i]!)
  }
  return (rows) => {
    const z = standardized(rows, D, shift, scale)
    return Int32Array.from({ length: rows.length / D }, (_, n) => {
      const p = softmaxAt(z, n, D, w, C)
      return p.indexOf(Math.max(...p))
    })
  }
}

const softmaxAt = (x: Float64Array, n: number, D: number, w: Float64Array, C: number): Float64Array => {
  const z = w.slice(D * C)
  for (let d = 0; d < D; d++) {
    const v = x[n * D + d]!
    for (let c = 0; c < C; c++) z[c]! += v * w[d * C + c]!
  }
  const most = Math.max(...z)
  const e = z.map((v) => Math.exp(v - most))
  const total = e.reduce((a, b) => a + b, 0)
  return e.map((v) => v / total)
}

const moments = (x: Float64Array, D: number): { readonly shift: Float64Array; readonly scale: Float64Array } => {
  const N = x.length / D
  const shift = new Float64Array(D)
  const scale = new Float64Array(D)
  x.forEach((v, i) => (shift[i % D]! += v / N))
  x.forEach((v, i) => (scale[i % D]! += (v - shift[i % D]!) ** 2 / N))
  return { shift, scale: scale.map((v) => 1 / Math.sqrt(v + 1e-12)) }
}

const standardized = (x: Float64Array, D: number, shift: Float64Array, scale: Float64Array): Float64Array =>
  x.map((v, i) => (v - shift[i % D]!) * scale[i % D]!)
