import { ops, type Expr } from '../core'

/**
 * `f` with its intermediate values dropped after use and computed again for the derivative (Chen et al. 2016,
 * arXiv:1604.06174): memory for time. Equals `f` in value and gradient. Name as arguments what the region reads.
 */
export const remat =
  (f: (...args: readonly Expr[]) => Expr) =>
  (...args: readonly Expr[]): Expr => {
    const held = args.map((arg) => ops.variable(arg))
    return ops.rematRegion(f(...held), ...held)
  }
