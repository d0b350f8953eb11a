import {
  evaluate,
  exprLeaves,
  keyOf,
  leavesOf,
  mapTree,
  ops,
  sizeOf,
  threefry2x32,
  type Aval,
  type DType,
  type Expr,
  type ExprTree,
  type Key,
} from '../../../core'
import { parameterAvals, type HeadSpecs, type PairConfig, type PairParams } from '../../../models'
import { batchAt, type PretrainBatch } from '../../../training/data/batch'
import type { PretrainInputs } from '../../../training/objectives'
import { specimenBlocks } from '../data/block-specimens'

/** The smallest pair that has every part; with dropout in the main model, as in the recipe. */
export const pair: PairConfig = {
  vocab: 19,
  maxLength: 12,
  hidden: 8,
  heads: 2,
  ffn: 16,
  mainLayers: 1,
  auxLayers: 1,
  buckets: 8,
  maxDistance: 6,
  dropout: 0.2,
  attentionDropout: 0.1,
  initStd: 0.02,
  locality: 0,
  positions: 'relative',
  sharing: 'token',
  init: 'normal',
}

export const runKey: Key = keyOf(20211202)

/** Every parameter uniform in (-1, 1) / 2; norm weights around 1. */
export const drawPair = (config: PairConfig, seed: number, heads: readonly HeadSpecs[] = []): PairParams => {
  let site = 0
  return mapTree<Aval, Expr>(parameterAvals(config, heads), ({ shape, dtype }, path) => {
    site += 1
    const centre = /norm\d?\/weight$/.test(path) ? 1 : 0
    const data = Array.from(
      { length: sizeOf(shape) },
      (_, i) => centre + threefry2x32(seed, site, i, 0)[0] / 2 ** 32 - 0.5,
    )
    return ops.constantArray({ data, shape, dtype })
  }) as PairParams
}

const blocks = specimenBlocks(64, 12, pair.vocab, 5)

/** Rows [from, to) of a batch of `batch`, by the project's own masking. */
export const hostBatch = (step: number, batch: number, rows: readonly [number, number] = [0, batch]): PretrainBatch =>
  batchAt(blocks, { batch, seed: 9, step, maskRate: 0.3, rows })

/** A host batch of T tokens a row as constants. */
export const asInputs = (host: PretrainBatch, T = 12): PretrainInputs => {
  const B = host.tokens.length / T
  const K = host.positions.length / B
  const array = (data: ArrayLike<number>, dtype: DType, ...shape: readonly number[]): Expr =>
    ops.constantArray({ data: Array.from(data), shape, dtype })
  return {
    tokens: array(host.tokens, 'i32', B, T),
    masked: array(host.masked, 'i32', B, T),
    positions: array(host.positions, 'i32', B, K),
    targets: array(host.targets, 'i32', B, K),
    weights: array(host.weights, 'f32', B, K),
    tokenOrder: array(host.tokenOrder, 'i32', B * T),
    exampleLo: array(host.exampleLo, 'i32', B),
    exampleHi: array(host.exampleHi, 'i32', B),
    maskCount: array(host.maskCount, 'f32'),
    tokenCount: array(host.tokenCount, 'f32'),
    ...(host.isToken === undefined ? {} : { isToken: array(host.isToken, 'bool', B, T) }),
    ...(host.rowCount === undefined ? {} : { rowCount: array(host.rowCount, 'f32') }),
  }
}

/** The ids that stand for the draw, in a batch. */
export const withReplaced = (batch: PretrainInputs, ids: ArrayLike<number>): PretrainInputs => {
  const replaced = ops.constantArray({ data: Array.from(ids), shape: batch.positions.aval.shape, dtype: 'i32' })
  return { ...batch, replaced } as PretrainInputs
}

/** Numbers of every leaf, by path. */
export const valuesOf = (tree: ExprTree): ReadonlyMap<string, Float64Array> => {
  const values = evaluate(exprLeaves(tree))
  return new Map(leavesOf<Expr>(tree).map(([path], i) => [path, values[i]!]))
}
