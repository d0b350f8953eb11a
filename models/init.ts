import { hashText, leavesOf, sizeOf, threefry2x32, type Tree } from '../core'
import type { PairConfig } from './config'
import { parameterSpecs, type HeadSpecs, type ParameterSpec } from './parameters'

/** First values of all parameters of a pair: see initValues. */
export const initParameters = (
  config: PairConfig,
  seed: number,
  own?: readonly HeadSpecs[],
): ReadonlyMap<string, Float32Array> => initValues(parameterSpecs(config, own), seed)

/**
 * First values of a tree of parameters by path, on the host: N(mean, std²), biases 0, norm weights 1 (recipe 1.10). A function of
 * (seed, path) alone, so adding a parameter changes no other.
 */
export const initValues = (specs: Tree<ParameterSpec>, seed: number): ReadonlyMap<string, Float32Array> =>
  new Map(
    leavesOf<ParameterSpec>(specs).map(([path, { aval, init }]) => {
      const size = sizeOf(aval.shape)
      if (typeof init === 'object') {
        const { std, mean, last } = init
        const width = aval.shape.at(-1)!
        const stdOf = (i: number): number => (last !== undefined && i % width >= width - last.columns ? last.std : std)
        const values = normals(size, stdOf, seed, path)
        return [path, mean === undefined ? values : values.map((x, i) => x + mean[i]!)]
      }
      return [path, new Float32Array(size).fill(init === 'ones' ? 1 : 0)]
    }),
  )

/** Box and Muller 1958: two normals from two uniforms. Key (seed, path), counter the pair's number. */
const normals = (size: number, stdOf: (i: number) => number, seed: number, path: string): Float32Array => {
  const out = new Float32Array(size)
  const site = Number.parseInt(hashText(path).slice(0, 8), 16)
  for (let i = 0; i < size; i += 2) {
    const [a, b] = threefry2x32(seed >>> 0, site, i >>> 1, 0)
    const root = Math.sqrt(-2 * Math.log(((a >>> 0) + 0.5) / 2 ** 32))
    const angle = (2 * Math.PI * (b >>> 0)) / 2 ** 32
    out[i] = stdOf(i) * root * Math.cos(angle)
    if (i + 1 < size) out[i + 1] = stdOf(i + 1) * root * Math.sin(angle)
  }
  return out
}
