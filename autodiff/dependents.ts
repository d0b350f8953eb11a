import type { Expr } from '../core'

/** Whether a node of `order` (inputs before users) is one of `sources` or needs one. */
export const dependents = (order: readonly Expr[], sources: readonly Expr[]): ((e: Expr) => boolean) => {
  const set = new Set<Expr>(sources)
  for (const e of order) if (!set.has(e) && e.inputs.some((x) => set.has(x))) set.add(e)
  return (e) => set.has(e)
}
