import type { DType } from '../../core'

/** What a policy computes in. Parameters stay in the dtype they have (f32: the master copy) until an op wants them in another. */
export type ComputeDType = 'f32' | 'f16' | 'bf16'

/** Which dtype an op works in under a policy. */
export type OpPrecision =
  /** Inputs in the compute dtype, accumulated in f32, rounded once. */
  | 'compute'
  /** The widest dtype of the inputs; constants and parameters take the others'. Computed in f32, rounded once. */
  | 'widest'
  /** Inputs in f32, and so is the result. */
  | 'f32'
  /** Numbers are moved, not made: the dtype that they have. */
  | 'moves'
  /** The dtype is part of what the op says. */
  | 'own'

/**
 * Every op's precision, as data. What loses a half's eleven or eight bits, or its range, is in f32: sums, and what grows or falls
 * exponentially. After Micikevicius et al. 2018, arXiv:1710.03740, §3.3, and the lists of PyTorch's autocast.
 */
export const opPrecision: Readonly<Record<string, OpPrecision>> = {
  matmul: 'compute',
  reduceSum: 'f32',
  allReduce: 'f32',
  reduceScatter: 'f32',
  allGather: 'moves',
  segmentSum: 'f32',
  exp: 'f32',
  log: 'f32',
  reduceMax: 'moves',
  argmax: 'moves',
  abs: 'widest',
  add: 'widest',
  concat: 'widest',
  cos: 'widest',
  div: 'widest',
  eq: 'widest',
  erf: 'widest',
  floor: 'widest',
  le: 'widest',
  lt: 'widest',
  max: 'widest',
  min: 'widest',
  mul: 'widest',
  neg: 'widest',
  sign: 'widest',
  sin: 'widest',
  sqrt: 'widest',
  sub: 'widest',
  tanh: 'widest',
  where: 'widest',
  fence: 'moves',
  gather: 'moves',
  pad: 'moves',
  remat: 'moves',
  repeat: 'moves',
  reshape: 'moves',
  slice: 'moves',
  stopGradient: 'moves',
  transpose: 'moves',
  variable: 'moves',
  and: 'own',
  cast: 'own',
  constant: 'own',
  countLess: 'own',
  input: 'own',
  invertPermutation: 'own',
  iota: 'own',
  literal: 'own',
  not: 'own',
  or: 'own',
  searchSorted: 'own',
  sortRank: 'own',
  threefry: 'own',
}

/** Precision of a function with a reverse rule of its own (`customVjp`). Inside it is computed in f32, forward and backward. */
export type FunctionPrecision =
  /** The result is rounded once, to the compute dtype; what the rule reads again is the rounded result. */
  | 'rounds'
  /** The result stays f32. */
  | 'f32'

/** Functions that are computed in f32 as a whole. Any other `customVjp` follows the ops that it is made of. */
export const functionPrecision: Readonly<Record<string, FunctionPrecision>> = {
  softmax: 'rounds',
  layerNorm: 'rounds',
  gelu: 'rounds',
  crossEntropy: 'f32',
  softplus: 'f32',
}

/** Of two float dtypes one that holds the numbers of both. */
export const wider = (a: DType, b: DType): DType => (a === b ? a : 'f32')

/** How often the result of an op or function is rounded to a half, if its inputs are halves: its stated error, in units of half the last place. */
export const roundingsOf = (rule: OpPrecision | FunctionPrecision): 0 | 1 =>
  rule === 'compute' || rule === 'widest' || rule === 'rounds' ? 1 : 0
