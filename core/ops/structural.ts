import { dropAxes, insertAxes, sameShape, sizeOf, stridesOf, type Aval, type Shape } from '../aval'
import { shapeError } from '../error'
import {
  addIndex,
  axisIndex,
  constIndex,
  flatIndex,
  select,
  unflattenIndex,
  within,
  type Access,
  type Index,
  type Scalar,
} from '../loop'
import { asList, defineOp, requireFloat, variadic, type Batched, type Expr, type Op } from '../op'
import { literal, zeroOf } from './source'

type Axes = { readonly axes: readonly number[] }

/** Axes as rules want them: ascending, distinct, inside [0, ndim). */
export const checkAxes = (op: string, axes: readonly number[], ndim: number, seen: readonly Aval[]): void => {
  const ok = axes.every((a, i) => Number.isInteger(a) && a >= 0 && a < ndim && (i === 0 || a > axes[i - 1]!))
  if (!ok) shapeError(op, `ascending axes in [0, ${ndim}), got [${axes.join(',')}] for`, seen)
}

/** For each output position, the input position: how structural ops are evaluated. */
const pull = (x: Float64Array, shape: Shape, from: (coords: number[]) => number): Float64Array => {
  const out = new Float64Array(sizeOf(shape))
  const coords = new Array<number>(shape.length).fill(0)
  for (let i = 0; i < out.length; i++) {
    const at = from(coords)
    out[i] = at < 0 ? 0 : x[at]!
    for (let a = shape.length - 1; a >= 0; a--) {
      coords[a] = coords[a]! + 1
      if (coords[a]! < shape[a]!) break
      coords[a] = 0
    }
  }
  return out
}

/** y[o] = Σ_r x[o, r]: sum over axes. Transpose of `repeat`. An empty axis sums to 0. Accumulates in f32 on devices. */
export const reduceSum: Op<Axes, 1> = defineOp({
  name: 'reduceSum',
  doc: 'y[o] = Σ_r x[o, r] over `axes`',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], { axes }): Aval => {
    requireFloat('reduceSum', x)
    checkAxes('reduceSum', axes, x.shape.length, [x])
    return { shape: dropAxes(x.shape, axes), dtype: x.dtype }
  },
  jvp: 'linear',
  vjp: (ct, { inputs: [x], params: { axes } }) => [repeat({ axes, sizes: axes.map((a) => x.aval.shape[a]!) }, ct)],
  batch: ([x], { axes }) => reduceSum({ axes: axes.map((a) => a + 1) }, x.expr),
  eval: ([x], { avals: [a], params: { axes }, aval }) => {
    const out = new Float64Array(sizeOf(aval.shape))
    forReduced(a.shape, axes, (i, o) => {
      out[o] = out[o]! + x[i]!
    })
    return out
  },
  lower: ([x], { avals: [a], params: { axes } }) => ({
    kind: 'reduce',
    fn: 'sum',
    sizes: axes.map((i) => a.shape[i]!),
    body: (out, along) => x(interleave(out, axes, along)),
  }),
})

/** Calls `visit(input position, output position)` for every element, in row-major order of the input. */
export const forReduced = (shape: Shape, axes: readonly number[], visit: (i: number, o: number) => void): void => {
  const kept = dropAxes(shape, axes)
  const outStrides = stridesOf(kept)
  const strides = shape.map(() => 0)
  let k = 0
  for (let a = 0; a < shape.length; a++) if (!axes.includes(a)) strides[a] = outStrides[k++]!
  const coords = shape.map(() => 0)
  const size = sizeOf(shape)
  let o = 0
  for (let i = 0; i < size; i++) {
    visit(i, o)
    for (let a = shape.length - 1; a >= 0; a--) {
      coords[a] = coords[a]! + 1
      o += strides[a]!
      if (coords[a]! < shape[a]!) break
      o -= strides[a]! * shape[a]!
      coords[a] = 0
    }
  }
}

