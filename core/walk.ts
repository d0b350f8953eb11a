import type { Expr } from './op'

/**
 * Every node that `roots` need, inputs before users. An explicit stack: graphs are thousands of nodes deep. `inputsOf` says
 * which inputs a node needs, by default all.
 */
export const topological = (
  roots: readonly Expr[],
  stop?: (e: Expr) => boolean,
  inputsOf: (e: Expr) => readonly Expr[] = (e) => e.inputs,
): readonly Expr[] => {
  const order: Expr[] = []
  const seen = new Set<Expr>()
  const stack: { readonly node: Expr; next: number }[] = []
  const push = (node: Expr): void => {
    if (seen.has(node)) return
    seen.add(node)
    stack.push({ node, next: 0 })
  }
  for (const root of roots) {
    push(root)
    while (stack.length > 0) {
      const top = stack.at(-1)!
      const child = stop?.(top.node) === true ? undefined : inputsOf(top.node)[top.next]
      top.next += 1
      if (child !== undefined) push(child)
      else {
        stack.pop()
        order.push(top.node)
      }
    }
  }
  return order
}

/** How many times each node is read as an input of another. */
export const useCounts = (
  order: readonly Expr[],
  inputsOf: (e: Expr) => readonly Expr[] = (e) => e.inputs,
): ReadonlyMap<Expr, number> => {
  const uses = new Map<Expr, number>()
  for (const e of order) for (const x of inputsOf(e)) uses.set(x, (uses.get(x) ?? 0) + 1)
  return uses
}

/** Whether a node of `order` (inputs before users) is one of `sources` or needs one. */
export const dependents = (order: readonly Expr[], sources: readonly Expr[]): ((e: Expr) => boolean) => {
  const set = new Set<Expr>(sources)
  for (const e of order) if (!set.has(e) && e.inputs.some((x) => set.has(x))) set.add(e)
  return (e) => set.has(e)
}
