import type { BinaryFn, Scalar, UnaryFn } from '../../../core'
import { f32x4, i32, i32x4, select, v128, type Code } from './instructions'

/** Operations of the loop IR on one integer, and on four lanes. */
export const unarySingle = (fn: UnaryFn, x: Code): Code => {
  switch (fn) {
    case 'neg':
      return i32.sub(i32.of(0), x)
    case 'abs':
      return select(i32.lt(x, i32.of(0)), i32.sub(i32.of(0), x), x)
    case 'sign':
      return i32.sub(i32.gt(x, i32.of(0)), i32.lt(x, i32.of(0)))
    case 'floor':
    case 'trunc':
      return x
    default:
      throw new Error(`internal: ${fn} of an integer`)
  }
}
export const binarySingle = (fn: BinaryFn, x: Code, y: Code): Code => {
  switch (fn) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'eq':
    case 'lt':
    case 'le':
    case 'and':
    case 'or':
      return i32[fn](x, y)
    case 'max':
      return select(i32.lt(x, y), y, x)
    case 'min':
      return select(i32.lt(x, y), x, y)
    case 'div':
      throw new Error('internal: division of integers')
  }
}
export const binaryVector = (fn: BinaryFn, type: Scalar['type'], x: Code, y: Code): Code => {
  if (fn === 'and' || fn === 'or') return v128[fn](x, y)
  if (type === 'real') return f32x4[fn](x, y)
  // True is all ones, which as an integer is less than false.
  if (type === 'bool' && (fn === 'lt' || fn === 'le')) return i32x4[fn](y, x)
  if (fn === 'div') throw new Error('internal: division of integers')
  return i32x4[fn](x, y)
}
