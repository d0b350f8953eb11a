import type { Correction } from '../correct/corrector'
import type { StepRecord } from '../loop'
import type { Baselines, Evaluation } from '../pretrain/evaluate'

/** Held-out figures after so many steps; step 0 is the untrained model. */
export interface HeldOut {
  readonly step: number
  readonly evaluation: Evaluation
}

/** One corrupted sentence, as the model judged it before and after training. */
export interface ReportedCorrection {
  /** The text before it was corrupted. */
  readonly original: string
  readonly before: Correction
  readonly after: Correction
  /** Which tokens were really replaced, aligned with the tokens of `before` and of `after`. */
  readonly replaced?: readonly boolean[]
}

/** What the main model is worth for a task; the last row is its own. */
export interface TunedFigures {
  readonly title: string
  readonly note: string
  readonly trainRows: number
  readonly devRows: number
  readonly rows: readonly { readonly name: string; readonly accuracy: number; readonly macroF1: number }[]
}

/** Everything that `report.html` tells of a run. */
export interface RunReport {
  readonly title: string
  readonly backend: { readonly name: string; readonly detail: string }
  /** Preset, parameters, batch x seq, steps, learning rate, seed, corpus files, ... in the order they are shown. */
  readonly settings: readonly (readonly [name: string, value: string])[]
  readonly records: readonly StepRecord[]
  readonly heldOut: readonly HeldOut[]
  /** Missing where the objective has no held-out figures of the pair's. */
  readonly baselines?: Baselines
  readonly corrections: readonly ReportedCorrection[]
  readonly tuned?: TunedFigures
}

/** The first held-out figures if they are of step 0, and the last ones if they are of a later step. */
export const untrainedAndTrained = ({
  heldOut,
}: RunReport): { readonly untrained?: Evaluation; readonly trained?: Evaluation } => {
  const inOrder = [...heldOut].sort((a, b) => a.step - b.step)
  const [first, last] = [inOrder[0], inOrder.at(-1)]
  return {
    ...(first?.step === 0 ? { untrained: first.evaluation } : {}),
    ...(last !== undefined && last.step > 0 ? { trained: last.evaluation } : {}),
  }
}
