import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Device, HostArray } from '../../kernels'
import { parameterAvals, type PairConfig, type PairParams } from '../../models'
import { detectProgram, isDetecting } from '../correct/program'
import { microBatchesAt, tokenPlaces } from '../data/batch'
import { corruptFixed, type BigramModel, type CorruptedText } from '../data/corrupt-fixed'
import { rowLength, tokenCounts, type Blocks, type PackedBlocks } from '../data/blocks'
import { blocksOfStep } from '../data/order'
import { rocAuc, smoothedUnigram, unigramEntropy, unigramScorer } from '../metrics'
import { pairReading, type LossFn, type ObjectiveTraits } from '../objectives'
import { prepare, uploadAll, type RunFault, type Values } from '../runner'
import { evalStep, holes } from '../step'
import { batchArrays, seedArrays } from '../step-runner'
import { ownCorruption } from './own-corruption'
import { batchAvals } from './shapes'

/** Everything here is drawn from this seed, whatever the run's: figures of different runs are of the same text and masks. */
export const evaluationSeed = 20211202

export interface Evaluation {
  /** The objective's terms on held-out text, by name, in nats. */
  readonly metrics: { readonly [name: string]: number }
  /** ROC AUC of detection on the fixed corruption; undefined where only one class occurs, or where no model detects. */
  readonly detection: number | undefined
  /** ROC AUC on the model's own corruption: it rises, then falls as the auxiliary learns. */
  readonly ownDetection: number | undefined
}

/** What no model is needed for. */
export interface Baselines {
  /** Entropy of the training text's unigram distribution, in nats a token. */
  readonly unigramEntropy: number
  /** ROC AUC of a scorer that knows only how frequent a token is. */
  readonly frequencyDetection: number | undefined
  readonly corruptedTokens: number
  readonly heldOutTokens: number
}

export interface EvaluatorSpec {
  readonly device: Device
  readonly config: PairConfig
  /** The objective's loss with all dropout off. */
  readonly loss: LossFn<PairParams>
  /** The objective's. */
  readonly traits: ObjectiveTraits
  /** Training text, or a sample of it. */
  readonly train: PackedBlocks
  /** Of that text. */
  readonly bigrams: BigramModel
  /** With the blocks of `evaluatedBlocks` at hand. */
  readonly heldOut: Blocks
  readonly batch: number
  /** Rows that a step computes at once; here it is the greatest divisor of `batch` up to that. */
  readonly microBatch: number
  /** Batches of held-out text; at most what there is. */
  readonly batches: number
}

export interface Evaluator {
  readonly baselines: Baselines
  /** Parameters by name `params/*`; they stay the caller's. */
  readonly evaluate: (params: Values) => TE.TaskEither<RunFault, Evaluation>
  readonly dispose: () => void
}

const evaluatedBatches = (count: number, batch: number, batches: number): number =>
  Math.max(1, Math.min(batches, Math.floor(count / batch)))

/** Numbers of the held-out blocks that evaluation reads: those of its batches, and the first as many, which are corrupted. */
export const evaluatedBlocks = (
  heldOut: Pick<Blocks, 'count' | 'parts'>,
  { batch, batches: most }: { readonly batch: number; readonly batches: number },
): readonly number[] => {
  const batches = evaluatedBatches(heldOut.count, batch, most)
  const head = Array.from({ length: Math.min(heldOut.count, batches * batch) }, (_, i) => i)
  const drawn = Array.from({ length: batches }, (_, step) =>
    blocksOfStep(heldOut, { batch, seed: evaluationSeed, step }),
  )
  return [...new Set([...head, ...drawn.flat()])]
}

