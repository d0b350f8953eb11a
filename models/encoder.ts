import {
  add,
  attention,
  dropout,
  expandDims,
  exprLeaves,
  foldIn,
  gelu,
  layerNorm,
  linear,
  mapExprs,
  mul,
  ones,
  remat,
  reshape,
  scope,
  sliceAxis,
  transpose,
  zeros,
  type Expr,
  type ExprTree,
  type Key,
} from '../core'
import type { PairModel } from './config'
import { layerName, residualScale } from './parameters'
import { positionTerms, type TupeParams } from './position'

export type LinearParams = { readonly weight: Expr; readonly bias: Expr }
export type LayerParams = {
  readonly attention: { readonly qkv: LinearParams; readonly out: LinearParams }
  readonly norm1: LinearParams
  readonly ffn: { readonly in: LinearParams; readonly out: LinearParams }
  readonly norm2: LinearParams
}
export type EncoderParams = {
  readonly embedding: {
    readonly position?: Expr // f32[maxLength, D]
    readonly norm?: LinearParams
    /** The auxiliary's own table, f32[V, D], where it shares none. */
    readonly token?: Expr
    /** What the main model's table is beyond the auxiliary's, f32[V, D]: gdes. */
    readonly difference?: Expr
  }
  readonly relativeBias?: Expr
  readonly tupe?: TupeParams
  readonly layers: { readonly [name: string]: LayerParams }
}

/** Dropout of one pass: rates, and the key that all its draws come from. null: none at all. */
export type PassDropout = { readonly rate: number; readonly attentionRate: number; readonly key: Key } | null

const drop = (d: PassDropout, site: string, rate: number): ((x: Expr) => Expr) =>
  d === null ? (x) => x : dropout(rate, foldIn(d.key, site))

/**
 * What is done to embedded tokens before the first layer, f32[B, T, D] -> f32[B, T, D]: noise, for one (training/robust). `at` output, the
 * default: to what the layers read, after norm and dropout. `at` normalized: to (x - mean) / √(variance + eps), before the norm's weight and
 * bias and dropout, where all tokens are of one length (He et al. 2020, DeBERTa, arXiv:2006.03654, §4: SiFT).
 */
export interface Perturbation {
  (e: Expr): Expr
  readonly at?: 'output' | 'normalized'
}

/**
 * LN(tokens + positions), then dropout (recipe 1.5). tokens f32[B, T, D], looked up by the caller: the table is shared; positions f32[T, D],
 * where the scheme adds any. No segment embedding.
 */
export const embed = (
  norm: LinearParams,
  tokens: Expr,
  positions: Expr | undefined,
  d: PassDropout,
  perturb: Perturbation = (e) => e,
  normEps?: number,
): Expr =>
  scope('embedding', () => {
    const x = positions === undefined ? tokens : add(tokens, positions) // [B, T, D]
    const dropped = drop(d, 'embedding', d?.rate ?? 0)
    if (perturb.at !== 'normalized') return perturb(dropped(layerNorm(norm, normEps)(x)))
    const D = tokens.aval.shape.at(-1)!
    const plain = layerNorm({ weight: ones([D]), bias: zeros([D]) }, normEps)(x)
    return dropped(add(mul(perturb(plain), norm.weight), norm.bias))
  })

