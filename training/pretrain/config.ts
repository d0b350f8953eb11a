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
import { packings } from '../data/packing'
import { parseScaler } from '../scaling'
import {
  hasBuckets,
  initNames,
  positionNames,
  presetNames,
  presets,
  rematNames,
  sharingNames,
  validatePair,
  type PairConfig,
  type Preset,
  type PresetName,
} from '../../models'

const precisions: readonly ComputeDType[] = ['f32', 'f16', 'bf16']

/** Sizes of the model that may be set apart from the preset's: the fields of `PairConfig` but vocabulary and length. */
const modelProps = {
  hidden: PositiveInt,
  heads: PositiveInt,
  ffn: PositiveInt, // 4 hidden unless given
  mainLayers: PositiveInt,
  auxLayers: NonNegativeInt,
  buckets: PositiveInt,
  maxDistance: PositiveInt,
  dropout: Rate,
  attentionDropout: Rate,
  initStd: PositiveNumber,
  locality: NonNegativeNumber, // 0 for schemes of positions without a relative bias
  positions: oneOf(positionNames),
  sharing: oneOf(sharingNames),
  init: oneOf(initNames),
}

/** Settings of a pretraining run, as a config file and the command line give them. All may be left out but the corpus. */
export const PretrainOptions = closed(
  'config',
  {},
  {
    corpus: t.readonlyArray(t.string, 'a list of files'), // of text, or folders of shards
    corpusWeights: t.readonlyArray(PositiveNumber, 'a list of weights'), // of folders of shards
    tokenizer: t.string, // a file, in place of one trained on the corpus
    packing: oneOf(packings),
    preset: oneOf(presetNames),
    objective: t.string, // a name of `objectives`, or FILE.mjs#NAME
    auxFrom: t.string, // a run whose auxiliary an objective with a frozen one takes
    maskRate: Rate, // share of the tokens that are masked
    maskKeep: Share, // of these, the share that stays as it is
    maskRandom: Share, // of these, the share that becomes any token
    wholeWord: t.boolean, // mask whole words
    steps: PositiveInt,
    batch: PositiveInt, // rows of a step
    microBatch: PositiveInt, // of these, computed at once: a divisor of batch
    remat: oneOf(rematNames), // what is computed again on the way back instead of being kept
    memory: PositiveNumber, // GB of 1e9 bytes that a step may take; microBatch and remat, where not given, follow
    seq: PositiveInt, // tokens of a row, [CLS] included
    vocab: PositiveInt,
    lr: PositiveNumber, // peak learning rate
    warmup: NonNegativeInt, // steps
    weightDecay: Rate,
    clip: NonNegativeNumber, // greatest gradient norm; 0: no clipping
    seed: Uint32,
    precision: oneOf(precisions), // that the model computes in; parameters and sums stay f32
    lossScale: t.string, // see parseScaler
    device: oneOf(['auto', ...deviceNames] as const),
    threads: NonNegativeInt, // of the wasm device; 0: one for each core
    matmul: oneOf(matmulChoices), // of the wasm device
    out: t.string,
    saveEvery: PositiveInt, // steps between checkpoints
    heldOut: Rate, // share of the documents kept for evaluation
    evalBatches: NonNegativeInt, // held-out batches that an evaluation takes; 0: there is none
    evalEvery: NonNegativeInt, // steps between evaluations; 0: before and after the run alone
    keep: PositiveInt, // newest checkpoints that stay
    ...modelProps,
  },
)
export type PretrainOptions = t.TypeOf<typeof PretrainOptions>

/** Decided by the memory there is, and by the corpus. */
type LeftOpen = 'microBatch' | 'remat' | 'memory' | 'corpusWeights' | 'tokenizer' | 'packing'
type MayBeMissing = LeftOpen | 'auxFrom'

/** Every setting of a run, decided but for those that `settle` and the corpus decide. */
export type PretrainConfig = Required<Omit<PretrainOptions, MayBeMissing>> & Pick<PretrainOptions, MayBeMissing>

/** Defaults that go with a size: what trains well, and fits, on the machines that size is for. ours, but for recipe 3.1's rates; its batches of a million tokens are --batch with --micro-batch. */
const bySize: Readonly<Record<PresetName, Pick<PretrainConfig, 'batch' | 'seq' | 'vocab' | 'lr'>>> = {
  tiny: { batch: 16, seq: 64, vocab: 4096, lr: 2e-3 },
  small: { batch: 32, seq: 128, vocab: 8192, lr: 1e-3 },
  base: { batch: 8, seq: 512, vocab: 128_000, lr: 2e-4 },
  large: { batch: 8, seq: 512, vocab: 128_000, lr: 1e-4 },
  xl: { batch: 8, seq: 512, vocab: 128_000, lr: 1e-4 },
  xxl: { batch: 8, seq: 512, vocab: 128_000, lr: 5e-5 },
}

