import { add, customVjp, ops, reshape, scatterOrdered, scope, stopGradient, type Expr } from '../core'
import type { PairModel } from './config'
import { encoder, type EncoderParams, type PassDropout, type Perturbation } from './encoder'
import { clmLogits, mlmLogits, rowsAt, rtdLogits, type HeadParams } from './heads'

/** Parameters of an auxiliary + main pair. What the auxiliary has not, it shares with the main model. */
export type PairParams = {
  readonly embedding: { readonly token: Expr }
  readonly aux: EncoderParams
  readonly main: EncoderParams
  readonly head: HeadParams
}

/** The main model's part of a pair: its encoder, and the token table, which may be the auxiliary's too. */
export type MainParams = Pick<PairParams, 'embedding' | 'main'>

/** The auxiliary's token table, which is its output projection too: f32[V, D]. */
export const auxiliaryTable = (p: PairParams): Expr => p.aux.embedding.token ?? p.embedding.token

/** The main model's: the same; or, for gdes, the same without gradient plus its own difference. f32[V, D]. */
export const mainTable = (p: MainParams): Expr =>
  p.main.embedding.difference === undefined
    ? p.embedding.token
    : add(stopGradient(p.embedding.token), p.main.embedding.difference)

/** The auxiliary's parameters with those that it shares. */
const auxiliary = (p: PairParams): EncoderParams => ({
  ...p.aux,
  embedding: { ...p.main.embedding, ...p.aux.embedding },
  ...(p.aux.tupe === undefined ? {} : { tupe: { ...p.main.tupe, ...p.aux.tupe } }),
})

/**
 * Rows of the token table. With `order` (places of the flattened ids in ascending order of id, from the host) the gradient
 * needs no sorting on the device.
 */
export const lookUp = (table: Expr, ids: Expr, order?: Expr): Expr =>
  order === undefined
    ? ops.gather(table, ids)
    : customVjp(
        'lookUp',
        (t, i) => ops.gather(t, i),
        (ct, [t, i, o]) => [scatterOrdered(ct, reshape(i!, [-1]), o!, t!.aval), null, null],
      )(table, ids, order)

/**
 * The auxiliary's logits at the masked places: masked i32[B, T], positions i32[B, K] -> f32[B*K, V]. No dropout unless it is given.
 * `order` as in `lookUp`; `isToken` as in `encoder`.
 */
export const auxiliaryLogits = (
  config: PairModel,
  p: PairParams,
  masked: Expr,
  positions: Expr,
  order?: Expr,
  isToken?: Expr,
  d: PassDropout = null,
): Expr =>
  scope('aux', () => {
    const table = auxiliaryTable(p)
    const h = encoder(config, auxiliary(p), lookUp(table, masked, order), d, isToken)
    return mlmLogits(p.head.mlm, table, rowsAt(h, positions), config.normEps)
  })

/** Last hidden states of the main model on embedded tokens: f32[B, T, D]. `isToken` and `perturb` as in `encoder`. */
export const mainHidden = (
  config: PairModel,
  p: MainParams,
  embedded: Expr,
  d: PassDropout,
  isToken?: Expr,
  perturb?: Perturbation,
): Expr => scope('main', () => encoder(config, p.main, embedded, d, isToken, perturb))

/** What the main model says of a text: the logit that each token is the original, and its own logits at given places. */
export const mainHeads = (
  p: PairParams,
  h: Expr,
  positions: Expr,
): { readonly original: Expr; readonly logits: Expr } =>
  scope('main', () => ({
    original: rtdLogits(p.head.rtd, h), // [B, T]
    logits: clmLogits(p.head.clm, mainTable(p), rowsAt(h, positions)), // [B*K, V]
  }))