/** Coordinates with `along[i]` placed at axis `axes[i]`. */
export const interleave = (
  out: readonly Index[],
  axes: readonly number[],
  along: readonly Index[],
): readonly Index[] => {
  const coords: Index[] = []
  let from = 0
  for (let i = 0; i < out.length + axes.length; i++) {
    const k = axes.indexOf(i)
    coords.push(k >= 0 ? along[k]! : out[from++]!)
  }
  return coords
}

/** y[..., r, ...] = x[...]: new axes of given sizes; `axes` are positions in the result. The only broadcasting there is. */
export const repeat: Op<Axes & { readonly sizes: readonly number[] }, 1> = defineOp({
  name: 'repeat',
  doc: 'y[.., r, ..] = x[..]: new `axes` of `sizes`',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], { axes, sizes }): Aval => {
    checkAxes('repeat', axes, x.shape.length + axes.length, [x])
    if (sizes.length !== axes.length) shapeError('repeat', 'one size for each axis', [x])
    return { shape: insertAxes(x.shape, axes, sizes), dtype: x.dtype }
  },
  jvp: 'linear',
  vjp: (ct, { params: { axes } }) => [reduceSum({ axes }, ct)],
  batch: ([x], { axes, sizes }) => repeat({ axes: axes.map((a) => a + 1), sizes }, x.expr),
  eval: ([x], { params: { axes }, aval }) => {
    const out = new Float64Array(sizeOf(aval.shape))
    forReduced(aval.shape, axes, (i, o) => {
      out[i] = x[o]!
    })
    return out
  },
  lower: ([x], { params: { axes } }) => ({
    kind: 'map',
    at: (coords) => x(coords.filter((_, i) => !axes.includes(i))),
  }),
})

/** The same elements in the same row-major order under another shape. */
export const reshape: Op<{ readonly shape: readonly number[] }, 1> = defineOp({
  name: 'reshape',
  doc: 'the same elements, row-major, under another `shape`',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], { shape }): Aval => {
    if (sizeOf(shape) !== sizeOf(x.shape))
      shapeError('reshape', `an array of ${sizeOf(shape)} elements for [${shape.join(',')}]`, [x])
    return { shape, dtype: x.dtype }
  },
  jvp: 'linear',
  vjp: (ct, { inputs: [x] }) => [reshape({ shape: x.aval.shape }, ct)],
  batch: ([x], { shape }, size) => reshape({ shape: [size, ...shape] }, x.expr),
  eval: ([x]) => x.slice(),
  lower: ([x], { avals: [a], params: { shape } }) => ({
    kind: 'map',
    at: (coords) => x(sameShape(shape, a.shape) ? coords : unflattenIndex(flatIndex(coords, shape), a.shape)),
  }),
})

/** Axis i of the result is axis `perm[i]` of x. */
export const transpose: Op<{ readonly perm: readonly number[] }, 1> = defineOp({
  name: 'transpose',
  doc: 'axis i of y is axis `perm[i]` of x',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], { perm }): Aval => {
    const sorted = [...perm].sort((a, b) => a - b)
    if (perm.length !== x.shape.length || !sorted.every((p, i) => p === i))
      shapeError('transpose', `a permutation of the axes, got [${perm.join(',')}] for`, [x])
    return { shape: perm.map((p) => x.shape[p]!), dtype: x.dtype }
  },
  jvp: 'linear',
  vjp: (ct, { params: { perm } }) => [transpose({ perm: inversePermutation(perm) }, ct)],
  batch: ([x], { perm }) => transpose({ perm: [0, ...perm.map((p) => p + 1)] }, x.expr),
  eval: ([x], { avals: [a], params: { perm }, aval }) => {
    const strides = stridesOf(a.shape)
    const steps = perm.map((p) => strides[p]!)
    return pull(x, aval.shape, (coords) => {
      let at = 0
      for (let i = 0; i < coords.length; i++) at += coords[i]! * steps[i]!
      return at
    })
  },
  lower: ([x], { params: { perm } }) => {
    const inverse = inversePermutation(perm)
    return { kind: 'map', at: (coords) => x(inverse.map((i) => coords[i]!)) }
  },
})

