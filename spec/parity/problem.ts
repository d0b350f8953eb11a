import { hashText, leavesOf, sizeOf, threefry2x32, type Aval } from '../../core'
import type { HostArray } from '../../kernels'
import { parameterSpecs, type PairConfig, type ParameterSpec } from '../../models'
import { ascendingOrder } from '../../training/data/batch'

/** A pair with all its parameters drawn at random, and a batch with the replaced ids given. */
export interface PairProblem {
  readonly config: PairConfig
  readonly params: Arrays
  readonly batch: Arrays
}
export type Arrays = ReadonlyMap<string, { readonly aval: Aval; readonly data: HostArray }>

/**
 * Small, but with every kind of part; a text of 24 tokens reaches each of the relative buckets, the last one included, and an
 * off-by-one in the greatest distance moves two of them.
 */
export const smallPair: PairConfig = {
  vocab: 97,
  maxLength: 40,
  hidden: 32,
  heads: 4,
  ffn: 128,
  mainLayers: 2,
  auxLayers: 1,
  buckets: 16,
  maxDistance: 14,
  dropout: 0,
  attentionDropout: 0,
  initStd: 0.02,
  locality: 0,
  positions: 'relative',
  sharing: 'token',
  init: 'normal',
}

/** Uniforms in (0, 1) by number, of a stream with a name. */
const uniforms = (seed: number, name: string): ((i: number) => number) => {
  const site = Number.parseInt(hashText(name).slice(0, 8), 16)
  return (i) => (threefry2x32(seed, site, i, 0)[0] + 0.5) / 2 ** 32
}

/** Numbers of variance `std`² (uniform), which f32 has: so devices of both precisions are given the same. */
const spread = (size: number, centre: number, std: number, draw: (i: number) => number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => centre + std * Math.sqrt(12) * (draw(i) - 0.5))

/** Nothing at its first value: norm weights around 1, biases and tables away from 0, projections large enough to matter. */
const drawParameters = (config: PairConfig, seed: number): Arrays =>
  new Map(
    leavesOf<ParameterSpec>(parameterSpecs(config)).map(([path, { aval, init }]) => {
      const draw = uniforms(seed, path)
      const size = sizeOf(aval.shape)
      const data =
        init === 'ones'
          ? spread(size, 1, 0.2, draw)
          : spread(size, 0, init === 'zeros' ? 0.1 : path.endsWith('/weight') ? 0.15 : 0.3, draw)
      return [path, { aval, data }]
    }),
  )

/** Slots that a row uses, of K: all, all but one and so on; unused ones point at place 0, and hold ids all the same. */
const used = (row: number, K: number): number => K - row

/**
 * B rows of T tokens, K mask slots. In each row two slots draw the token that was there, and the first and last places of the text are
 * masked in row 0; ids repeat between places and rows.
 */
export const drawBatch = (config: PairConfig, seed: number, B: number, T: number, K: number): Arrays => {
  const ids = (name: string, n: number): Int32Array => {
    const draw = uniforms(seed, name)
    return Int32Array.from({ length: n }, (_, i) => Math.floor(draw(i) * config.vocab))
  }
  const tokens = ids('tokens', B * T)
  const masked = tokens.slice()
  const replaced = ids('replaced', B * K)
  const positions = new Int32Array(B * K)
  const targets = new Int32Array(B * K)
  const weights = new Float32Array(B * K)
  const order = uniforms(seed, 'order')
  for (let b = 0; b < B; b++) {
    const places = Array.from({ length: T }, (_, t) => t)
    const rank = (t: number): number => (b === 0 && (t === 0 || t === T - 1) ? -1 : order(b * T + t))
    const chosen = places
      .sort((s, t) => rank(s) - rank(t))
      .slice(0, used(b, K))
      .sort((s, t) => s - t)
    for (let k = 0; k < K; k++) {
      const t = chosen[k] ?? 0
      positions[b * K + k] = t
      targets[b * K + k] = tokens[b * T + t]!
      weights[b * K + k] = k < chosen.length ? 1 : 0
      if (k < chosen.length) masked[b * T + t] = config.vocab - 1
      if (k === 1 || k === 2) replaced[b * K + k] = tokens[b * T + t]!
    }
  }
  const i32 = (data: Int32Array, ...shape: readonly number[]) => ({ aval: { dtype: 'i32', shape } as const, data })
  const f32 = (data: Float32Array, ...shape: readonly number[]) => ({ aval: { dtype: 'f32', shape } as const, data })
  return new Map<string, { readonly aval: Aval; readonly data: HostArray }>([
    ['tokens', i32(tokens, B, T)],
    ['masked', i32(masked, B, T)],
    ['positions', i32(positions, B, K)],
    ['targets', i32(targets, B, K)],
    ['weights', f32(weights, B, K)],
    ['tokenOrder', i32(ascendingOrder(masked, config.vocab), B * T)],
    [
      'exampleLo',
      i32(
        Int32Array.from({ length: B }, (_, b) => b),
        B,
      ),
    ],
    ['exampleHi', i32(new Int32Array(B), B)],
    ['maskCount', f32(Float32Array.of(weights.reduce((a, b) => a + b, 0)))],
    ['tokenCount', f32(Float32Array.of(B * T))],
    ['replaced', i32(replaced, B, K)],
  ])
}

export const drawProblem = (seed: number): PairProblem => ({
  config: smallPair,
  params: drawParameters(smallPair, seed),
  batch: drawBatch(smallPair, seed, 3, 24, 5),
})

/** What the PyTorch program reads of a batch; it does without the order of the ids and the examples' numbers. */
const readByTorch = ['tokens', 'masked', 'positions', 'targets', 'weights', 'maskCount', 'tokenCount', 'replaced']

export const plainArrays = ({ params, batch }: PairProblem): { readonly params: object; readonly batch: object } => {
  const plain = (arrays: Arrays): object =>
    Object.fromEntries([...arrays].map(([name, { aval, data }]) => [name, { shape: aval.shape, data: [...data] }]))
  return { params: plain(params), batch: plain(new Map([...batch].filter(([name]) => readByTorch.includes(name)))) }
}
