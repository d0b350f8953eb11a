import { dropAxes, isFloat, sizeOf, type Aval } from '../aval'
import { shapeError } from '../error'
import { defineOp, requireFloat, type Expr, type Op } from '../op'
import { cast, div, eq, mul } from './elementwise'
import { checkAxes, forReduced, interleave, reduceSum, repeat } from './structural'

type Axes = { readonly axes: readonly number[] }

const sizesOf = (x: Expr, axes: readonly number[]): readonly number[] => axes.map((a) => x.aval.shape[a]!)

/** 1 / (number of places that hold the maximum) at those places, 0 elsewhere. */
const shareOfMax = (x: Expr, out: Expr, axes: readonly number[]): Expr => {
  const sizes = sizesOf(x, axes)
  const hits = cast({ dtype: x.aval.dtype }, eq(x, repeat({ axes, sizes }, out)))
  return div(hits, repeat({ axes, sizes }, reduceSum({ axes }, hits)))
}

/** y[o] = max_r x[o, r]. The derivative is shared equally among ties. An empty axis is refused. */
export const reduceMax: Op<Axes, 1> = defineOp({
  name: 'reduceMax',
  doc: 'y[o] = max_r x[o, r] over `axes`',
  arity: 1,
  smoothness: 'piecewise',
  shape: ([x], { axes }): Aval => {
    requireFloat('reduceMax', x)
    checkAxes('reduceMax', axes, x.shape.length, [x])
    if (axes.some((a) => x.shape[a] === 0)) shapeError('reduceMax', 'axes that are not empty', [x])
    return { shape: dropAxes(x.shape, axes), dtype: x.dtype }
  },
  jvp: ([t], { inputs: [x], params: { axes }, out }) =>
    t === null ? null : reduceSum({ axes }, mul(t, shareOfMax(x, out, axes))),
  vjp: (ct, { inputs: [x], params: { axes }, out }) => [
    mul(repeat({ axes, sizes: sizesOf(x, axes) }, ct), shareOfMax(x, out, axes)),
  ],
  batch: ([x], { axes }) => reduceMax({ axes: axes.map((a) => a + 1) }, x.expr),
  eval: ([x], { avals: [a], params: { axes }, aval }) => {
    const out = new Float64Array(sizeOf(aval.shape)).fill(-Infinity)
    forReduced(a.shape, axes, (i, o) => {
      out[o] = Math.max(out[o]!, x[i]!)
    })
    return out
  },
  lower: ([x], { avals: [a], params: { axes } }) => ({
    kind: 'reduce',
    fn: 'max',
    sizes: axes.map((i) => a.shape[i]!),
    body: (out, along) => x(interleave(out, axes, along)),
  }),
})

/** y[o] = the first position along the axis that holds the maximum. No derivative. */
export const argmax: Op<{ readonly axis: number }, 1> = defineOp({
  name: 'argmax',
  doc: 'y[o] = first position of the maximum along `axis`',
  arity: 1,
  smoothness: 'none',
  shape: ([x], { axis }): Aval => {
    if (!isFloat(x.dtype) && x.dtype !== 'i32') shapeError('argmax', 'numbers', [x])
    checkAxes('argmax', [axis], x.shape.length, [x])
    if (x.shape[axis] === 0) shapeError('argmax', 'an axis that is not empty', [x])
    return { shape: dropAxes(x.shape, [axis]), dtype: 'i32' }
  },
  jvp: null,
  vjp: null,
  batch: ([x], { axis }) => argmax({ axis: axis + 1 }, x.expr),
  eval: ([x], { avals: [a], params: { axis }, aval }) => {
    const out = new Float64Array(sizeOf(aval.shape))
    const best = new Float64Array(out.length).fill(-Infinity)
    const inner = sizeOf(a.shape.slice(axis + 1))
    forReduced(a.shape, [axis], (i, o) => {
      if (x[i]! > best[o]!) {
        best[o] = x[i]!
        out[o] = Math.floor(i / inner) % a.shape[axis]!
      }
    })
    return out
  },
  lower: ([x], { avals: [a], params: { axis } }) => ({
    kind: 'reduce',
    fn: 'argmax',
    sizes: [a.shape[axis]!],
    body: (out, along) => x(interleave(out, [axis], along)),
  }),
})