export const sizeDefaults = (preset: PresetName): Pick<PretrainConfig, 'batch' | 'seq' | 'vocab' | 'lr'> =>
  bySize[preset]

/** The recipe's way of masking (recipe 2.2). */
export const usualMasks = { maskRate: 0.15, maskKeep: 0, maskRandom: 0, wholeWord: false } as const

const defaults = {
  corpus: [],
  preset: 'tiny',
  objective: 't-nlrv5',
  ...usualMasks,
  steps: 1000,
  weightDecay: 0.01,
  clip: 2, // recipe 3.1, the ++ settings
  seed: 1,
  precision: 'f32',
  device: 'auto',
  threads: 0,
  matmul: 'auto',
  out: 'runs/pretrain',
  heldOut: 0.05,
  evalBatches: 16,
  evalEvery: 0,
  keep: 2,
} as const

/**
 * Settings from a config file and from flags (which win), decoded together, with the defaults of the size filled in.
 * left  every fault of both at once.
 */
export const decideConfig = (
  file: unknown,
  flags: Readonly<Record<string, unknown>>,
): E.Either<readonly CodecFault[], PretrainConfig> => {
  const decodedFile = PretrainOptions.decode(file)
  const decodedFlags = PretrainOptions.decode(flags)
  const faults = [decodedFile, decodedFlags].flatMap((d) => (E.isLeft(d) ? codecFaults(d.left) : []))
  if (E.isLeft(decodedFile) || E.isLeft(decodedFlags)) return E.left(faults)
  const given: PretrainOptions = { ...decodedFile.right, ...decodedFlags.right }
  const preset = given.preset ?? defaults.preset
  const width = given.hidden === undefined ? {} : { ffn: 4 * given.hidden }
  const even = given.positions === undefined || hasBuckets(given.positions) ? {} : { locality: 0 }
  const merged = { ...defaults, ...bySize[preset], ...presets[preset], ...width, ...even, ...given }
  const config = {
    ...merged,
    warmup: merged.warmup ?? Math.ceil(merged.steps / 10),
    // f16 alone has too small a range for gradients; COCO-LM's runs had fairseq's scaler.
    lossScale: merged.lossScale ?? (merged.precision === 'f16' ? 'fairseq' : 'none'),
    saveEvery: merged.saveEvery ?? Math.max(1, Math.ceil(merged.steps / 10)),
  }
  const between = crossFaults(config)
  return between.length > 0 ? E.left(between) : E.right(config)
}

/** Rules between settings. */
const crossFaults = (config: PretrainConfig): readonly CodecFault[] => {
  const faults: CodecFault[] = []
  if (config.corpus.length === 0) faults.push({ key: 'corpus', expected: 'at least one file', got: 'none' })
  if (config.seq < 2) faults.push({ key: 'seq', expected: 'at least 2 tokens', got: String(config.seq) })
  const { batch, microBatch } = config
  if (microBatch !== undefined && batch % microBatch !== 0)
    faults.push({ key: 'microBatch', expected: `a divisor of batch = ${batch}`, got: String(microBatch) })
  if (config.warmup > config.steps)
    faults.push({ key: 'warmup', expected: `at most steps = ${config.steps}`, got: String(config.warmup) })
  if (config.maskRate === 0) faults.push({ key: 'maskRate', expected: 'a number in (0, 1)', got: '0' })
  const { maskKeep, maskRandom } = config
  if (maskKeep + maskRandom > 1)
    faults.push({ key: 'maskRandom', expected: `at most 1 - maskKeep = ${1 - maskKeep}`, got: String(maskRandom) })
  if (config.heldOut === 0) faults.push({ key: 'heldOut', expected: 'a number in (0, 1)', got: '0' })
  const scaler = parseScaler(config.lossScale)
  if (E.isLeft(scaler)) faults.push(scaler.left)
  const pair = validatePair(modelOf(config))
  if (E.isRight(pair)) return faults
  const named = pair.left.map((fault) => (fault.key === 'maxLength' ? { ...fault, key: 'seq' } : fault))
  return [...faults, ...named]
}

/** The sizes of the pair that a run trains. */
export const modelOf = (config: Preset & Pick<PretrainConfig, 'vocab' | 'seq'>): PairConfig => {
  const sizes = Object.keys(modelProps).map((name) => [name, config[name as keyof Preset]])
  return { ...(Object.fromEntries(sizes) as Preset), vocab: config.vocab, maxLength: config.seq }
}
