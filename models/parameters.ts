import { leavesOf, mapTree, sizeOf, type Aval, type Tree } from '../core'
import type { PairConfig } from './config'
import { localBias } from './buckets'
import { bucketsOf, isTupe } from './position'

/**
 * How a parameter starts: zeros, ones or N(mean, std²) (recipe 1.10). mean is 0 where it is left out; `last`: the last so many columns have a
 * deviation of their own.
 */
export type Init =
  | 'zeros'
  | 'ones'
  | {
      readonly std: number
      readonly mean?: Float32Array
      readonly last?: { readonly columns: number; readonly std: number }
    }
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

const linear = (std: number, from: number, to: number) => ({ weight: normal(std, from, to), bias: zeros(to) })
const norm = (width: number) => ({ weight: ones(width), bias: zeros(width) })

/** A linear layer that starts as the pair's heads do: weight f32[from, to] of N(0, initStd²), bias 0. */
export const linearSpecs = (c: PairConfig, from: number, to: number) => linear(c.initStd, from, to)
export { norm as normSpecs, normal as normalSpec, zeros as zerosSpec }

/** Layer i of `layers`, from 0. */
const layer = (c: PairConfig, i: number, layers: number) => {
  const std = layerStds(c, i, layers)
  const qkv = new Leaf({ std: std.inner, last: { columns: c.hidden, std: std.value } }, [c.hidden, 3 * c.hidden])
  return {
    attention: { qkv: { weight: qkv, bias: zeros(3 * c.hidden) }, out: linear(std.out, c.hidden, c.hidden) },
    norm1: norm(c.hidden),
    ffn: { in: linear(std.ffn, c.hidden, c.ffn), out: linear(std.out, c.ffn, c.hidden) },
    norm2: norm(c.hidden),
  }
}

/** Deviations of a layer's weights: queries and keys, values, the way into the feed-forward layer, ways out (InitScheme). */
const layerStds = (
  { init, initStd }: PairConfig,
  i: number,
  layers: number,
): Readonly<Record<'inner' | 'value' | 'ffn' | 'out', number>> => {
  const all = (inner: number, value: number, ffn: number, out: number) => ({
    inner: inner * initStd,
    value: value * initStd,
    ffn: ffn * initStd,
    out: out * initStd,
  })
  switch (init) {
    case 'normal':
      return all(1, 1, 1, 1)
    case 'megatron':
      return all(1, 1, 1, (2 * layers) ** -0.5)
    case 'depth': {
      const less = (2 * (i + 1)) ** -0.5
      return all(less, less, less, less)
    }
    case 'deepnorm': {
      const beta = (8 * layers) ** -0.25
      return all(1, beta, beta, beta)
    }
  }
}

/** What the stream is multiplied by before each norm of L layers: deepnorm's (2L)^¼, else 1. */
export const residualScale = ({ init }: Pick<PairConfig, 'init'>, layers: number): number =>
  init === 'deepnorm' ? (2 * layers) ** 0.25 : 1

/** `layer00`, `layer01`, ...: sorted order is depth order. */
export const layerName = (i: number): string => `layer${String(i).padStart(2, '0')}`

/** An encoder's own parameters. What the auxiliary shares it has not: it takes the main model's. */
const encoder = (c: PairConfig, which: 'aux' | 'main') => {
  const layers = which === 'aux' ? c.auxLayers : c.mainLayers
  const isAux = which === 'aux'
  const ownPlaces = !(isAux && (c.sharing === 'token-pos' || c.sharing === 'token-pos-norm'))
  const ownNorm = !(isAux && c.sharing === 'token-pos-norm')
  const buckets = bucketsOf(c)
  const table = (rows: number) => normal(c.initStd, rows, c.hidden)
  return {
    embedding: {
      ...(ownPlaces && !isTupe(c) ? { position: table(c.maxLength) } : {}),
      ...(ownNorm ? { norm: norm(c.hidden) } : {}),
      ...(isAux && c.sharing === 'none' ? { token: table(c.vocab) } : {}),
      ...(!isAux && c.sharing === 'gdes' ? { difference: zeros(c.vocab, c.hidden) } : {}),
    },
    ...(buckets === undefined
      ? {}
      : {
          relativeBias: new Leaf({ std: c.initStd, mean: localBias(buckets, c.heads, c.locality) }, [
            buckets.rows,
            c.heads,
          ]),
        }),
    ...(isTupe(c)
      ? {
          tupe: {
            ...(ownPlaces ? { table: table(c.maxLength + 1) } : {}),
            norm: norm(c.hidden),
            query: linear(c.initStd, c.hidden, c.hidden),
            key: linear(c.initStd, c.hidden, c.hidden),
          },
        }
      : {}),
    layers: Object.fromEntries(Array.from({ length: layers }, (_, i) => [layerName(i), layer(c, i, layers)])),
  }
}

/** Parameters beside the pair's, under `head/NAME`: see defineHead. */
export interface HeadSpecs {
  readonly name: string
  readonly specs: (c: PairConfig) => Tree<ParameterSpec>
}

/**
 * Every parameter of a pair, and of the heads that an objective declares. The main model's token table is also its output projection; what
 * else is whose, `sharing` says (recipe 1.4). Paths are checkpoint keys: they do not change.
 */
export const parameterSpecs = (c: PairConfig, own: readonly HeadSpecs[] = []): Tree<ParameterSpec> => ({
  embedding: { token: normal(c.initStd, c.vocab, c.hidden) },
  aux: encoder(c, 'aux'),
  main: encoder(c, 'main'),
  head: {
    mlm: { dense: linear(c.initStd, c.hidden, c.hidden), norm: norm(c.hidden), bias: zeros(c.vocab) },
    clm: { bias: zeros(c.vocab) },
    rtd: linear(c.initStd, c.hidden, 1),
    ...Object.fromEntries(own.map(({ name, specs }) => [name, specs(c)])),
  },
})

export const parameterAvals = (c: PairConfig, own?: readonly HeadSpecs[]): Tree<Aval> =>
  mapTree<ParameterSpec, Aval>(parameterSpecs(c, own), (p) => p.aval)

export interface ParameterCount {
  readonly part: string
  readonly parameters: number
}

/** Parameters by part, and of the main model as it is counted in the literature: table, encoder, its heads. */
export const countParameters = (
  c: PairConfig,
  own: readonly HeadSpecs[] = [],
): { readonly parts: readonly ParameterCount[]; readonly main: number; readonly total: number } => {
  const parts = new Map<string, number>()
  for (const [path, { aval }] of leavesOf<ParameterSpec>(parameterSpecs(c, own))) {
    const [a, b] = path.split('/')
    const part = a === 'embedding' ? 'embedding/token' : `${a}/${b}`
    parts.set(part, (parts.get(part) ?? 0) + sizeOf(aval.shape))
  }
  const list = [...parts].map(([part, parameters]) => ({ part, parameters }))
  const sumOf = (pick: (part: string) => boolean): number =>
    list.reduce((n, p) => n + (pick(p.part) ? p.parameters : 0), 0)
  const heads = ['rtd', 'clm', ...own.map(({ name }) => name)]
  const ofMain = new Set(['embedding/token', ...heads.map((name) => `head/${name}`)])
  return {
    parts: list,
    main: sumOf((p) => ofMain.has(p) || p.startsWith('main/')),
    total: sumOf(() => true),
  }
}
