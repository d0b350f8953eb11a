import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { sizeOf } from '../../core'
import { layoutOf, type Device } from '../../kernels'
import { parameterAvals, type PairConfig, type PairParams } from '../../models'
import { latestCheckpoint, requireTensors, sameConfig, type Checkpoint } from '../checkpoint/checkpoint'
import type { Masking } from '../data/mask'
import { wordEdges } from '../data/word-edges'
import { badInput, ofRun, type Fault } from '../fault'
import { openTrainer, type Trainer } from '../loop'
import type { LossFn, ObjectiveTraits } from '../objectives'
import { ObjectiveFault } from './checked-objective'
import { modelOf, usualMasks, type PretrainConfig } from './config'
import { isPaddedCorpus } from './built-corpus'
import { loadCorpus, type Corpus } from './corpus'
import { openNamed } from './device'
import { checkKind, checkOut, holdsRun, readTokenizer } from './folder'
import { givenAuxiliary, type GivenAuxiliary } from './given-auxiliary'
import { settle, type SettledConfig } from './fit-memory'
import { loadObjective } from './objective-file'
import { forecaster, type StepForecast } from './plan-run'
import { recipeOf } from './recipe'
import { batchAvals } from './shapes'
import { evaluatedBlocks } from './evaluate'
import { openSnapshots, type Snapshots } from './snapshot'

/** Everything a run needs, checked; nothing has been written. */
export interface OpenRun {
  readonly config: SettledConfig
  /** What a step takes, where it was cut to fit a memory. */
  readonly predicted: StepForecast | undefined
  readonly model: PairConfig
  /** Of its objective. */
  readonly traits: ObjectiveTraits
  /** First values that are not drawn but taken from another run, by path. */
  readonly given: GivenAuxiliary['values']
  readonly corpus: Corpus
  readonly masking: Masking
  readonly device: Device
  readonly trainer: Trainer
  readonly snapshots: Snapshots | undefined
  /** What is compared on resume: settings that shape the numbers, and the text itself. */
  readonly identity: Readonly<Record<string, unknown>>
  readonly checkpoint: Checkpoint | undefined
}

/** Check and compile everything that a run needs: what is wrong comes out here, before anything is written. */
export const openRun =
  (config: PretrainConfig, resume: boolean): TE.TaskEither<Fault, OpenRun> =>
  async () => {
    try {
      return await openChecked(config, resume)()
    } catch (error) {
      if (error instanceof ObjectiveFault) return E.left(error.fault)
      throw error
    }
  }

const openChecked =
  (given: PretrainConfig, resume: boolean): TE.TaskEither<Fault, OpenRun> =>
  async () => {
    const objective = await loadObjective(given.objective)()
    if (E.isLeft(objective)) return objective
    const wanted = { ...given, sharing: objective.right.sharing ?? given.sharing }
    const checkpoint = resume ? await resumable(wanted.out)() : E.right(undefined)
    if (E.isLeft(checkpoint)) return checkpoint
    const isStarted = resume && (await holdsRun(wanted.out))
    const tokenizer = isStarted ? await readTokenizer(wanted.out)() : E.right(undefined)
    if (E.isLeft(tokenizer)) return tokenizer
    const model = modelOf(wanted)
    const traits: ObjectiveTraits = objective.right
    const isResumed = checkpoint.right !== undefined
    const auxiliary = await givenAuxiliary({ ...wanted, model, traits, isResumed })()
    if (E.isLeft(auxiliary)) return auxiliary
    const padded = await isPaddedCorpus(wanted)()
    if (E.isLeft(padded)) return padded
    const device = await openNamed(wanted.device, wanted)()
    if (E.isLeft(device)) return device
    const { maxInputs, name } = device.right
    const options = { objective: objective.right, maxInputs, layout: layoutOf(name) }
    const settled = settle(wanted, forecaster(model, wanted.batch, { ...wanted, isPadded: padded.right }, options))
    if (E.isLeft(settled)) return settled
    const { config, predicted } = settled.right
    if (traits.contrastsRows === true && config.microBatch < 2)
      return E.left(
        badInput('--micro-batch', `--objective ${config.objective}`, 'at least 2 rows, which it contrasts', '1'),
      )
    const corpus = await loadCorpus(
      {
        files: config.corpus,
        weights: config.corpusWeights,
        tokenizer: config.tokenizer,
        packing: config.packing,
        vocab: config.vocab,
        seq: config.seq,
        batch: config.batch,
        heldOutShare: config.heldOut,
      },
      tokenizer.right ?? auxiliary.right.tokenizer,
    )()
    if (E.isLeft(corpus)) return corpus
    const masking = maskingOf(config, corpus.right)
    if (E.isLeft(masking)) return masking
    const identity = identityOf(config, corpus.right, traits)
    if (checkpoint.right !== undefined) {
      const { header, path } = checkpoint.right
      const same = sameConfig(header.config, identity, path)
      if (E.isLeft(same)) return same
    }
    const plainLoss = objective.right({ ...model, remat: config.remat })
    const { loss, optimizer, rate } = recipeOf(config, plainLoss, traits.frozen)
    const trainer = await openTrainer<PairParams>({
      device: device.right,
      loss,
      optimizer,
      schedule: rate,
      params: parameterAvals(model, traits.heads),
      batch: batchAvals(config.microBatch, config.seq, config.maskRate, padded.right),
      microBatches: config.batch / config.microBatch,
      seed: config.seed,
      tokensPerStep: config.batch * config.seq,
    })()
    if (E.isLeft(trainer)) return E.left(ofRun(trainer.left, 'compile the training step'))
    if (checkpoint.right !== undefined) {
      const fits = requireTensors(checkpoint.right, trainer.right.avals)
      if (E.isLeft(fits)) return fits
    }
    const room = await checkOut(config.out, 2 * checkpointBytes(trainer.right))()
    if (E.isLeft(room)) return room
    const kind = await checkKind(config.out, 'pretrained')()
    if (E.isLeft(kind)) return kind
    const quiet = objective.right({ ...model, dropout: 0, attentionDropout: 0 })
    const snapshots = await openHeldOut(config, model, quiet, traits, device.right, corpus.right)()
    if (E.isLeft(snapshots)) return snapshots
    return E.right({
      config,
      predicted,
      model,
      traits,
      given: auxiliary.right.values,
      corpus: corpus.right,
      masking: masking.right,
      device: device.right,
      trainer: trainer.right,
      snapshots: snapshots.right,
      identity,
      checkpoint: checkpoint.right,
    })
  }

