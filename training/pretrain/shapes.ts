import type { Aval } from '../../core'
import { maskSlots } from '../data/mask'
import type { PretrainInputs } from '../objectives'

/** Avals of a batch of B rows of T tokens at a masking rate; isPadded as of the blocks that it is made of. */
export const batchAvals = (
  B: number,
  T: number,
  maskRate = 0.15,
  isPadded = false,
): { readonly [K in keyof PretrainInputs]: Aval } => {
  const K = maskSlots(T, maskRate)
  const ids = (...shape: readonly number[]): Aval => ({ dtype: 'i32', shape })
  const real = (...shape: readonly number[]): Aval => ({ dtype: 'f32', shape })
  return {
    tokens: ids(B, T),
    masked: ids(B, T),
    positions: ids(B, K),
    targets: ids(B, K),
    weights: real(B, K),
    tokenOrder: ids(B * T),
    exampleLo: ids(B),
    exampleHi: ids(B),
    maskCount: real(),
    tokenCount: real(),
    ...(isPadded ? { isToken: { dtype: 'bool', shape: [B, T] } as const, rowCount: real() } : {}),
  }
}
