import {
  customRuleOf,
  customVjpOp,
  dropAxes,
  exprLeaves,
  makeNode,
  mapExprs,
  ops,
  shapeError,
  topological,
  type Batched,
  type CustomVjp,
  type Expr,
  type ExprTree,
} from '../core'

/**
 * `f` over a stack of arguments: every leaf of `x` carries a leading batch axis of one size, and so does the result.
 * vmap(f)(stack of xs) = stack of f(x). What `f` closes over is shared by all.
 */
export const vmap =
  <T extends ExprTree>(f: (x: T) => Expr) =>
  (x: T): Expr => {
    const leaves = exprLeaves(x)
    const size = leaves[0]?.aval.shape[0]
    if (size === undefined || !leaves.every((leaf) => leaf.aval.shape[0] === size))
      return shapeError(
        'vmap',
        'leaves with one leading batch axis of equal size',
        leaves.map((leaf) => leaf.aval),
      )
    const holes = mapExprs(x, hole)
    return batchGraph([f(holes)], exprLeaves(holes), leaves, size)[0]!
  }

/** One example's place: known by identity, and gone from the result. */
const hole = (leaf: Expr, path: string): Expr =>
  ops.input({ name: `vmap/${path}`, shape: dropAxes(leaf.aval.shape, [0]), dtype: leaf.aval.dtype })

/** Outputs with batched values in the place of `holes`; an output that needs none of them is repeated. */
const batchGraph = (
  outputs: readonly Expr[],
  holes: readonly Expr[],
  values: readonly Expr[],
  size: number,
): readonly Expr[] => {
  const batched = new Map<Expr, Batched>(holes.map((h, i) => [h, { expr: values[i]!, batched: true }]))
  for (const e of topological(outputs)) {
    if (batched.has(e)) continue
    const inputs = e.inputs.map((x) => batched.get(x)!)
    batched.set(
      e,
      inputs.some((x) => x.batched) ? { expr: batchNode(e, inputs, size), batched: true } : { expr: e, batched: false },
    )
  }
  return outputs.map((out) => {
    const { expr, batched: isBatched } = batched.get(out)!
    return isBatched ? expr : ops.repeat({ axes: [0], sizes: [size] }, expr)
  })
}

const batchNode = (e: Expr, inputs: readonly Batched[], size: number): Expr => {
  const custom = customRuleOf(e.op)
  if (custom === undefined) return e.op.batch(inputs, e.params, size)
  const aligned = inputs.map((x) => (x.batched ? x.expr : ops.repeat({ axes: [0], sizes: [size] }, x.expr)))
  return makeNode(customVjpOp(custom.name, vmapRule(custom.rule, size)), {}, aligned)
}

/** A reverse rule written for one example, over a batch of them. */
const vmapRule =
  (rule: CustomVjp, size: number): CustomVjp =>
  (ct, args, out) => {
    const values = [ct, ...args, out]
    const holes = values.map((v, i) => hole(v, String(i)))
    const cts = rule(holes[0]!, holes.slice(1, -1), holes.at(-1)!)
    const live = cts.filter((c): c is Expr => c !== null)
    const results = batchGraph(live, holes, values, size)
    let i = 0
    return cts.map((c) => (c === null ? null : results[i++]!))
  }
