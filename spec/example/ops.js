import { add, binary, customVjp, defineOp, mul, ofIndex, real, select, sigmoid, sub } from 'emend/core'

/** x σ(x), with a rule of its own: σ(x) (1 + x (1 - σ(x))) ct. */
export const swish = customVjp(
  'swish',
  (x) => mul(x, sigmoid(x)),
  (ct, [x]) => {
    const s = sigmoid(x)
    return [mul(ct, mul(s, add(1, mul(x, sub(1, s)))))]
  },
)

/** The same with a mistake: the rule forgets that σ depends on x as well. */
export const wrongSwish = customVjp(
  'wrongSwish',
  (x) => mul(x, sigmoid(x)),
  (ct, [x]) => [mul(ct, sigmoid(x))],
)

/** All rules of a running sum along the last axis, y_i = Σ x_j over j ≤ i (j ≥ i if `reverse`), but for `vjp` and `batch`. */
const runningSumRules = {
  doc: 'y_i = Σ x_j over j ≤ i (j ≥ i if `reverse`) along the last axis',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x]) => x,
  jvp: 'linear',
  eval: ([x], { params: { reverse }, aval }) => {
    const n = aval.shape.at(-1)
    return x.map((_, at) => {
      const row = at - (at % n)
      return (reverse ? x.subarray(at, row + n) : x.subarray(row, at + 1)).reduce((a, b) => a + b, 0)
    })
  },
  lower: ([x], { avals: [a], params: { reverse } }) => ({
    kind: 'reduce',
    fn: 'sum',
    sizes: [a.shape.at(-1)],
    body: (out, [j]) => {
      const [here, there] = [ofIndex(out.at(-1)), ofIndex(j)]
      const counts = reverse ? binary('le', here, there) : binary('le', there, here)
      return select(counts, x([...out.slice(0, -1), j]), real(0))
    },
  }),
}

export const runningSum = defineOp({
  ...runningSumRules,
  name: 'runningSum',
  vjp: (ct, { params: { reverse } }) => [runningSum({ reverse: !reverse }, ct)],
  batch: ([x], params) => runningSum(params, x.expr),
})

/** The same with a mistake: cotangents run the way the values do. */
export const wrongRunningSum = defineOp({
  ...runningSumRules,
  name: 'wrongRunningSum',
  vjp: (ct, { params }) => [wrongRunningSum(params, ct)],
  batch: ([x], params) => wrongRunningSum(params, x.expr),
})
