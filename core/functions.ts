import { shapeError } from './error'
import { bernoulli, type Key } from './key'
import type { Expr } from './op'
import { customVjp, stopGradient } from './ops/marker'
import { isFloat } from './aval'
import {
  abs,
  add,
  argmax,
  axisOf,
  div,
  eq,
  erf,
  exp,
  iota,
  log,
  matmul,
  matrixTranspose,
  mean,
  mul,
  neg,
  reduceMax,
  reshape,
  scalar,
  sqrt,
  sub,
  sum,
  tanh,
  where,
  broadcastTo,
} from './sugar'

/** Compositions of primitives. Those with a `customVjp` say why; the laws of `emend/spec` check the rule like any other. */

/** x² */
export const square = (x: Expr): Expr => mul(x, x)

/** 1 / (1 + e^-x), by tanh: neither end overflows. */
export const sigmoid = (x: Expr): Expr => mul(add(tanh(mul(x, 0.5)), 1), 0.5)

/**
 * ln(1 + e^x) = x/2 + |x|/2 + ln(1 + e^-|x|). Its rule is the sigmoid: the pieces have a kink at 0 that the sum has not. Forward
 * mode, which goes through the pieces, takes 0 for the slope of |x| there and so gets 1/2 (max(x, 0) would give it 1).
 */
export const softplus = customVjp(
  'softplus',
  (x) => add(add(mul(x, 0.5), mul(abs(x), 0.5)), log(add(exp(neg(abs(x))), 1))),
  (ct, [x]) => [mul(ct, sigmoid(x!))],
)

/** ln σ(x) = -softplus(-x) */
export const logSigmoid = (x: Expr): Expr => neg(softplus(neg(x)))

/** Φ(x), the distribution function of the standard normal. */
const normalCdf = (x: Expr): Expr => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)

/**
 * x Φ(x), exact form (Hendrycks and Gimpel 2016, arXiv:1606.08415, §2). The rule, Φ(x) + x φ(x), reads x alone; and a function that a precision policy
 * computes as a whole has to be known by name.
 */
export const gelu = customVjp(
  'gelu',
  (x) => mul(x, normalCdf(x)),
  (ct, [x]) => {
    const density = mul(exp(mul(square(x!), -0.5)), 1 / Math.sqrt(2 * Math.PI))
    return [mul(ct, add(normalCdf(x!), mul(x!, density)))]
  },
)

/** ln Σ e^x along an axis, shifted by the maximum so that nothing overflows. */
export const logSumExp = (x: Expr, axis = -1): Expr => {
  const shift = stopGradient(reduceMax(x, axis, true))
  const total = log(sum(exp(sub(x, shift)), axis, true))
  return squeeze(add(total, shift), axis)
}

const squeeze = (x: Expr, axis: number): Expr => {
  const at = axisOf('squeeze', axis, x.aval.shape.length)
  return reshape(
    x,
    x.aval.shape.filter((_, i) => i !== at),
  )
}
const unsqueezeLike = (x: Expr, like: Expr, axis: number): Expr => {
  const at = axisOf('softmax', axis, like.aval.shape.length)
  return reshape(
    x,
    like.aval.shape.map((n, i) => (i === at ? 1 : n)),
  )
}

export const logSoftmax = (x: Expr, axis = -1): Expr => sub(x, unsqueezeLike(logSumExp(x, axis), x, axis))

/** e^x / Σ e^x along an axis. The rule needs only the result: dx = y (ct - Σ ct y). */
export const softmax = (x: Expr, axis = -1): Expr =>
  customVjp(
    'softmax',
    (z) => {
      const e = exp(sub(z, stopGradient(reduceMax(z, axis, true))))
      return div(e, sum(e, axis, true))
    },
    (ct, _, y) => [mul(y, sub(ct, sum(mul(ct, y), axis, true)))],
  )(x)

/**
 * Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450): (x - mean) / √(variance + eps) · weight + bias.
 * shapes  x f32[..., D], weight and bias f32[D]. The rule reads x, its mean and deviation instead of every intermediate.
 */
export const layerNorm =
  (p: { readonly weight: Expr; readonly bias: Expr }, eps = 1e-5) =>
  (x: Expr): Expr =>
    customVjp(
      'layerNorm',
      (z, weight, bias) => add(mul(standardized(z, eps).xHat, weight), bias),
      (ct, [z, weight]) => {
        const { xHat, scale } = standardized(z!, eps)
        const g = mul(ct, weight!)
        const inner = sub(sub(g, mean(g, -1, true)), mul(xHat, mean(mul(g, xHat), -1, true)))
        const lead = z!.aval.shape.slice(0, -1).map((_, i) => i)
        return [mul(inner, scale), sum(mul(ct, xHat), lead), sum(ct, lead)]
      },
    )(x, p.weight, p.bias)

