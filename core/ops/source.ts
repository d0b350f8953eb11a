import { isFloat, sizeOf, type Aval, type DType } from '../aval'
import { shapeError } from '../error'
import { bool, constIndex, flatIndex, int, load, ofIndex, real, scalarType, type Scalar } from '../loop'
import { defineOp, type Op } from '../op'
import { roundBf16, roundF16 } from '../half'

/** A value as its dtype stores it: i32 truncates, bool is 0 or 1, halves round; f32 stays a real number. */
export const asStored = (value: number, dtype: DType): number =>
  dtype === 'i32'
    ? Math.trunc(value)
    : dtype === 'bool'
      ? value === 0
        ? 0
        : 1
      : dtype === 'f16'
        ? roundF16(value)
        : dtype === 'bf16'
          ? roundBf16(value)
          : value

const constant = (value: number, dtype: DType): Scalar =>
  dtype === 'i32' ? int(value) : dtype === 'bool' ? bool(value !== 0) : real(value)

type Shaped = { readonly shape: readonly number[]; readonly dtype: DType }

const noInputs = { arity: 0, vjp: null, jvp: null, smoothness: 'none' } as const

/** A number in every place of a shape. JSON has no infinities: `value` is a string for those. */
export const literal: Op<Shaped & { readonly value: number | 'Infinity' | '-Infinity' }, 0> = defineOp({
  ...noInputs,
  name: 'literal',
  doc: 'y[i] = value',
  shape: (_, { shape, dtype }): Aval => ({ shape, dtype }),
  batch: (_, params, size) => literal({ ...params, shape: [size, ...params.shape] }),
  eval: (_, { params: { shape, dtype, value } }) =>
    new Float64Array(sizeOf(shape)).fill(asStored(Number(value), dtype)),
  lower: (_, { params: { dtype, value } }) => ({
    kind: 'map',
    at: () => constant(asStored(Number(value), dtype), dtype),
  }),
})

/** Largest array that a program may carry in its text. Bring larger ones as inputs. */
export const maxConstantSize = 65536

/** A small array written into the program (a table of buckets, a list of positions). */
export const constantArray: Op<Shaped & { readonly data: readonly number[] }, 0> = defineOp({
  ...noInputs,
  name: 'constant',
  doc: 'y = data, row-major',
  shape: (_, { shape, dtype, data }): Aval => {
    if (data.length !== sizeOf(shape) || data.length > maxConstantSize)
      shapeError('constant', `${sizeOf(shape)} numbers, at most ${maxConstantSize}`, `${data.length} numbers`)
    return { shape, dtype }
  },
  batch: (_, params, size) => {
    const data = Array.from({ length: size }, () => params.data).flat()
    return constantArray({ ...params, data, shape: [size, ...params.shape] })
  },
  eval: (_, { params: { data, dtype } }) => Float64Array.from(data, (x) => asStored(x, dtype)),
  // The compiler binds the data of a constant to slot 0 of its access: it is a buffer, not code.
  lower: (_, { params: { shape, dtype } }) => ({
    kind: 'map',
    at: (coords) => load(0, flatIndex(coords, shape), scalarType(dtype)),
  }),
})

/** A named hole: the value comes when the program runs. Equal names are the same input. */
export const input: Op<Shaped & { readonly name: string }, 0> = defineOp({
  ...noInputs,
  name: 'input',
  doc: 'y = the value given under `name`',
  shape: (_, { shape, dtype }): Aval => ({ shape, dtype }),
  batch: () => shapeError('input', 'a value that vmap does not have to copy', 'an input inside a batched function'),
  eval: (_, { params: { name } }) => shapeError('input', `a value for "${name}"`, 'none'),
  lower: (_, { params: { shape, dtype } }) => ({
    kind: 'map',
    at: (coords) => load(0, flatIndex(coords, shape), scalarType(dtype)),
  }),
})

/** y[..., i, ...] = i along one axis. */
export const iota: Op<{ readonly shape: readonly number[]; readonly axis: number }, 0> = defineOp({
  ...noInputs,
  name: 'iota',
  doc: 'y[..., i, ...] = i along `axis`',
  shape: (_, { shape, axis }): Aval => {
    if (!(axis >= 0 && axis < shape.length)) shapeError('iota', `an axis in [0, ${shape.length})`, `axis ${axis}`)
    return { shape, dtype: 'i32' }
  },
  batch: (_, { shape, axis }, size) => iota({ shape: [size, ...shape], axis: axis + 1 }),
  eval: (_, { params: { shape, axis } }) => {
    const out = new Float64Array(sizeOf(shape))
    const inner = sizeOf(shape.slice(axis + 1))
    for (let i = 0; i < out.length; i++) out[i] = Math.floor(i / inner) % shape[axis]!
    return out
  },
  lower: (_, { params: { axis } }) => ({ kind: 'map', at: (coords) => ofIndex(coords[axis] ?? constIndex(0)) }),
})

export const zeroOf = (dtype: DType): Scalar => (isFloat(dtype) ? real(0) : constant(0, dtype))