/** A record without what is undefined. */
const given = <T extends { readonly [key: string]: unknown }>(
  record: T,
): { readonly [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(record).filter(([, x]) => x !== undefined)) as {
    readonly [K in keyof T]?: Exclude<T[K], undefined>
  }

/** `remat` of a function of one tree: every leaf is an argument of the region. */
const rematTree =
  <T extends ExprTree>(f: (x: T) => Expr) =>
  (x: T): Expr =>
    remat((...held) => {
      let i = 0
      return f(mapExprs(x, () => held[i++]!))
    })(...exprLeaves(x))

/** A pass with what its draws are numbered by as given: a region that reads these draws its masks again instead of keeping them. */
const limbsOf = (d: PassDropout) => (d === null ? {} : { seed: { ...d.key.seed }, stream: { ...d.key.stream } })
const withLimbs = (d: PassDropout, limbs: ReturnType<typeof limbsOf>): PassDropout =>
  d && { ...d, key: { ...d.key, ...limbs } }

/** How a layer is computed. */
export interface LayerForm {
  readonly heads: number
  /** Of products of queries and keys. Default: 1/√d. */
  readonly scale?: number
  /** Of the stream before each norm (deepnorm). Default: 1. */
  readonly residual?: number
  /** Added to variances in layer norm. Default: 1e-5. */
  readonly normEps?: number | undefined
  /** Logits, probabilities and their mask, of T² elements a head each, are made again on the way back. */
  readonly attentionAgain?: boolean
}

/** What all layers add to logits of attention, and where they have keys that are seen: one value each, made once. */
export interface Shared {
  readonly bias?: Expr | undefined
  readonly isSeen?: Expr | undefined
}

/**
 * Multi-head self-attention with one fused projection D -> 3D (recipe 1.6). h f32[B, T, D], bias f32[H, T, T] added to the logits before the
 * softmax, isSeen bool[B, 1, 1, T], false where nothing attends to.
 */
export const selfAttention = (
  { heads, scale, attentionAgain = false }: LayerForm,
  p: LayerParams['attention'],
  h: Expr,
  { bias, isSeen }: Shared,
  d: PassDropout,
): Expr =>
  scope('attention', () => {
    const [B, T, D] = h.aval.shape as readonly [number, number, number]
    const qkv = reshape(linear(p.qkv)(h), [B, T, 3, heads, D / heads])
    const part = (i: number): Expr =>
      transpose(reshape(sliceAxis(qkv, 2, i, 1), [B, T, heads, D / heads]), [0, 2, 1, 3]) // [B, H, T, d]
    const reads = { q: part(0), k: part(1), v: part(2), limbs: limbsOf(d), ...given({ bias, isSeen }) }
    const attend = (x: typeof reads): Expr => {
      const own = withLimbs(d, x.limbs)
      const options = {
        ...given({ bias: x.bias, isSeen: x.isSeen, scale }),
        drop: drop(own, 'attention', own?.attentionRate ?? 0),
      }
      return attention(x.q, x.k, x.v, options)
    }
    const y = (attentionAgain ? rematTree(attend) : attend)(reads)
    return linear(p.out)(reshape(transpose(y, [0, 2, 1, 3]), [B, T, D]))
  })

/** Post-LN encoder layer (Vaswani et al. 2017, arXiv:1706.03762, §3.1; recipe 1.6). h f32[B, T, D] -> f32[B, T, D]. */
export const encoderLayer = (form: LayerForm, p: LayerParams, h: Expr, shared: Shared, d: PassDropout): Expr => {
  const { residual = 1, normEps } = form
  const join = (stream: Expr, branch: Expr): Expr => add(residual === 1 ? stream : mul(stream, residual), branch)
  const attended = drop(d, 'afterAttention', d?.rate ?? 0)(selfAttention(form, p.attention, h, shared, d))
  const x = layerNorm(p.norm1, normEps)(join(h, attended))
  const wide = scope('ffn', () => linear(p.ffn.out)(gelu(linear(p.ffn.in)(x)))) // [B, T, D], inner width 4D
  return layerNorm(p.norm2, normEps)(join(x, drop(d, 'afterFfn', d?.rate ?? 0)(wide)))
}

/**
 * The encoder over embedded tokens. tokens f32[B, T, D] -> f32[B, T, D]. `isToken` bool[B, T], if given, is false at padding,
 * which no position then attends to.
 */
export const encoder = (
  config: PairModel,
  p: EncoderParams,
  tokens: Expr,
  d: PassDropout,
  isToken?: Expr,
  perturb?: Perturbation,
): Expr => {
  const layers = Object.keys(p.layers).length
  const places = positionTerms(config, p, tokens.aval.shape[1]!)
  const isSeen = isToken && expandDims(expandDims(isToken, 1), 1) // [B, 1, 1, T]
  const form = {
    heads: config.heads,
    scale: places.scale,
    residual: residualScale(config, layers),
    normEps: config.normEps,
    attentionAgain: config.remat === 'attention',
  }
  if (p.embedding.norm === undefined) throw new Error('internal: parameters without embedding/norm')
  let h = embed(p.embedding.norm, tokens, places.input, d, perturb, config.normEps)
  for (let i = 0; i < layers; i++) {
    const name = layerName(i)
    const reads = { h, limbs: limbsOf(d), layer: p.layers[name]!, ...given({ bias: places.bias, isSeen }) }
    const layer = (x: typeof reads): Expr =>
      encoderLayer(form, x.layer, x.h, x, withLimbs(d && { ...d, key: foldIn(d.key, name) }, x.limbs))
    h = scope(name, () => (config.remat === 'layers' ? rematTree(layer) : layer)(reads))
  }
  return h
}