/** (x - mean) / √(variance + eps) over the last axis, and 1 / √(variance + eps). */
const standardized = (x: Expr, eps: number): { readonly xHat: Expr; readonly scale: Expr } => {
  const centred = sub(x, mean(x, -1, true))
  const scale = div(1, sqrt(add(mean(square(centred), -1, true), eps)))
  return { xHat: mul(centred, scale), scale }
}

/** x W + b. x f32[..., I], weight f32[I, O], bias f32[O] -> f32[..., O]. */
export const linear =
  (p: { readonly weight: Expr; readonly bias: Expr }) =>
  (x: Expr): Expr =>
    add(matmul(x, p.weight), p.bias)

/** Each element kept with probability 1 - rate and divided by it, else 0 (Srivastava et al. 2014). rate 0 is x itself. */
export const dropout =
  (rate: number, key: Key) =>
  (x: Expr): Expr =>
    rate === 0
      ? x
      : rate > 0 && rate < 1
        ? where(bernoulli(key, 1 - rate, x.aval.shape), mul(x, 1 / (1 - rate)), 0)
        : shapeError('dropout', 'a rate in [0, 1)', String(rate))

/** A logit that every half can hold, and e^ of which is 0 beside any that a model gives. */
const unseen = -6e4

/**
 * softmax(q kᵀ scale + bias) v (Vaswani et al. 2017, arXiv:1706.03762, §3.2).
 * shapes  q, k, v f32[..., T, d]; bias and isSeen broadcast to [..., T, T]: a key has no part in a query where isSeen, bool, is false; `drop`
 *         acts on the probabilities.
 */
export const attention = (
  q: Expr,
  k: Expr,
  v: Expr,
  options: {
    readonly scale?: number
    readonly bias?: Expr
    readonly isSeen?: Expr
    readonly drop?: (p: Expr) => Expr
  } = {},
): Expr => {
  const scale = options.scale ?? q.aval.shape.at(-1)! ** -0.5
  const products = mul(matmul(q, matrixTranspose(k)), scale)
  const logits = options.bias === undefined ? products : add(products, options.bias)
  const p = softmax(options.isSeen === undefined ? logits : where(options.isSeen, logits, unseen))
  return matmul(options.drop === undefined ? p : options.drop(p), v)
}

/** 1 where `ids` equals the position along a new last axis of size n: i32[...S] -> f32[...S, n]. */
export const oneHot = (ids: Expr, n: number): Expr => {
  const shape = [...ids.aval.shape, n]
  return where(eq(iota(shape), reshape(ids, [...ids.aval.shape, 1])), scalar(1), scalar(0))
}

/** logits[..., targets]: one element of each row. */
export const pick = (logits: Expr, targets: Expr): Expr => {
  const at = eq(iota(logits.aval.shape), reshape(targets, [...targets.aval.shape, 1]))
  return sum(where(at, logits, 0), -1)
}

/**
 * -ln softmax(logits)[target] per row, in nats. logits f32[..., V], targets i32[...] -> f32[...].
 * The rule is (softmax - oneHot) ct: nothing of size V is kept but the logits.
 */
export const crossEntropy = (logits: Expr, targets: Expr): Expr => {
  if (targets.aval.dtype !== 'i32' || !isFloat(logits.aval.dtype))
    shapeError('crossEntropy', 'float logits [..., V] and i32 targets [...]', [logits.aval, targets.aval])
  return customVjp(
    'crossEntropy',
    (z, t) => sub(logSumExp(z), pick(z, t)),
    (ct, [z, t]) => {
      const p = exp(sub(z!, reshape(logSumExp(z!), [...ct.aval.shape, 1])))
      const hit = eq(iota(z!.aval.shape), reshape(t!, [...t!.aval.shape, 1]))
      return [mul(where(hit, sub(p, 1), p), broadcastTo(reshape(ct, [...ct.aval.shape, 1]), z!.aval.shape)), null]
    },
  )(logits, targets)
}

/** Binary cross-entropy of logits against targets in [0, 1], per element, in nats: softplus(x) - x t. */
export const binaryCrossEntropy = (logits: Expr, targets: Expr): Expr => sub(softplus(logits), mul(logits, targets))

/** A draw from softmax(logits) along the last axis, by the Gumbel trick; one reduction, no gradient. i32[...]. */
export const sample = (logits: Expr, noise: Expr): Expr => argmax(add(stopGradient(logits), noise))
