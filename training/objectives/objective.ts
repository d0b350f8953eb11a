import type { Expr, ExprTree, Key } from '../../core'
import type { PairModel } from '../../models'

/**
 * A loss in nats and what is logged beside it, as scalar expressions. Each is a sum over rows or tokens, divided by a count of the batch if
 * at all: those of the micro-batches of a step are added up. A mean over the rows that are here would come out as many times too large.
 */
export type LossParts = {
  readonly loss: Expr
  readonly metrics: { readonly [name: string]: Expr }
}

/**
 * A batch as an objective sees it. B rows of T tokens; K mask slots a row, of which those with weight 1 count.
 * Counts are of the whole global batch, so that losses of micro-batches and ranks add up.
 */
export type PretrainInputs = {
  readonly tokens: Expr // i32[B, T], as in the text
  readonly masked: Expr // i32[B, T], with [MASK] at the masked places
  readonly positions: Expr // i32[B, K], place in the row
  readonly targets: Expr // i32[B, K], original ids there
  readonly weights: Expr // f32[B, K], 1 or 0
  readonly tokenOrder: Expr // i32[B*T], places of `masked`, flattened, in ascending order of id
  readonly exampleLo: Expr // i32[B], low 16 bits of the global number of the example
  readonly exampleHi: Expr // i32[B], high 16 bits
  readonly maskCount: Expr // f32[], Σ weights
  readonly tokenCount: Expr // f32[], B·T
}

/** A loss over parameters and a batch. The key is the run's; draws are numbered by the examples' global numbers. */
export type LossFn<P extends ExprTree = ExprTree> = (params: P, batch: PretrainInputs, key: Key) => LossParts

/** A pretraining objective: what a model of these sizes is trained for. Write your own: docs/objectives.md. */
export type Objective<P extends ExprTree = ExprTree> = (config: PairModel) => LossFn<P>
