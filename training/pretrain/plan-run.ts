import * as E from 'fp-ts/Either'
import type { ShapeError } from '../../core'
import { compile, type Plan, type Program } from '../../kernels'
import { countParameters, parameterAvals, type PairConfig, type PairParams, type ParameterCount } from '../../models'
import { tNlrV5 } from '../objectives'
import { trainStep } from '../step'
import { recipeOf, type RecipeSettings } from './recipe'
import { batchAvals } from './shapes'

/** What one pretraining step takes, found by planning it; nothing is run. */
export interface StepForecast {
  readonly parameters: {
    /** As counted in the literature: token table, main encoder, its heads (recipe 1.2). */
    readonly main: number
    readonly total: number
    readonly parts: readonly ParameterCount[]
  }
  readonly flops: number
  /** Bytes of parameters, optimizer state, gradients and activations that are alive at once, at most. */
  readonly peakBytes: number
  /** Of these, activations and gradients: what a step makes and does not keep. */
  readonly workBytes: number
  /** Bytes read and written by all kernels. */
  readonly traffic: number
  /** Bytes of the arena that intermediates and outputs share. */
  readonly arenaBytes: number
  readonly buffers: number
  readonly steps: number
  readonly kernels: number
  readonly plan: Plan
}

/** Storage buffers that a kernel may read where the adapter is unknown: WebGPU's guaranteed eight, less the output. */
const maxInputs = 7

/** Settings of a step whose cost hardly depends on them: what a run has by default. */
const usual: RecipeSettings = {
  precision: 'f32',
  lossScale: 'none',
  lr: 1e-4,
  warmup: 100,
  steps: 1000,
  weightDecay: 0.01,
  clip: 2,
}

/** The t-nlrv5 step of a pair, B rows of T = config.maxLength tokens, with AdamW and clipping. */
export const pairStep = (config: PairConfig, batch: number, settings: Partial<RecipeSettings> = {}): Program =>
  trainStep<PairParams>({
    ...recipeOf({ ...usual, ...settings }, tNlrV5(config)),
    params: parameterAvals(config),
    batch: batchAvals(batch, config.maxLength),
  }).program

/** `pairStep`, planned. */
export const forecastStep = (
  config: PairConfig,
  batch: number,
  settings: Partial<RecipeSettings> = {},
): E.Either<ShapeError, StepForecast> => {
  const built = compile(() => pairStep(config, batch, settings), { maxInputs })
  if (E.isLeft(built)) return built
  const plan = built.right
  return E.right({
    parameters: countParameters(config),
    flops: plan.cost.flops,
    peakBytes: plan.cost.peakBytes,
    workBytes: plan.cost.workBytes,
    traffic: plan.cost.bytes,
    arenaBytes: plan.cost.arenaBytes,
    buffers: plan.buffers.length,
    steps: plan.steps.length,
    kernels: plan.kernels.length,
    plan,
  })
}
