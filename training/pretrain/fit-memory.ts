import * as E from 'fp-ts/Either'
import type { ShapeError } from '../../core'
import { rematNames } from '../../models'
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
 * The fastest way to cut a step so that its predicted peak is at most `memory` GB of 1e9 bytes. For nothing recomputed, for attention and
 * for layers as many rows at once as fit: of these, the step of fewest FLOPs. Each try plans a step (seconds for base), so that rows are
 * bisected.
 * left  what cannot be built; or that nothing fits, with the least that was predicted
 */
export const chooseFit = <C extends StepCost>(
  settings: FitSettings,
  predict: Predict<C>,
): E.Either<Fault, Fitted<C>> => {
  const { batch, memory, microBatch, remat } = settings
  const [most, ...fewer] = microBatch === undefined ? divisorsOf(batch) : [microBatch]
  const seen: Fitted<C>[] = []
  const tried = (fit: Fit): E.Either<Fault, Fitted<C> | undefined> => {
    const cost = predict(fit)
    if (E.isLeft(cost)) return E.left(ofShape(cost.left, 'plan'))
    const made = { fit, cost: cost.right }
    seen.push(made)
    return E.right(made.cost.peakBytes <= Math.round(memory * 1e9) ? made : undefined)
  }
  const best: Fitted<C>[] = []
  for (const name of remat === undefined ? rematNames : [remat]) {
    // The most rows on their own: the whole batch has no sums of gradients beside it. From there on fewer rows take less.
    const whole = tried({ microBatch: most!, remat: name })
    if (E.isLeft(whole)) return whole
    let found = whole.right
    for (let [low, high] = [0, found === undefined ? fewer.length : 0]; low < high;) {
      const middle = (low + high) >> 1
      const here = tried({ microBatch: fewer[middle]!, remat: name })
      if (E.isLeft(here)) return here
      found = here.right ?? found
      if (here.right !== undefined) high = middle
      else low = middle + 1
    }
    if (found !== undefined) best.push(found)
    if (whole.right !== undefined) break // nothing does less
  }
  const [fastest] = best.sort((a, b) => a.cost.flops - b.cost.flops)
  return fastest === undefined ? E.left(tooLarge(settings, seen)) : E.right(fastest)
}

/** Greatest first. */
const divisorsOf = (n: number): readonly number[] =>
  Array.from({ length: n }, (_, i) => n - i).filter((rows) => n % rows === 0)

const tooLarge = ({ memory, microBatch, remat }: FitSettings, seen: readonly Fitted[]): Fault => {
  const { fit, cost } = [...seen].sort((a, b) => a.cost.peakBytes - b.cost.peakBytes)[0]!
  const given = [
    ...(microBatch === undefined ? [] : ['no --micro-batch']),
    ...(remat === undefined || remat === 'layers' ? [] : ['--remat layers']),
  ]
  return badInput(
    '--memory',
    '',
    `a step in at most ${memory} GB`,
    `${gigabytes(cost.peakBytes)} at the least, with --micro-batch ${fit.microBatch} --remat ${fit.remat}`,
    `what takes less: ${[...given, 'a shorter --seq', 'a smaller --vocab or --preset', '--precision f16'].join(', ')}`,
  )
}

/** Three digits, rounded up: a memory of what is told is enough. */
export const gigabytes = (bytes: number): string => {
  const unit = 10 ** (Math.floor(Math.log10(Math.max(1, bytes))) - 2)
  return `${((Math.ceil(bytes / unit) * unit) / 1e9).toPrecision(3)} GB`
}

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
