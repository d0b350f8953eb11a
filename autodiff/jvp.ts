import { dependents, makeNode, topological, type Expr } from '../core'

/** Forward mode on the graph: tangents of the outputs, given those of `wrt`; null where none arrives. */
export const pushforward = (
  outputs: readonly Expr[],
  wrt: readonly Expr[],
  tangents: readonly Expr[],
): readonly (Expr | null)[] => {
  const order = topological(outputs)
  const isDependent = dependents(order, wrt)
  const seeds = new Map<Expr, Expr>(wrt.map((x, i) => [x, tangents[i]!]))
  const values = new Map<Expr, Expr | null>()
  for (const e of order) values.set(e, seeds.get(e) ?? (isDependent(e) ? tangentOf(e, values) : null))
  return outputs.map((out) => values.get(out) ?? null)
}

const tangentOf = (e: Expr, values: ReadonlyMap<Expr, Expr | null>): Expr | null => {
  const { jvp } = e.op
  if (jvp === null) return null
  const tangents = e.inputs.map((x) => values.get(x) ?? null)
  if (jvp === 'linear')
    return tangents[0] === null || tangents[0] === undefined ? null : makeNode(e.op, e.params, [tangents[0]])
  return jvp(tangents, { inputs: e.inputs, params: e.params, aval: e.aval, out: e })
}