export const inversePermutation = (perm: readonly number[]): readonly number[] => {
  const inverse = new Array<number>(perm.length)
  perm.forEach((p, i) => {
    inverse[p] = i
  })
  return inverse
}

/** x[start_0 .. start_0 + size_0, ...]. Transpose of `pad`. */
export const slice: Op<{ readonly start: readonly number[]; readonly size: readonly number[] }, 1> = defineOp({
  name: 'slice',
  doc: 'y[i] = x[start + i]',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], { start, size }): Aval => {
    const fits =
      start.length === x.shape.length &&
      size.length === x.shape.length &&
      x.shape.every((n, i) => start[i]! >= 0 && size[i]! >= 0 && start[i]! + size[i]! <= n)
    if (!fits) shapeError('slice', `an array that holds [${size.join(',')}] from [${start.join(',')}]`, [x])
    return { shape: size, dtype: x.dtype }
  },
  jvp: 'linear',
  vjp: (ct, { inputs: [x], params: { start, size } }) => [
    pad({ before: start, after: x.aval.shape.map((n, i) => n - start[i]! - size[i]!) }, ct),
  ],
  batch: ([x], { start, size }, batch) => slice({ start: [0, ...start], size: [batch, ...size] }, x.expr),
  eval: ([x], { avals: [a], params: { start }, aval }) => {
    const strides = stridesOf(a.shape)
    return pull(x, aval.shape, (coords) => {
      let at = 0
      for (let i = 0; i < coords.length; i++) at += (coords[i]! + start[i]!) * strides[i]!
      return at
    })
  },
  lower: ([x], { params: { start } }) => ({
    kind: 'map',
    at: (coords) => x(coords.map((c, i) => addIndex(c, constIndex(start[i]!)))),
  }),
})

/** x surrounded by zeros (false for bool). Transpose of `slice`. */
export const pad: Op<{ readonly before: readonly number[]; readonly after: readonly number[] }, 1> = defineOp({
  name: 'pad',
  doc: 'y[before + i] = x[i], zero elsewhere',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x], { before, after }): Aval => {
    const fits = [before, after].every(
      (p) => p.length === x.shape.length && p.every((n) => Number.isInteger(n) && n >= 0),
    )
    if (!fits) shapeError('pad', 'one non-negative margin per axis', [x])
    return { shape: x.shape.map((n, i) => n + before[i]! + after[i]!), dtype: x.dtype }
  },
  jvp: 'linear',
  vjp: (ct, { inputs: [x], params: { before } }) => [slice({ start: before, size: x.aval.shape }, ct)],
  batch: ([x], { before, after }) => pad({ before: [0, ...before], after: [0, ...after] }, x.expr),
  eval: ([x], { avals: [a], params: { before }, aval }) => {
    const strides = stridesOf(a.shape)
    return pull(x, aval.shape, (coords) => {
      let at = 0
      for (let i = 0; i < coords.length; i++) {
        const c = coords[i]! - before[i]!
        if (c < 0 || c >= a.shape[i]!) return -1
        at += c * strides[i]!
      }
      return at
    })
  },
  lower: ([x], { avals: [a], params: { before } }) => ({
    kind: 'map',
    at: (coords) => {
      const inner = coords.map((c, i) => addIndex(c, constIndex(-before[i]!)))
      return guarded(inner, a, x)
    },
  }),
})

/** x at coordinates that may lie outside, where the value is zero. The read itself is always inside. */
const guarded = (coords: readonly Index[], a: Aval, x: Access): Scalar => {
  if (sizeOf(a.shape) === 0) return zeroOf(a.dtype)
  const inside = coords.map((c, i) => clampIndex(c, a.shape[i]!))
  let value = x(inside)
  coords.forEach((c, i) => {
    const test = within(c, 0, a.shape[i]!)
    if (test.tag === 'const') {
      if (test.value === 0) value = zeroOf(a.dtype)
    } else value = select(test, value, zeroOf(a.dtype))
  })
  return value
}

