import type { Expr, ExprTree, Key } from '../../core'
import type { Perturbation } from '../../models'

/** What a robust loss reads of a batch of N examples in B readings of T tokens: B = N, but for choices, whose readings follow one another. */
export type RobustBatch = {
  readonly weights: Expr // f32[N]: what each example counts, 0 for one that fills up
  readonly count: Expr // f32[] or f32[1], Σ weights of the whole global batch
  readonly exampleLo: Expr // i32[N], low 16 bits of the global number of the example; or i32[B], of the reading
  readonly exampleHi: Expr // high 16 bits
  readonly isToken: Expr // bool[B, T], false at padding
}

/**
 * Natural logarithms of a posterior of each example, f32[N, C], or of several that are added up, f32[N, .., C]: begin and end of a span, f32[N, 2, T].
 * Of a regression, values f32[N, 1]. `perturb` goes to the encoder as it is (`mainHidden`); a function around it would lose where it acts.
 */
export type LogPosterior<P extends ExprTree, B> = (params: P, batch: B, key: Key, perturb: Perturbation) => Expr

/** No noise. */
export const unperturbed: Perturbation = (e) => e

/**
 * The same posterior, of which the clean pass is built once for the same parameters, batch and key, so that a task's loss and a regulariser
 * which both read it share its way back as well. Equal passes that are built twice are computed once all the same, their ways back twice.
 */
export const builtOnce = <P extends ExprTree, B>(logPosterior: LogPosterior<P, B>): LogPosterior<P, B> => {
  const last = new WeakMap<object, { readonly batch: B; readonly key: Key; readonly clean: Expr }>()
  return (params, batch, key, perturb) => {
    if (perturb !== unperturbed) return logPosterior(params, batch, key, perturb)
    const known = last.get(params)
    if (known !== undefined && known.batch === batch && known.key === key) return known.clean
    const clean = logPosterior(params, batch, key, perturb)
    last.set(params, { batch, key, clean })
    return clean
  }
}
