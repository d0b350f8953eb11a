import type { Expr } from '../core'

/**
 * An order of computation that keeps memory low: each node just before its earliest user could run. The gradient of a weight
 * then comes as soon as the backward walk has passed its layer (so that activations are freed), and a dropout mask not before
 * its layer. Valid because a node's place is always below the depth of every user.
 */
export const schedule = (order: readonly Expr[]): readonly Expr[] => {
  const depth = new Map<Expr, number>()
  for (const e of order)
    depth.set(
      e,
      e.inputs.reduce((d, x) => Math.max(d, depth.get(x)! + 1), 0),
    )
  const place = new Map<Expr, number>()
  for (const e of order) for (const x of e.inputs) place.set(x, Math.min(place.get(x) ?? Infinity, depth.get(e)! - 1))
  const index = new Map(order.map((e, i) => [e, i]))
  const key = (e: Expr): number => place.get(e) ?? depth.get(e)!
  return [...order].sort((a, b) => key(a) - key(b) || index.get(a)! - index.get(b)!)
}
