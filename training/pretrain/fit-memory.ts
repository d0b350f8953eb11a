import * as E from 'fp-ts/Either'
import type { ShapeError } from '../../core'
import { rematNames, type Remat } from '../../models'
import { badInput, ofShape, type Fault } from '../fault'
import type { StepCost } from '../step-cost'
import type { PretrainConfig } from './config'
import type { Fit } from './plan-run'

/** Every setting of a run, decided. */
export type SettledConfig = PretrainConfig & Fit

/** What a step cut like this takes. */
export type Predict<C extends StepCost = StepCost> = (fit: Fit) => E.Either<ShapeError, C>

/** Settings that decide what is tried: what is given is kept, what is missing is chosen. */
export type FitSettings = Pick<PretrainConfig, 'batch' | 'microBatch' | 'remat'> & { readonly memory: number }

export interface Fitted<C extends StepCost = StepCost> {
  readonly fit: Fit
  readonly cost: C
}

/**
 * The fastest way to cut a step so that its predicted peak is at most `memory` GB of 1e9 bytes: as many rows at once as fit, and layers
 * recomputed only if these rows do not fit without. Each try plans a step (seconds for base), so that rows are bisected.
 * left  what cannot be built; or that nothing fits, with the least that was predicted
 */
export const chooseFit = <C extends StepCost>(
  settings: FitSettings,
  predict: Predict<C>,
): E.Either<Fault, Fitted<C>> => {
  const { batch, memory } = settings
  const seen: Fitted<C>[] = []
  const predicted = (microBatch: number, remat: Remat): E.Either<Fault, Fitted<C>> => {
    const cost = predict({ microBatch, remat })
    if (E.isLeft(cost)) return E.left(ofShape(cost.left, 'plan'))
    const made = { fit: { microBatch, remat }, cost: cost.right }
    seen.push(made)
    return E.right(made)
  }
  /** What fits at these rows: nothing recomputed if that does, since recomputing only adds FLOPs. */
  const fitting = (rows: number): E.Either<Fault, Fitted<C> | undefined> => {
    for (const remat of settings.remat === undefined ? rematNames : [settings.remat]) {
      const one = predicted(rows, remat)
      if (E.isLeft(one) || one.right.cost.peakBytes <= memory * 1e9) return one
    }
    return E.right(undefined)
  }
  const [most, ...fewer] = settings.microBatch === undefined ? divisorsOf(batch) : [settings.microBatch]
  // On its own: the whole batch has no sums of gradients beside it. From there on fewer rows take less.
  const whole = fitting(most!)
  if (E.isLeft(whole)) return whole
  let best = whole.right
  for (let [low, high] = [0, best === undefined ? fewer.length : 0]; low < high;) {
    const middle = (low + high) >> 1
    const here = fitting(fewer[middle]!)
    if (E.isLeft(here)) return here
    best = here.right ?? best
    if (here.right !== undefined) high = middle
    else low = middle + 1
  }
  return best === undefined ? E.left(tooLarge(settings, seen)) : E.right(best)
}

/** Greatest first. */
const divisorsOf = (n: number): readonly number[] =>
  Array.from({ length: n }, (_, i) => n - i).filter((rows) => n % rows === 0)

const tooLarge = ({ memory, microBatch, remat }: FitSettings, seen: readonly Fitted[]): Fault => {
  const { fit, cost } = [...seen].sort((a, b) => a.cost.peakBytes - b.cost.peakBytes)[0]!
  const given = [
    ...(microBatch === undefined ? [] : ['no --micro-batch']),
    ...(remat === 'none' ? ['--remat layers'] : []),
  ]
  return badInput(
    '--memory',
    '',
    `a step in at most ${memory} GB`,
    `${gigabytes(cost.peakBytes)} at the least, with --micro-batch ${fit.microBatch} --remat ${fit.remat}`,
    `what takes less: ${[...given, 'a shorter --seq', 'a smaller --vocab or --preset', '--precision f16'].join(', ')}`,
  )
}

/** Rounded up: what is told to fit does. */
export const gigabytes = (bytes: number): string => `${(Math.ceil(bytes / 1e7) / 100).toFixed(2)} GB`

/**
 * A config with `microBatch` and `remat` decided: by its memory, else the whole batch and nothing recomputed.
 * left  nothing fits that memory
 */
export const settle = <C extends StepCost>(
  config: PretrainConfig,
  predict: Predict<C>,
): E.Either<Fault, { readonly config: SettledConfig; readonly predicted?: C }> => {
  const { memory } = config
  if (memory === undefined)
    return E.right({
      config: { ...config, microBatch: config.microBatch ?? config.batch, remat: config.remat ?? 'none' },
    })
  const chosen = chooseFit({ ...config, memory }, predict)
  return E.isLeft(chosen)
    ? chosen
    : E.right({ config: { ...config, ...chosen.right.fit }, predicted: chosen.right.cost })
}
