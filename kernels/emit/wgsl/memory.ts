import { isFloat, scalarType, sizeOf, type DType, type Scalar } from '../../../core'
import { wgslType } from './values'

/** How elements lie in the 32-bit words of a storage buffer: several of a narrow dtype share one. */
interface Format {
  readonly type: 'f32' | 'i32' | 'u32'
  readonly perWord: number
  /** The element `n` (an i32) of `array`, as the scalar that it is. */
  readonly load: (array: string, n: string) => string
  /** The bits of element `n` of a narrow float: a u32. */
  readonly bits?: (array: string, n: string) => string
  /** Four elements from `n`, a multiple of 4, on, out of an array of `quad` type: a vec4<f32>, or as they lie. */
  readonly quad?: {
    readonly type: string
    readonly load: (array: string, n: string) => string
    readonly bits: (array: string, n: string) => string
  }
  /** A word made of `perWord` elements. */
  readonly word: (elements: readonly string[]) => string
  readonly uses: { readonly load?: string; readonly quad?: string; readonly store?: string }
}

const halfBits = (array: string, n: string): string =>
  `(${array}[u32(${n}) >> 1u] >> ((u32(${n}) & 1u) << 4u)) & 0xffffu`
const fourOf = (array: string, n: string): string => `${array}[u32(${n}) >> 2u]`

const halves = (name: 'f16' | 'bf16'): Format => ({
  type: 'u32',
  perWord: 2,
  load: (array, n) => `${name}Value(${halfBits(array, n)})`,
  bits: halfBits,
  quad: { type: 'vec2<u32>', load: (array, n) => `${name}Quad(${fourOf(array, n)})`, bits: fourOf },
  word: ([low, high]) => `${name}Bits(${low}) | (${name}Bits(${high}) << 16u)`,
  uses: { load: `${name}Value`, quad: `${name}Quad`, store: `${name}Bits` },
})

const whole = (type: 'f32' | 'i32'): Format => ({
  type,
  perWord: 1,
  load: (array, n) => `${array}[${n}]`,
  ...(type === 'f32' ? { quad: { type: 'vec4<f32>', load: fourOf, bits: fourOf } } : {}),
  word: ([x]) => x!,
  uses: {},
})

export const formats: Readonly<Record<DType, Format>> = {
  f32: whole('f32'),
  i32: whole('i32'),
  f16: halves('f16'),
  bf16: halves('bf16'),
  bool: {
    type: 'u32',
    perWord: 4,
    load: (array, n) => `(((${array}[u32(${n}) >> 2u] >> ((u32(${n}) & 3u) << 3u)) & 1u) != 0u)`,
    word: (elements) => elements.map((e, i) => `(u32(${e}) << ${8 * i}u)`).join(' | '),
    uses: {},
  },
}

/** 32-bit words that a tensor takes. */
export const wordsOf = (shape: readonly number[], dtype: DType): number =>
  Math.ceil(sizeOf(shape) / formats[dtype].perWord)

/** The WGSL type of an element of a dtype. */
export const elementType = (dtype: DType): string => wgslType[scalarType(dtype)]

/** The text of a scalar as an element: a kernel may leave a position or a truth value in an array of numbers. */
export const asStored = ({ type }: Scalar, text: string, dtype: DType): string =>
  type === scalarType(dtype) ? text : dtype === 'bool' ? `(${text} != 0)` : `${isFloat(dtype) ? 'f32' : 'i32'}(${text})`
