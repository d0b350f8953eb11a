import {
  add,
  and,
  argsort,
  cast,
  customVjp,
  eq,
  expandDims,
  gt,
  iota,
  mul,
  ops,
  reshape,
  scatterOrdered,
  sub,
  sum,
  where,
  type Expr,
} from '../../core'
import { rowsAt } from '../../models'
import type { PretrainInputs } from './objective'

/** A text with its masked tokens replaced. */
export interface Corrupted {
  readonly ids: Expr // i32[B, T]
  /** True where the token is the original: a sample may equal it (recipe 2.2). */
  readonly isOriginal: Expr // bool[B, T]
  readonly isMasked: Expr // bool[B, T]
}

/** Put `sampled` i32[B, K] in the masked places of the text; slots of weight 0 change nothing. */
export const corrupt = (batch: PretrainInputs, sampled: Expr): Corrupted => {
  const [B, T] = batch.tokens.aval.shape as readonly [number, number]
  const K = sampled.aval.shape[1]!
  const here = eq(iota([B, T, K], 1), expandDims(batch.positions, 1)) // [B, T, K]
  const used = and(here, expandDims(gt(batch.weights, 0), 1))
  // Ids are below 2^24, so a float sum over the one slot that matches is exact; + 1 tells id 0 from no slot.
  const found = sum(where(used, cast(expandDims(add(sampled, 1), 1), 'f32'), 0), 2) // f32[B, T]
  const isMasked = gt(found, 0)
  const ids = where(isMasked, sub(cast(found, 'i32'), 1), batch.tokens)
  return { ids, isOriginal: eq(ids, batch.tokens), isMasked }
}

/**
 * Rows of the token table for a corrupted text, f32[B, T, D]. The gradient is in two parts: unmasked tokens in the order that
 * the host brought for `masked`, sampled tokens (few) ranked on the device. Equals the gradient of a plain lookup.
 */
export const embedCorrupted = (table: Expr, batch: PretrainInputs, sampled: Expr, corrupted: Corrupted): Expr =>
  customVjp(
    'embedCorrupted',
    (t, ids) => ops.gather(t, ids),
    (ct, [t, _ids, sampledIds, isMasked, masked, order, positions, weights]) => {
      const [B, K] = sampledIds!.aval.shape as readonly [number, number]
      const kept = where(expandDims(isMasked!, 2), 0, ct) // [B, T, D]
      const unmasked = scatterOrdered(kept, reshape(masked!, [-1]), order!, t!.aval)
      const flat = reshape(sampledIds!, [B * K])
      const replaced = mul(rowsAt(ct, positions!), reshape(weights!, [B * K, 1])) // [B*K, D]
      const drawn = scatterOrdered(replaced, flat, argsort(flat), t!.aval)
      return [add(unmasked, drawn), null, null, null, null, null, null, null]
    },
  )(table, corrupted.ids, sampled, corrupted.isMasked, batch.masked, batch.tokenOrder, batch.positions, batch.weights)