/** Tokens of a corpus on disk whose frequencies evaluation counts: 64 MB of them. ours */
const mostSampled = 1 << 24

const openHeldOut =
  (
    config: SettledConfig,
    model: PairConfig,
    loss: LossFn<PairParams>,
    traits: ObjectiveTraits,
    device: Device,
    corpus: Corpus,
  ): TE.TaskEither<Fault, Snapshots | undefined> =>
  async () => {
    if (config.evalBatches === 0) return E.right(undefined)
    if (corpus.heldOut.count === 0) return E.left(noHeldOut(config))
    const sizes = { batch: Math.min(config.batch, corpus.heldOut.count), batches: config.evalBatches }
    const train = await corpus.train.sample(mostSampled)()
    if (E.isLeft(train)) return train
    const heldOut = await corpus.heldOut.fetch(evaluatedBlocks(corpus.heldOut, sizes))()
    if (E.isLeft(heldOut)) return heldOut
    const opened = await openSnapshots({
      device,
      config: model,
      loss,
      traits,
      corpus,
      train: train.right,
      heldOut: heldOut.right,
      microBatch: config.microBatch,
      ...sizes,
    })()
    return E.isLeft(opened) ? E.left(ofRun(opened.left, 'compile the evaluation')) : opened
  }

const noHeldOut = ({ corpus, evalBatches }: SettledConfig): Fault =>
  badInput(
    '--eval-batches',
    corpus.join(', '),
    'held-out text to evaluate',
    `none, and ${evalBatches} batches of it asked for`,
    'build the corpus with --held-out, or give --eval-batches 0',
  )

/** The newest checkpoint of a run to go on with; undefined if it was stopped before its first. */
const resumable =
  (out: string): TE.TaskEither<Fault, Checkpoint | undefined> =>
  async () => {
    const found = await latestCheckpoint(out)()
    if (E.isLeft(found) || found.right !== undefined || (await holdsRun(out))) return found
    return E.left(badInput('--resume', out, 'a folder of an earlier run', 'none', 'leave out --resume to start one'))
  }

/** How a run masks. left  whole words wanted, and a vocabulary that does not tell them */
const maskingOf = (
  { maskRate, maskKeep, maskRandom, wholeWord }: SettledConfig,
  { tokenizer }: Corpus,
): E.Either<Fault, Masking> => {
  const shares = { maskRate, maskKeep, maskRandom }
  if (!wholeWord) return E.right(shares)
  const words = wordEdges(tokenizer)
  return E.isLeft(words) ? words : E.right({ ...shares, words: words.right })
}

const identityOf = (
  config: SettledConfig,
  corpus: Corpus,
  { contrastsRows = false }: ObjectiveTraits,
): Readonly<Record<string, unknown>> => {
  const {
    out: _out,
    saveEvery: _saveEvery,
    device: _device,
    threads: _threads,
    matmul: _matmul,
    microBatch,
    auxFrom: _auxFrom,
    maskRate,
    maskKeep,
    maskRandom,
    wholeWord,
    remat: _remat,
    memory: _memory,
    evalBatches: _evalBatches,
    evalEvery: _evalEvery,
    keep: _keep,
    corpus: _files,
    tokenizer: _tokenizer,
    packing: _packing,
    ...rest
  } = config
  // Masks are told where they are not the recipe's: a checkpoint of before they could be chosen says nothing of them.
  const masks = Object.entries({ maskRate, maskKeep, maskRandom, wholeWord } as const).filter(
    ([name, value]) => value !== usualMasks[name as keyof typeof usualMasks],
  )
  return {
    ...rest,
    ...Object.fromEntries(masks),
    ...(contrastsRows ? { microBatch } : {}),
    // A run of before, when padding was taken for tokens, says nothing of it and does not go on as this one.
    ...(corpus.train.isPadded === true ? { padding: 'left out' } : {}),
    text: corpus.fingerprint,
    tokenizer: corpus.tokenizer.fingerprint(),
  }
}

const checkpointBytes = (trainer: Trainer): number =>
  [...trainer.avals.values()].reduce((bytes, aval) => bytes + 4 * sizeOf(aval.shape), 4096)
