import { cast, exprLeaves, isFloat, mapExprs, ops, shapeError, type Expr, type ExprTree } from '../../core'
import { rewriter } from './rewrite'
import type { ComputeDType } from './rules'

/** In which precision a function is computed: see `opPrecision` for what each op makes of it. */
export interface Policy {
  readonly compute: ComputeDType
  /** dtype of the floats that the function gives back. Default f32. */
  readonly output?: ComputeDType
  /**
   * Parts that compute in another dtype, by the scopes they were built in: `{ 'main/layer0': 'f32' }`. The scopes of a name follow one
   * another anywhere in a node's path; of several names that fit the one with the most scopes counts.
   */
  readonly scopes?: Readonly<Record<string, ComputeDType>>
}

/**
 * `f` in mixed precision: its expression with other dtypes (Micikevicius et al. 2018, arXiv:1710.03740, §3). Matrix products and what lies
 * between them are computed in `policy.compute`; sums, softmax, layer norm and losses in f32. The first argument holds parameters, which
 * stay in f32 and are rounded where they are used, so that their gradients are f32; other arguments keep their dtype.
 * throws  ShapeError if a scope of the policy is none of f's.
 */
export const withPolicy =
  (policy: Policy) =>
  <P extends ExprTree, A extends readonly unknown[], R extends ExprTree>(f: (params: P, ...rest: A) => R) =>
  (params: P, ...rest: A): R => {
    const held = mapExprs(params, (leaf) => ops.variable(leaf))
    const result = f(held, ...rest)
    const { rewrite, unknownScopes } = rewriter(policy, exprLeaves(held))
    const outputs = rewrite(exprLeaves(result))
    const unknown = unknownScopes()
    if (unknown.length > 0)
      shapeError(
        'withPolicy',
        'scopes that the function builds in',
        unknown.join(', '),
        'scope(name, build) names them',
      )
    let i = 0
    const output = policy.output ?? 'f32'
    return mapExprs(result, () => {
      const e = outputs[i++] as Expr
      return isFloat(e.aval.dtype) ? cast(e, output) : e
    })
  }
