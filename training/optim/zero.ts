import {
  allGather,
  leavesOf,
  mapExprs,
  mapTree,
  reduceScatter,
  reshape,
  take,
  type Aval,
  type Expr,
  type ExprTree,
} from '../../core'
import type { GradientTransformation } from './base'
import { globalNorm } from './transforms'
import { bucketsFor, flatten, unflatten, type Bucket, type FlatConfig } from './flat'

/** Ranks that train together, and which of them this is: i32[], from 0. */
export interface Mesh {
  readonly ranks: number
  readonly rank: Expr
}

/**
 * ZeRO stage 1 (Rajbhandari et al. 2020, arXiv:1910.02054, §5.1, P_os): `inner` on a part of all parameters, 1/N of each bucket of the flat, padded
 * order, with its state on its owner alone. Gradients are those of a rank's rows; their sum over ranks is what `inner` sees, and updates are gathered from
 * all. Equals `inner` on the sum, for every N. `inner` must act element by element, whatever the paths: it sees buckets, not parameters; what
 * looks at all gradients has to look at those of all ranks (`clipByGlobalNorm` with a mesh).
 */
export const zeroSharded =
  ({ ranks, rank }: Mesh, config: Pick<FlatConfig, 'most'> = {}) =>
  <S extends ExprTree>(inner: GradientTransformation<S>): GradientTransformation<S> => {
    const layoutOf = (params: ExprTree): readonly Bucket[] =>
      bucketsFor(
        mapTree<Expr, Aval>(params, ({ aval }) => aval),
        { multiple: ranks, ...config },
      )
    const ownPart = (flat: Expr): Expr => {
      const part = flat.aval.shape[0]! / ranks
      return reshape(take(reshape(flat, [ranks, part]), reshape(rank, [1])), [part])
    }
    const ownShard = (buckets: readonly Bucket[], tree: ExprTree): ExprTree => mapExprs(flatten(buckets, tree), ownPart)
    return {
      ...inner,
      init: (params) => inner.init(ownShard(layoutOf(params), params)),
      update: <T extends ExprTree>(grads: T, state: S, params: T) => {
        const buckets = layoutOf(params)
        const shard = mapExprs(flatten(buckets, grads), (g) => reduceScatter({ ranks }, g))
        const result = inner.update<ExprTree>(shard, state, ownShard(buckets, params))
        const whole = Object.fromEntries(
          leavesOf<Expr>(result.updates).map(([name, u]) => [name, allGather({ ranks }, u)]),
        )
        return { ...result, updates: unflatten(buckets, whole) as T, gradNorm: globalNorm(shard, ranks) }
      },
    }
  }
