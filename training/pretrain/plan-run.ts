import * as E from 'fp-ts/Either'
import { builtOr, type Aval, type ShapeError } from '../../core'
import { planCache, type Layout, type Program } from '../../kernels'
import {
  countParameters,
  parameterAvals,
  type PairConfig,
  type PairModel,
  type PairParams,
  type ParameterCount,
  type Remat,
} from '../../models'
import type { BlockShape } from '../data/blocks'
import { tNlrV5, type Objective } from '../objectives'
import { residentAvals, stepPrograms, trainStep, type StepSpec } from '../step'
import { stepCost, type PlannedProgram, type StepCost } from '../step-cost'
import { seedArrays } from '../step-runner'
import type { PretrainConfig } from './config'
import { recipeOf, type RecipeSettings } from './recipe'
import { batchAvals } from './shapes'

/** How a step is cut to fit a memory. Neither changes what is computed. */
export interface Fit {
  /** Rows that are computed at once: a divisor of the batch. */
  readonly microBatch: number
  readonly remat: Remat
}

/** What one pretraining step takes, found by planning it; nothing is run. */
export interface StepForecast extends StepCost, Fit {
  readonly parameters: {
    /** As counted in the literature: token table, main encoder, its heads (recipe 1.2). */
    readonly main: number
    readonly total: number
    readonly parts: readonly ParameterCount[]
  }
  readonly programs: readonly PlannedProgram[]
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

/**
 * What decides a step's cost: how its loss is minimised, how much of a row is masked (15 % unless it is given), and whether rows can end in
 * padding (not unless it is given).
 */
type CostSettings = Partial<RecipeSettings & Pick<PretrainConfig, 'maskRate'> & Pick<BlockShape, 'isPadded'>>

const pairSpec = (
  config: PairModel,
  rows: number,
  settings: CostSettings,
  objective: Objective<PairParams>,
): StepSpec<PairParams> => ({
  ...recipeOf({ ...usual, ...settings }, objective(config), objective.frozen),
  params: parameterAvals(config, objective.heads),
  batch: batchAvals(rows, config.maxLength, settings.maskRate, settings.isPadded),
})

/** The t-nlrv5 step of a pair, B rows of T = config.maxLength tokens, with AdamW and clipping. */
export const pairStep = (config: PairModel, batch: number, settings: CostSettings = {}): Program =>
  trainStep<PairParams>(pairSpec(config, batch, settings, tNlrV5)).program

export interface ForecastOptions {
  /** Default t-nlrv5. */
  readonly objective?: Objective<PairParams>
  /** Of the device. Default: the fewest that WebGPU guarantees. */
  readonly maxInputs?: number
  /** How the device lays out memory. Default: as a plan does. */
  readonly layout?: Layout | undefined
}

/** Foretells steps of one run cut in several ways; what they share is planned once. */
export const forecaster = (
  config: PairConfig,
  batch: number,
  settings: CostSettings = {},
  options: ForecastOptions = {},
): ((fit: Fit) => E.Either<ShapeError, StepForecast>) => {
  const plan = planCache()
  return ({ microBatch, remat }) => {
    const built = builtOr(() => {
      const spec = pairSpec({ ...config, remat }, microBatch, settings, options.objective ?? tNlrV5)
      return { spec, ...stepPrograms(spec, batch / microBatch) }
    })
    if (E.isLeft(built)) return built
    const { spec } = built.right
    const programs: PlannedProgram[] = []
    for (const { program, ...rest } of built.right.programs) {
      const planned = plan(() => program, { maxInputs: options.maxInputs ?? maxInputs })
      if (E.isLeft(planned)) return planned
      programs.push({ ...rest, plan: planned.right })
    }
    const fresh = new Map<string, Aval>([
      ...Object.entries(spec.batch).map(([name, aval]) => [`batch/${name}`, aval] as const),
      ...seedArrays(0).map(([name, , aval]) => [name, aval] as const),
    ])
    return E.right({
      parameters: countParameters(config, options.objective?.heads),
      ...stepCost(programs, residentAvals(spec.optimizer, spec.params), fresh, options.layout),
      microBatch,
      remat,
      programs,
    })
  }
}

/** One step, foretold; of the whole batch at once and with everything kept unless the settings say otherwise. */
export const forecastStep = (
  config: PairConfig,
  batch: number,
  { microBatch = batch, remat = 'none', ...settings }: CostSettings & Partial<Fit> = {},
): E.Either<ShapeError, StepForecast> => forecaster(config, batch, settings)({ microBatch, remat })
