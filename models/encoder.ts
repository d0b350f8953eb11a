import {
  add,
  attention,
  dropout,
  expandDims,
  exprLeaves,
  foldIn,
  gelu,
  iota,
  layerNorm,
  linear,
  mapExprs,
  remat,
  reshape,
  scope,
  sliceAxis,
  take,
  transpose,
  where,
  type Expr,
  type ExprTree,
  type Key,
} from '../core'
import type { PairModel } from './config'
import { layerName } from './parameters'
import { relativeBias } from './relative-position'

export type LinearParams = { readonly weight: Expr; readonly bias: Expr }
export type LayerParams = {
  readonly attention: { readonly qkv: LinearParams; readonly out: LinearParams }
  readonly norm1: LinearParams
  readonly ffn: { readonly in: LinearParams; readonly out: LinearParams }
  readonly norm2: LinearParams
}
export type EncoderParams = {
  readonly embedding: { readonly position: Expr; readonly norm: LinearParams }
  readonly relativeBias: Expr
  readonly layers: { readonly [name: string]: LayerParams }
}

/** Dropout of one pass: rates, and the key that all its draws come from. null: none at all. */
export type PassDropout = { readonly rate: number; readonly attentionRate: number; readonly key: Key } | null

const drop = (d: PassDropout, site: string, rate: number): ((x: Expr) => Expr) =>
  d === null ? (x) => x : dropout(rate, foldIn(d.key, site))

/**
 * LN(tokens + positions), then dropout (recipe 1.5). tokens f32[B, T, D], looked up by the caller: the table is shared.
 * No segment embedding.
 */
export const embed = (p: EncoderParams['embedding'], tokens: Expr, d: PassDropout): Expr =>
  scope('embedding', () => {
    const length = tokens.aval.shape[1]!
    const x = add(tokens, take(p.position, iota([length]))) // [B, T, D]
    return drop(d, 'embedding', d?.rate ?? 0)(layerNorm(p.norm)(x))
  })

/**
 * Multi-head self-attention with one fused projection D -> 3D (recipe 1.6). h f32[B, T, D], bias f32[.., H, T, T] added to the
 * logits before the softmax.
 */
export const selfAttention = (heads: number, p: LayerParams['attention'], h: Expr, bias: Expr, d: PassDropout): Expr =>
  scope('attention', () => {
    const [B, T, D] = h.aval.shape as readonly [number, number, number]
    const qkv = reshape(linear(p.qkv)(h), [B, T, 3, heads, D / heads])
    const part = (i: number): Expr =>
      transpose(reshape(sliceAxis(qkv, 2, i, 1), [B, T, heads, D / heads]), [0, 2, 1, 3]) // [B, H, T, d]
    const y = attention(part(0), part(1), part(2), { bias, drop: drop(d, 'attention', d?.attentionRate ?? 0) })
    return linear(p.out)(reshape(transpose(y, [0, 2, 1, 3]), [B, T, D]))
  })

/** Post-LN encoder layer (Vaswani et al. 2017, arXiv:1706.03762, §3.1; recipe 1.6). h f32[B, T, D] -> f32[B, T, D]. */
export const encoderLayer = (heads: number, p: LayerParams, h: Expr, bias: Expr, d: PassDropout): Expr => {
  const attended = drop(d, 'afterAttention', d?.rate ?? 0)(selfAttention(heads, p.attention, h, bias, d))
  const x = layerNorm(p.norm1)(add(h, attended))
  const wide = scope('ffn', () => linear(p.ffn.out)(gelu(linear(p.ffn.in)(x)))) // [B, T, D], inner width 4D
  return layerNorm(p.norm2)(add(x, drop(d, 'afterFfn', d?.rate ?? 0)(wide)))
}

/** `remat` of a function of one tree: every leaf is an argument of the region. */
const rematTree =
  <T extends ExprTree>(f: (x: T) => Expr) =>
  (x: T): Expr =>
    remat((...held) => {
      let i = 0
      return f(mapExprs(x, () => held[i++]!))
    })(...exprLeaves(x))

/**
 * The encoder over embedded tokens. tokens f32[B, T, D] -> f32[B, T, D]. `isToken` bool[B, T], if given, is false at padding,
 * which no position then attends to.
 */
export const encoder = (config: PairModel, p: EncoderParams, tokens: Expr, d: PassDropout, isToken?: Expr): Expr => {
  const length = tokens.aval.shape[1]!
  const position = relativeBias(p.relativeBias, length, config.maxDistance) // [H, T, T]
  const bias = isToken === undefined ? position : add(position, where(expandDims(expandDims(isToken, 1), 1), 0, -1e9)) // [B, 1, 1, T]
  // What draws are numbered by is read too: masks are drawn again, not kept.
  const limbs = d === null ? {} : { seed: { ...d.key.seed }, stream: { ...d.key.stream } }
  let h = embed(p.embedding, tokens, d)
  for (let i = 0; i < Object.keys(p.layers).length; i++) {
    const name = layerName(i)
    const reads = { h, bias, limbs, layer: p.layers[name]! }
    const layer = (x: typeof reads): Expr =>
      encoderLayer(config.heads, x.layer, x.h, x.bias, d && { ...d, key: { ...foldIn(d.key, name), ...x.limbs } })
    h = scope(name, () => (config.remat === 'layers' ? rematTree(layer) : layer)(reads))
  }
  return h
}
