import fc from 'fast-check'
import { bf16Value, f16Value } from '../../../core'

export interface HalfLimits {
  /** Whether infinities are drawn. Default true. */
  readonly infinities?: boolean
  /** Whether NaN is drawn. Default true. */
  readonly nan?: boolean
}

/**
 * Numbers of a sixteen-bit float, each bit pattern as likely as another, so subnormals, both zeros, the largest numbers and (unless left out)
 * infinities and NaN come up; shrinks towards 0.
 */
export const halfArbitrary = (
  dtype: 'f16' | 'bf16',
  { infinities = true, nan = true }: HalfLimits = {},
): fc.Arbitrary<number> => {
  const infinity = dtype === 'f16' ? 0x7c00 : 0x7f80
  const valueOf = dtype === 'f16' ? f16Value : bf16Value
  const finite = fc.tuple(fc.nat({ max: infinity - 1 }), fc.boolean())
  const numbers = finite.map(([bits, isNegative]) => valueOf(isNegative ? bits | 0x8000 : bits))
  return fc.oneof(
    { weight: 30, arbitrary: numbers },
    ...(infinities ? [{ weight: 1, arbitrary: fc.constantFrom(Infinity, -Infinity) }] : []),
    ...(nan ? [{ weight: 1, arbitrary: fc.constant(NaN) }] : []),
  )
}
