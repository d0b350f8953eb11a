import type { Expr, ExprTree, Key } from '../../core'
import type { HeadSpecs, PairModel, PairParams, Sharing } from '../../models'
import type { Reading } from './reading'

/**
 * A loss in nats and what is logged beside it, as scalar expressions. Each is a sum over rows or tokens, divided by a count of the batch if
 * at all: those of the micro-batches of a step are added up. A mean over the rows that are here would come out as many times too large.
 */
export type LossParts = {
  readonly loss: Expr
  readonly metrics: { readonly [name: string]: Expr }
}

/**
 * A batch as an objective sees it. B rows of T tokens; K mask slots a row, of which those with weight 1 count. Where rows can end in padding,
 * `isToken` says so, and padding is no token: models do not see it, losses leave it out (perToken), it is never masked.
 * Counts are of the whole global batch, so that losses of micro-batches and ranks add up.
 */
export type PretrainInputs = {
  readonly tokens: Expr // i32[B, T], as in the text
  readonly masked: Expr // i32[B, T], with [MASK] (or what the masking puts there) at the masked places
  readonly positions: Expr // i32[B, K], place in the row
  readonly targets: Expr // i32[B, K], original ids there
  readonly weights: Expr // f32[B, K], 1 or 0
  readonly tokenOrder: Expr // i32[B*T], places of `masked`, flattened, in ascending order of id
  readonly exampleLo: Expr // i32[B], low 16 bits of the global number of the example
  readonly exampleHi: Expr // i32[B], high 16 bits
  readonly maskCount: Expr // f32[], Σ weights
  readonly tokenCount: Expr // f32[], B·T less the padding
  readonly isToken?: Expr // bool[B, T], false at padding; left out where there can be none
  readonly rowCount?: Expr // f32[], rows; where isToken is (rowsOf)
}

/** A loss over parameters and a batch. The key is the run's; draws are numbered by the examples' global numbers. */
export type LossFn<P extends ExprTree = ExprTree, B = PretrainInputs> = (params: P, batch: B, key: Key) => LossParts

/** What an objective says of itself beside its loss; all may be left out. */
export interface ObjectiveTraits {
  /** Heads of its own: their parameters are trained, saved and counted with the pair's, at `head/NAME` (defineHead). */
  readonly heads?: readonly HeadSpecs[]
  /** What its main model can tell of a text, for `correct` and for held-out figures. Default `pairReading`: the pair's heads. */
  readonly reading?: Reading
  /** Starts of the paths of parameters that are taken from the run of --aux-from and stay as they are: `aux`, `head/mlm`. */
  readonly frozen?: readonly string[]
  /** What its auxiliary shares with the main model, whatever the settings say. */
  readonly sharing?: Sharing
  /** Whether rows are held against each other. The loss then depends on which are computed at once: two at least, and a resumed run keeps them. */
  readonly contrastsRows?: boolean
}

/** A pretraining objective: what a model of these sizes is trained for. Write your own: docs/objectives.md. */
export interface Objective<P extends ExprTree = ExprTree> extends ObjectiveTraits {
  (config: PairModel): LossFn<P>
}

/** A loss with its traits: an objective over a pair. */
export const defineObjective = (
  traits: ObjectiveTraits,
  loss: (config: PairModel) => LossFn<PairParams>,
): Objective<PairParams> => Object.assign((config: PairModel) => loss(config), traits)
