import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import {
  closed,
  codecFaults,
  NonNegativeInt,
  NonNegativeNumber,
  oneOf,
  PositiveInt,
  PositiveNumber,
  Rate,
  Share,
  Uint32,
  type CodecFault,
} from '../../core'
import { deviceNames, matmulChoices, type ComputeDType } from '../../kernels'
import { rematNames } from '../../models'
import { parsePdr } from '../robust'
import { parseScaler } from '../scaling'
import { answers } from './heads'
import type { Mixing } from './order'

const precisions: readonly ComputeDType[] = ['f32', 'f16', 'bf16']

/** Settings that shape what is learned; a grid gives lists of values for them. */
export const learningSettings = {
  epochs: PositiveNumber,
  lr: PositiveNumber, // peak learning rate
  warmup: Share, // share of the steps in which it rises
  batch: PositiveInt, // examples of a step
  weightDecay: Rate,
  clip: NonNegativeNumber, // greatest gradient norm; 0: no clipping
  layerDecay: t.refinement(PositiveNumber, (x) => x <= 1, 'a number above 0, at most 1'), // of learning rates, from layer to layer downwards
  dropout: Rate,
  attentionDropout: Rate,
  headDropout: Rate,
  seq: PositiveInt, // most tokens of a row
  pdr: t.string, // see parsePdr
  answer: oneOf(answers), // of pairs of texts
  mixing: t.string, // proportional | square-root | ratio=K
}

/** Settings of fine-tuning, as a config file and the command line give them. */
export const FinetuneOptions = closed(
  'config',
  {},
  {
    task: t.readonlyArray(t.string, 'a list of tasks'),
    data: t.string, // folder of the tasks' files
    train: t.string, // training rows, in place of the task's file
    from: t.string, // a pretrained or tuned checkpoint
    untrained: t.boolean, // its sizes alone: weights are drawn anew
    out: t.string,
    ...learningSettings,
    separators: t.union([t.literal(1), t.literal(2)], '1 or 2'), // [SEP]s between the texts of a pair
    candidates: t.refinement(PositiveInt, (n) => n >= 2, 'a whole number, 2 or more'), // readings of a ranking that a step holds against each other
    rows: PositiveInt, // training rows that are used, at most
    seed: Uint32, // of the first run
    seeds: PositiveInt, // runs, with seeds counted up
    evalsPerEpoch: PositiveInt,
    microBatch: PositiveInt,
    remat: oneOf(rematNames), // what is computed again on the way back instead of being kept
    precision: oneOf(precisions),
    lossScale: t.string,
    device: oneOf(['auto', ...deviceNames] as const),
    threads: NonNegativeInt,
    matmul: oneOf(matmulChoices),
  },
)
export type FinetuneOptions = t.TypeOf<typeof FinetuneOptions>

/** `train` and `pdr` may stay out; `seq` is the model's where it is not given, `lossScale` follows `precision`, `microBatch` the batch. */
type MayBeMissing = 'train' | 'rows' | 'seq' | 'pdr'
export type FinetuneConfig = Required<Omit<FinetuneOptions, MayBeMissing | 'mixing'>> &
  Pick<FinetuneOptions, MayBeMissing> & { readonly mixing: Mixing }

/**
 * Recipe 3.3: COCO-LM's settings for GLUE (its fairseq scripts) but for learning rate and batch, where the grid has several: the middle of it.
 * Two evaluations an epoch; no clipping; no decay over layers.
 */
const defaults = {
  epochs: 5,
  lr: 2e-5,
  warmup: 1 / 16,
  batch: 32,
  weightDecay: 0.01,
  clip: 0,
  layerDecay: 1,
  dropout: 0.1,
  attentionDropout: 0.1,
  headDropout: 0.1,
  answer: 'pooled',
  mixing: 'proportional',
  separators: 2,
  candidates: 4,
  untrained: false,
  seed: 1,
  seeds: 1,
  evalsPerEpoch: 2,
  remat: 'none',
  precision: 'f32',
  device: 'auto',
  threads: 0,
  matmul: 'auto',
  out: 'runs/finetune',
} as const

/**
 * Settings from a config file and from flags (which win), decoded together.
 * left  every fault of both at once
 */
export const decideFinetune = (
  file: unknown,
  flags: Readonly<Record<string, unknown>>,
): E.Either<readonly CodecFault[], FinetuneConfig> => {
  const [decodedFile, decodedFlags] = [FinetuneOptions.decode(file), FinetuneOptions.decode(flags)]
  const faults = [decodedFile, decodedFlags].flatMap((d) => (E.isLeft(d) ? codecFaults(d.left) : []))
  if (E.isLeft(decodedFile) || E.isLeft(decodedFlags)) return E.left(faults)
  const given = { ...defaults, ...decodedFile.right, ...decodedFlags.right }
  const { task = [], data, from, batch, precision } = given
  const { microBatch = batch, lossScale = precision === 'f16' ? 'fairseq' : 'none' } = given
  const missing = (key: string, expected: string): void => void faults.push({ key, expected, got: 'none' })
  if (task.length === 0) missing('task', 'one task or more')
  if (data === undefined) missing('data', 'the folder of the tasks')
  if (from === undefined) missing('from', 'a checkpoint, or the folder of a run')
  const wrong = (key: string, expected: string, got: string): void => void faults.push({ key, expected, got })
  if (new Set(task).size !== task.length) wrong('task', 'each task once', task.join(','))
  if (batch % microBatch !== 0) wrong('microBatch', `a divisor of the batch of ${batch}`, String(microBatch))
  if (given.train !== undefined && task.length > 1) wrong('train', 'one task', task.join(','))
  const mixing = parseMixing(given.mixing)
  if (E.isLeft(mixing)) wrong('mixing', mixing.left, JSON.stringify(given.mixing))
  const scaler = parseScaler(lossScale)
  if (E.isLeft(scaler)) wrong('lossScale', scaler.left.expected, scaler.left.got)
  const pdr = given.pdr === undefined ? E.right(undefined) : parsePdr(given.pdr)
  if (E.isLeft(pdr)) faults.push(pdr.left)
  if (faults.length > 0 || data === undefined || from === undefined || E.isLeft(mixing)) return E.left(faults)
  return E.right({ ...given, task, data, from, microBatch, lossScale, mixing: mixing.right })
}

/** `proportional`, `square-root` or `ratio=K`. left  what was expected */
export const parseMixing = (text: string): E.Either<string, Mixing> => {
  if (text === 'proportional' || text === 'square-root') return E.right({ kind: text })
  const ratio = Number(/^ratio=(\S+)$/.exec(text)?.[1])
  return ratio > 0 && Number.isFinite(ratio)
    ? E.right({ kind: 'ratio', ratio })
    : E.left('proportional, square-root or ratio=K with a K above 0')
}
