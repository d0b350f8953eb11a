import { leavesOf, mapTree, sizeOf, type Aval, type Tree } from '../core'
import type { PairConfig } from './config'
import { localBias } from './relative-position'

/** How a parameter starts: zeros, ones or N(mean, std²) (recipe 1.10); mean is 0 where it is left out. */
export type Init = 'zeros' | 'ones' | { readonly std: number; readonly mean?: Float32Array }
export type ParameterSpec = { readonly aval: Aval; readonly init: Init }

class Leaf implements ParameterSpec {
  readonly aval: Aval
  constructor(
    readonly init: Init,
    shape: readonly number[],
  ) {
    this.aval = { dtype: 'f32', shape }
  }
}

const normal = (std: number, ...shape: readonly number[]): Leaf => new Leaf({ std }, shape)
const zeros = (...shape: readonly number[]): Leaf => new Leaf('zeros', shape)
const ones = (...shape: readonly number[]): Leaf => new Leaf('ones', shape)

const linear = (c: PairConfig, from: number, to: number) => ({
  weight: normal(c.initStd, from, to),
  bias: zeros(to),
})
const norm = (width: number) => ({ weight: ones(width), bias: zeros(width) })

const layer = (c: PairConfig) => ({
  attention: { qkv: linear(c, c.hidden, 3 * c.hidden), out: linear(c, c.hidden, c.hidden) },
  norm1: norm(c.hidden),
  ffn: { in: linear(c, c.hidden, c.ffn), out: linear(c, c.ffn, c.hidden) },
  norm2: norm(c.hidden),
})

/** `layer00`, `layer01`, ...: sorted order is depth order. */
export const layerName = (i: number): string => `layer${String(i).padStart(2, '0')}`

const encoder = (c: PairConfig, layers: number) => ({
  embedding: { position: normal(c.initStd, c.maxLength, c.hidden), norm: norm(c.hidden) },
  relativeBias: new Leaf({ std: c.initStd, mean: localBias(c.buckets, c.heads, c.locality) }, [c.buckets, c.heads]),
  layers: Object.fromEntries(Array.from({ length: layers }, (_, i) => [layerName(i), layer(c)])),
})

/**
 * Every parameter of a pair. The token table is shared by both models and by both output projections; the position table and
 * the embedding norm are not (recipe 1.4, zero-dropout mode). Paths are checkpoint keys: they do not change.
 */
export const parameterSpecs = (c: PairConfig): Tree<ParameterSpec> => ({
  embedding: { token: normal(c.initStd, c.vocab, c.hidden) },
  aux: encoder(c, c.auxLayers),
  main: encoder(c, c.mainLayers),
  head: {
    mlm: { dense: linear(c, c.hidden, c.hidden), norm: norm(c.hidden), bias: zeros(c.vocab) },
    clm: { bias: zeros(c.vocab) },
    rtd: linear(c, c.hidden, 1),
  },
})

export const parameterAvals = (c: PairConfig): Tree<Aval> =>
  mapTree<ParameterSpec, Aval>(parameterSpecs(c), (p) => p.aval)

export interface ParameterCount {
  readonly part: string
  readonly parameters: number
}

/** Parameters by part, and of the main model as it is counted in the literature: table, encoder, its heads. */
export const countParameters = (
  c: PairConfig,
): { readonly parts: readonly ParameterCount[]; readonly main: number; readonly total: number } => {
  const parts = new Map<string, number>()
  for (const [path, { aval }] of leavesOf<ParameterSpec>(parameterSpecs(c))) {
    const [a, b] = path.split('/')
    const part = a === 'embedding' ? 'embedding/token' : `${a}/${b}`
    parts.set(part, (parts.get(part) ?? 0) + sizeOf(aval.shape))
  }
  const list = [...parts].map(([part, parameters]) => ({ part, parameters }))
  const sumOf = (pick: (part: string) => boolean): number =>
    list.reduce((n, p) => n + (pick(p.part) ? p.parameters : 0), 0)
  return {
    parts: list,
    main: sumOf((p) => p === 'embedding/token' || p.startsWith('main/') || p === 'head/rtd' || p === 'head/clm'),
    total: sumOf(() => true),
  }
}
