import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Device } from '../../kernels'
import type { PairConfig, PairParams } from '../../models'
import { openCorrector, type Correction } from '../correct/corrector'
import { isDetecting } from '../correct/program'
import type { Blocks, PackedBlocks } from '../data/blocks'
import { bigramModel } from '../data/corrupt-fixed'
import type { RunState } from '../loop'
import { pairReading, type LossFn, type ObjectiveTraits } from '../objectives'
import type { RunFault, Values } from '../runner'
import type { Corpus } from './corpus'
import { evaluationSeed, openEvaluator, type Baselines, type Evaluation } from './evaluate'
import { specimens } from './specimens'

/** What a model does at one moment of a run: held-out figures, and corrections of a few held-out sentences. */
export interface Snapshot {
  readonly step: number
  readonly evaluation: Evaluation
  readonly corrections: readonly CorrectedSpecimen[]
}
export interface CorrectedSpecimen {
  readonly original: string
  readonly replaced: readonly boolean[]
  readonly correction: Correction
}

export interface Snapshots {
  readonly baselines: Baselines
  readonly take: (state: RunState) => TE.TaskEither<RunFault, Snapshot>
  readonly dispose: () => void
}

export interface SnapshotSpec {
  readonly device: Device
  readonly config: PairConfig
  /** The objective's loss with all dropout off. */
  readonly loss: LossFn<PairParams>
  /** The objective's. */
  readonly traits: ObjectiveTraits
  readonly corpus: Pick<Corpus, 'tokenizer' | 'heldOutText'>
  /** Training text, or a sample of it. */
  readonly train: PackedBlocks
  /** With the blocks of `evaluatedBlocks` at hand. */
  readonly heldOut: Blocks
  readonly batch: number
  /** Of these, computed at once. */
  readonly microBatch: number
  readonly batches: number
}

const sentences = 6
/** Rows that are corrected at once, if a step computes as many. */
const correctorBatch = 6

export const openSnapshots =
  (spec: SnapshotSpec): TE.TaskEither<RunFault, Snapshots> =>
  async () => {
    const { device, config, corpus, traits } = spec
    const bigrams = bigramModel(spec.train)
    const evaluator = await openEvaluator({ ...spec, bigrams })()
    if (E.isLeft(evaluator)) return evaluator
    const seq = spec.heldOut.seqLength
    const { tokenizer, heldOutText } = corpus
    const chosen = specimens(heldOutText, tokenizer, bigrams, {
      count: sentences,
      seed: evaluationSeed,
      longest: seq,
    })
    const batch = Math.min(correctorBatch, spec.microBatch)
    const corrector = isDetecting(traits.reading ?? pairReading)
      ? await openCorrector({ device, config, tokenizer, batch, seq, traits })()
      : E.right(undefined)
    if (E.isLeft(corrector)) return corrector
    return E.right({
      baselines: evaluator.right.baselines,
      take: (state) => async () => {
        const params: Values = new Map([...state.values].filter(([name]) => name.startsWith('params/')))
        const evaluation = await evaluator.right.evaluate(params)()
        if (E.isLeft(evaluation)) return evaluation
        const rows = chosen.map((s) => s.ids)
        const corrections =
          corrector.right === undefined ? E.right([]) : await corrector.right.correctIds(params, rows)()
        if (E.isLeft(corrections)) return corrections
        return E.right({
          step: state.step,
          evaluation: evaluation.right,
          corrections: corrections.right.map((correction, i) => {
            const { original, replaced } = chosen[i]!
            return { original, replaced, correction }
          }),
        })
      },
      dispose: () => [evaluator, corrector].forEach((r) => r.right?.dispose()),
    })
  }
