import { add, dependents, erase, isFloat, makeNode, ops, topological, withPath, type Expr } from '../core'

/** Cotangents of `wrt`, given one for each output; null where no derivative reaches. */
export type Pullback = (cts: readonly (Expr | null)[]) => readonly (Expr | null)[]

/**
 * Reverse mode on the graph: the result is again a graph, so it can be differentiated. Nodes are known by identity; walk by
 * explicit stack. A value used twice gets the sum of its cotangents.
 */
export const pullback =
  (outputs: readonly Expr[], wrt: readonly Expr[]): Pullback =>
  (cts) => {
    const order = topological(outputs)
    const isDependent = dependents(order, wrt)
    const acc = new Map<Expr, Expr>()
    const give = (e: Expr, ct: Expr | null | undefined): void => {
      if (ct === null || ct === undefined || !isDependent(e) || !isFloat(e.aval.dtype)) return
      const sum = acc.get(e)
      acc.set(e, sum === undefined ? ct : add(sum, ct))
    }
    outputs.forEach((out, i) => give(out, cts[i]))
    const leaves = new Set(wrt)
    for (let i = order.length - 1; i >= 0; i--) {
      const e = order[i]!
      const ct = acc.get(e)
      if (ct === undefined || leaves.has(e)) continue
      withPath([...e.path.filter((name) => name !== '∂'), '∂'], () => {
        if (e.op === rematOp) rematerialise(e, ct, isDependent, give)
        else if (e.op.vjp !== null) {
          const inputCts = e.op.vjp(ct, { inputs: e.inputs, params: e.params, aval: e.aval, out: e })
          e.inputs.forEach((x, k) => give(x, inputCts[k]))
        }
      })
      acc.delete(e)
    }
    return wrt.map((x) => acc.get(x) ?? null)
  }

const rematOp = erase(ops.rematRegion.spec)

/**
 * Compute a marked region a second time from fenced copies of its inputs, and take the derivative of that. What the region
 * closes over without naming it as an input gets its cotangent as well.
 */
const rematerialise = (
  e: Expr,
  ct: Expr,
  isDependent: (e: Expr) => boolean,
  give: (e: Expr, ct: Expr | null) => void,
): void => {
  const [out, ...args] = e.inputs as readonly [Expr, ...Expr[]]
  const again = new Map<Expr, Expr>(args.map((arg) => [arg, ops.fence(arg, ct)]))
  const inRegion = dependents(topological([out]), args)
  if (!inRegion(out)) {
    give(out, ct) // the region read none of its arguments: there is nothing to compute again
    return
  }
  const frontier = new Set<Expr>()
  for (const node of topological([out], (n) => again.has(n))) {
    if (again.has(node) || !inRegion(node)) continue
    for (const x of node.inputs) if (!again.has(x) && isDependent(x)) frontier.add(x)
    again.set(
      node,
      makeNode(
        node.op,
        node.params,
        node.inputs.map((x) => again.get(x) ?? x),
      ),
    )
  }
  const closed = [...frontier].filter((x) => !inRegion(x) || args.includes(x))
  const wrt = [...args.map((arg) => again.get(arg)!), ...closed]
  const cts = pullback([again.get(out) ?? out], wrt)([ct])
  ;[...args, ...closed].forEach((x, i) => give(x, cts[i]!))
}