/** The index kept inside [0, size): its remainder where it may lie outside (the value read there is not used). */
const clampIndex = (c: Index, size: number): Index =>
  c.min >= 0 && c.max < size ? c : size === 1 ? constIndex(0) : modOf(c, size)

const modOf = (c: Index, size: number): Index => {
  const shift = c.min < 0 ? Math.ceil(-c.min / size) * size : 0
  // An atom of its own, so that simplification cannot prove it away: x mod size with x >= 0.
  return unflattenIndex(addIndex(c, constIndex(shift)), [1, size])[1] ?? axisIndex('unused', 1)
}

/** Arrays one after another along an axis. */
export const concat: Op<{ readonly axis: number }, number> = defineOp({
  name: 'concat',
  doc: 'arrays one after another along `axis`',
  arity: variadic,
  smoothness: 'smooth',
  shape: (xs, { axis }): Aval => {
    const [first] = xs
    if (first === undefined) return shapeError('concat', 'at least one array', [])
    const fits = xs.every(
      (x) =>
        x.dtype === first.dtype &&
        x.shape.length === first.shape.length &&
        x.shape.every((n, i) => i === axis || n === first.shape[i]),
    )
    if (!fits || !(axis >= 0 && axis < first.shape.length))
      shapeError('concat', `arrays that differ only along axis ${axis}`, xs)
    const size = xs.reduce((sum, x) => sum + x.shape[axis]!, 0)
    return { shape: first.shape.map((n, i) => (i === axis ? size : n)), dtype: first.dtype }
  },
  jvp: (tangents, { inputs, params }) =>
    tangents.every((t) => t === null) ? null : concat(params, ...tangents.map((t, i) => t ?? zerosLike(inputs[i]!))),
  vjp: (ct, { inputs, params: { axis } }) => {
    let from = 0
    return inputs.map((x) => {
      const start = x.aval.shape.map((_, i) => (i === axis ? from : 0))
      from += x.aval.shape[axis]!
      return slice({ start, size: x.aval.shape }, ct)
    })
  },
  batch: (inputs, { axis }, size) => concat({ axis: axis + 1 }, ...alignBatch(asList<Batched, number>(inputs), size)),
  eval: (xs, { avals, params: { axis }, aval }) => {
    const out = new Float64Array(sizeOf(aval.shape))
    const inner = sizeOf(aval.shape.slice(axis + 1))
    const row = aval.shape[axis]! * inner
    const outer = row === 0 ? 0 : out.length / row
    let offset = 0
    xs.forEach((x, k) => {
      const span = avals[k]!.shape[axis]! * inner
      for (let o = 0; o < outer; o++) out.set(x.subarray(o * span, (o + 1) * span), o * row + offset)
      offset += span
    })
    return out
  },
  lower: (xs, { avals, params: { axis } }) => ({
    kind: 'map',
    at: (coords) => {
      let value: Scalar | undefined
      let end = avals.reduce((sum, a) => sum + a.shape[axis]!, 0)
      for (let k = xs.length - 1; k >= 0; k--) {
        const size = avals[k]!.shape[axis]!
        if (size === 0) continue
        const start = end - size
        const shifted = coords.map((c, i) => (i === axis ? addIndex(c, constIndex(-start)) : c))
        const inside = shifted.map((c, i) => (i === axis ? clampIndex(c, size) : c))
        const test = within(shifted[axis]!, 0, size)
        if (test.tag !== 'const') {
          const here = xs[k]!(inside)
          value = value === undefined ? here : select(test, here, value)
        } else if (test.value === 1) value = xs[k]!(inside)
        end = start
      }
      return value ?? zeroOf(avals[0]!.dtype)
    },
  }),
})

/** Give shared inputs the batch axis that the others have. */
export const alignBatch = (inputs: readonly Batched[], size: number): readonly Expr[] =>
  inputs.map(({ expr, batched }) => (batched ? expr : repeat({ axes: [0], sizes: [size] }, expr)))

/** Zeros in the shape of `e`, made without reading it. */
export const zerosLike = (e: Expr): Expr => literal({ value: 0, shape: e.aval.shape, dtype: e.aval.dtype })
