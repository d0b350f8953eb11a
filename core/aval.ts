/** Storage type of an element. `f16` and `bf16` are rounded to nearest-even; `i32` and `bool` carry no gradient. */
export type DType = 'f32' | 'f16' | 'bf16' | 'i32' | 'bool'
export type Shape = readonly number[]

/** What is known of a value before it exists: its shape and its dtype. */
export interface Aval {
  readonly shape: Shape
  readonly dtype: DType
}

export const dtypes: readonly DType[] = ['f32', 'f16', 'bf16', 'i32', 'bool']

export const aval = (dtype: DType, ...shape: readonly number[]): Aval => ({ dtype, shape })

export const isFloat = (dtype: DType): boolean => dtype === 'f32' || dtype === 'f16' || dtype === 'bf16'

/** Bytes of one element as stored by a device with real 16-bit storage. */
export const bytesOf = (dtype: DType): number => (dtype === 'f16' || dtype === 'bf16' ? 2 : dtype === 'bool' ? 1 : 4)

/** Number of elements; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => {
  let size = 1
  for (const n of shape) size *= n
  return size
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i])

export const sameAval = (a: Aval, b: Aval): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape)

/** `f32[2,3]`, the form used in messages and in printed programs. */
export const showAval = ({ dtype, shape }: Aval): string => `${dtype}[${shape.join(',')}]`

/** Row-major strides in elements: `[2,3,4] -> [12,4,1]`. */
export const stridesOf = (shape: Shape): readonly number[] => {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride
    stride *= shape[i]!
  }
  return strides
}

/** The shape without the given axes. */
export const dropAxes = (shape: Shape, axes: readonly number[]): Shape => shape.filter((_, i) => !axes.includes(i))

/** The shape with `sizes[i]` inserted so that it becomes axis `axes[i]` of the result; `axes` ascend. */
export const insertAxes = (shape: Shape, axes: readonly number[], sizes: readonly number[]): Shape => {
  const out: number[] = []
  let from = 0
  for (let i = 0; i < shape.length + axes.length; i++) {
    const k = axes.indexOf(i)
    out.push(k >= 0 ? sizes[k]! : shape[from++]!)
  }
  return out
}