export const openEvaluator =
  (spec: EvaluatorSpec): TE.TaskEither<RunFault, Evaluator> =>
  async () => {
    const { device, config, batch: B, heldOut, train, traits } = spec
    const { reading = pairReading } = traits
    const { seqLength: T, isPadded = false } = heldOut
    const batches = evaluatedBatches(heldOut.count, B, spec.batches)
    const params = parameterAvals(config, traits.heads)
    const rows = divisorUpTo(B, spec.microBatch)
    const avals = batchAvals(rows, T, undefined, isPadded)
    const logged: { names: readonly string[] } = { names: [] }
    const losses = await prepare(device, () => {
      const built = evalStep({ loss: spec.loss, params, batch: avals })
      logged.names = built.logged
      return built.program
    })()
    if (E.isLeft(losses)) return losses
    const typed = holes('params', params) as PairParams
    const detect = isDetecting(reading)
      ? await prepare(device, () => detectProgram(config, typed, rows, T, reading, isPadded))()
      : E.right(undefined)
    if (E.isLeft(detect)) return detect
    const own = isDetecting(reading)
      ? await prepare(device, () => ownCorruption(config, typed, avals, reading))()
      : E.right(undefined)
    if (E.isLeft(own)) return own

    const evaluated = Math.min(heldOut.count, batches * B)
    const fixed = corruptFixed(spec.bigrams, headOf(heldOut, evaluated), { seed: evaluationSeed })
    const isToken = isPadded ? tokenPlaces(heldOut, fixed.tokens) : undefined
    const labels = atTokens(fixed.labels, isToken)
    const counts = tokenCounts(train)
    const frequency = unigramScorer(smoothedUnigram(counts))(fixed.tokens)

    const evaluate =
      (values: Values): TE.TaskEither<RunFault, Evaluation> =>
      async () => {
        const sums = new Map<string, number>()
        const ownScores: number[] = []
        const ownLabels: number[] = []
        for (let step = 0; step < batches; step++)
          for (const data of microBatchesAt(heldOut, { batch: B, seed: evaluationSeed, step }, rows))
            for (const runner of own.right === undefined ? [losses.right] : [losses.right, own.right]) {
              const uploaded = await uploadAll(device, [...batchArrays(data, avals), ...seedArrays(evaluationSeed)])()
              if (E.isLeft(uploaded)) return uploaded
              const out = await runner.run(new Map([...values, ...uploaded.right]))()
              if (E.isLeft(out)) return out
              for (const [name, resident] of out.right) {
                const array = await device.read(resident)()
                device.free([resident])
                if (E.isLeft(array)) return array
                if (name === 'log')
                  logged.names.forEach((metric, i) =>
                    sums.set(metric, (sums.get(metric) ?? 0) + array.right[i]! / batches),
                  )
                else (name === 'replaced' ? ownScores : ownLabels).push(...atTokens(array.right, data.isToken))
              }
            }
        const scores =
          detect.right === undefined
            ? E.right(undefined)
            : await detectAll(device, detect.right, values, fixed, heldOut, rows)()
        if (E.isLeft(scores)) return scores
        return E.right({
          metrics: Object.fromEntries(sums),
          detection: scores.right === undefined ? undefined : rocAuc(atTokens(scores.right, isToken), labels),
          ownDetection: rocAuc(ownScores, ownLabels),
        })
      }
    return E.right({
      baselines: {
        unigramEntropy: unigramEntropy(counts),
        frequencyDetection: rocAuc(atTokens(frequency, isToken), labels),
        corruptedTokens: labels.reduce((n: number, l) => n + l, 0),
        heldOutTokens: labels.length,
      },
      evaluate,
      dispose: () => [losses, detect, own].forEach((r) => r.right?.dispose()),
    })
  }

const divisorUpTo = (n: number, most: number): number => {
  let rows = Math.min(n, most)
  while (n % rows !== 0) rows -= 1
  return rows
}

/** The first rows of packed text. */
const headOf = (blocks: Blocks, rows: number): Blocks => ({ ...blocks, count: rows })

/** Of numbers for every place those at tokens; all where there is no padding. */
const atTokens = <A extends HostArray>(x: A, isToken: Uint8Array | undefined): A =>
  isToken === undefined ? x : (x.filter((_, i) => isToken[i] === 1) as A)

/** Probability of replacement for every place of the corrupted rows; the last batch is filled up with its first row. */
const detectAll =
  (
    device: Device,
    runner: { readonly run: (values: Values) => TE.TaskEither<RunFault, Values> },
    params: Values,
    corrupted: CorruptedText,
    shape: Blocks,
    B: number,
  ): TE.TaskEither<RunFault, Float64Array> =>
  async () => {
    const T = shape.seqLength
    const size = corrupted.tokens.length
    const scores = new Float64Array(size)
    for (let from = 0; from < size; from += B * T) {
      const ids = new Int32Array(B * T)
      const part = corrupted.tokens.subarray(from, from + B * T)
      for (let at = 0; at < B * T; at += part.length) ids.set(part.subarray(0, Math.min(part.length, B * T - at)), at)
      const lengths = Int32Array.from({ length: B }, (_, b) => rowLength(shape, ids.subarray(b * T, (b + 1) * T)))
      const uploaded = await uploadAll(device, [
        ['ids', ids, { dtype: 'i32', shape: [B, T] }],
        ...(shape.isPadded === true ? [['lengths', lengths, { dtype: 'i32', shape: [B] }] as const] : []),
      ])()
      if (E.isLeft(uploaded)) return uploaded
      const out = await runner.run(new Map([...params, ...uploaded.right]))()
      if (E.isLeft(out)) return out
      const replaced = await device.read(out.right.get('replaced')!)()
      device.free([...out.right.values()])
      if (E.isLeft(replaced)) return replaced
      scores.set(replaced.right.subarray(0, part.length), from)
    }
    return E.right(scores)
  }
