import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { sizeOf } from '../../core'
import type { Device } from '../../kernels'
import { initParameters, parameterAvals, type PairConfig, type PairParams } from '../../models'
import { describeError } from '../checkpoint/atomic-write'
import {
  latestCheckpoint,
  requireTensors,
  sameConfig,
  writeCheckpoint,
  type Checkpoint,
} from '../checkpoint/checkpoint'
import { batchAt } from '../data/batch'
import { fingerprint } from '../data/pack'
import { badInput, ioError, ofRun, runError, type Fault } from '../fault'
import { openTrainer, type RunState, type StepRecord, type Trainer } from '../loop'
import type { LossFn } from '../objectives'
import { adamW, linearWarmupDecay } from '../optim'
import { modelOf, type PretrainConfig } from './config'
import { loadCorpus, type Corpus } from './corpus'
import { openNamed } from './device'
import { checkOut, holdsRun, prepareOut, readLines, readTokenizer, runFiles, writeText } from './folder'
import { loadObjective } from './objective-file'
import { batchAvals } from './shapes'
import { openSnapshots, type Snapshot, type Snapshots } from './snapshot'

/** Everything a run needs, checked; nothing has been written. */
export interface OpenRun {
  readonly config: PretrainConfig
  readonly model: PairConfig
  readonly corpus: Corpus
  readonly device: Device
  readonly trainer: Trainer
  readonly snapshots: Snapshots | undefined
  /** What is compared on resume: settings that shape the numbers, and the text itself. */
  readonly identity: Readonly<Record<string, unknown>>
  readonly checkpoint: Checkpoint | undefined
}

/** What happens in a run, for those who watch it. */
export interface RunListener {
  readonly opened?: (run: OpenRun, from: number) => void
  readonly notice?: (text: string) => void
  readonly evaluated?: (snapshot: Snapshot, run: OpenRun) => void
  readonly stepped?: (record: StepRecord) => void
  readonly saved?: (path: string, step: number) => void
  /** Asked after every step; true ends the run with a checkpoint. */
  readonly shouldStop?: () => boolean
}

export interface RunResult {
  readonly run: OpenRun
  readonly step: number
  readonly isDone: boolean
  readonly checkpoint: string
  readonly records: readonly StepRecord[]
  readonly snapshots: readonly Snapshot[]
}

/** Pretrain as a config says. Every step depends on (config, step) alone, so a resumed run repeats what it would have done. */
export const pretrain =
  (config: PretrainConfig, resume: boolean, listener: RunListener = {}): TE.TaskEither<Fault, RunResult> =>
  async () => {
    const opened = await openRun(config, resume)()
    if (E.isLeft(opened)) return opened
    const run = opened.right
    try {
      const began = await begin(run, resume, listener)()
      return E.isLeft(began) ? began : await steps(run, began.right, listener)()
    } finally {
      run.trainer.dispose()
      run.snapshots?.dispose()
      await run.device.close()
    }
  }

const openRun =
  (config: PretrainConfig, resume: boolean): TE.TaskEither<Fault, OpenRun> =>
  async () => {
    const objective = await loadObjective(config.objective)()
    if (E.isLeft(objective)) return objective
    const checkpoint = resume ? await resumable(config.out)() : E.right(undefined)
    if (E.isLeft(checkpoint)) return checkpoint
    const isStarted = resume && (await holdsRun(config.out))
    const tokenizer = isStarted ? await readTokenizer(config.out)() : E.right(undefined)
    if (E.isLeft(tokenizer)) return tokenizer
    const device = await openNamed(config.device)()
    if (E.isLeft(device)) return device
    const corpus = await loadCorpus(
      {
        files: config.corpus,
        vocab: config.vocab,
        seq: config.seq,
        batch: config.batch,
        heldOutShare: config.heldOut,
      },
      tokenizer.right,
    )()
    if (E.isLeft(corpus)) return corpus
    const identity = identityOf(config, corpus.right)
    if (checkpoint.right !== undefined) {
      const { header, path } = checkpoint.right
      const same = sameConfig(header.config, identity, path)
      if (E.isLeft(same)) return same
    }
    const model = modelOf(config)
    const loss = objective.right(model)
    const rate = linearWarmupDecay(config.lr, config.warmup, config.steps)
    const optimizer = adamW({
      b1: 0.9,
      b2: 0.98,
      eps: 1e-6, // recipe 3.1
      weightDecay: config.weightDecay,
      clipNorm: config.clip,
      rate,
    })
    const trainer = await openTrainer<PairParams>({
      device: device.right,
      loss,
      optimizer,
      schedule: rate,
      params: parameterAvals(model),
      batch: batchAvals(config.batch, config.seq),
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
    const plain = objective.right({ ...model, dropout: 0, attentionDropout: 0 })
    const snapshots = await openHeldOut(config, model, plain, device.right, corpus.right)()
    if (E.isLeft(snapshots)) return snapshots
    return E.right({
      config,
      model,
      corpus: corpus.right,
      device: device.right,
      trainer: trainer.right,
      snapshots: snapshots.right,
      identity,
      checkpoint: checkpoint.right,
    })
  }

const openHeldOut =
  (
    config: PretrainConfig,
    model: PairConfig,
    loss: LossFn<PairParams>,
    device: Device,
    corpus: Corpus,
  ): TE.TaskEither<Fault, Snapshots | undefined> =>
  async () => {
    if (config.evalBatches === 0) return E.right(undefined)
    const opened = await openSnapshots({
      device,
      config: model,
      loss,
      corpus,
      batch: Math.min(config.batch, corpus.heldOut.count),
      batches: config.evalBatches,
    })()
    return E.isLeft(opened) ? E.left(ofRun(opened.left, 'compile the evaluation')) : opened
  }

/** The newest checkpoint of a run to go on with; undefined if it was stopped before its first. */
const resumable =
  (out: string): TE.TaskEither<Fault, Checkpoint | undefined> =>
  async () => {
    const found = await latestCheckpoint(out)()
    if (E.isLeft(found) || found.right !== undefined || (await holdsRun(out))) return found
    return E.left(badInput('--resume', out, 'a folder of an earlier run', 'none', 'leave out --resume to start one'))
  }

const identityOf = (config: PretrainConfig, corpus: Corpus): Readonly<Record<string, unknown>> => {
  const {
    out: _out,
    saveEvery: _saveEvery,
    device: _device,
    evalBatches: _evalBatches,
    corpus: _files,
    ...rest
  } = config
  return { ...rest, text: fingerprint(corpus.train), tokenizer: corpus.tokenizer.fingerprint() }
}

const checkpointBytes = (trainer: Trainer): number =>
  [...trainer.avals.values()].reduce((bytes, aval) => bytes + 4 * sizeOf(aval.shape), 4096)

interface Began {
  readonly state: RunState
  readonly records: readonly StepRecord[]
  readonly snapshots: readonly Snapshot[]
}

/** The state before the first step to take, its folder ready, and what earlier parts of the run logged. */
const begin =
  (run: OpenRun, resume: boolean, listener: RunListener): TE.TaskEither<Fault, Began> =>
  async () => {
    const { config, checkpoint, trainer } = run
    const at = checkpoint?.header.step ?? 0
    const upTo = <T extends { readonly step: number }>(lines: readonly unknown[]): readonly T[] =>
      (lines as readonly T[]).filter((line) => line.step <= at)
    const records = resume ? upTo<StepRecord>(await readLines(config.out, runFiles.log)) : []
    const earlier = resume ? upTo<Snapshot>(await readLines(config.out, runFiles.heldOut)) : []
    if (!resume) {
      const aside = await prepareOut(config.out)()
      if (E.isLeft(aside)) return aside
      if (aside.right !== undefined) listener.notice?.(`an earlier run was in ${config.out}: moved to ${aside.right}`)
    } else listener.notice?.(`resuming ${config.out} at step ${at}${at === 0 ? ', before its first checkpoint' : ''}`)
    for (const [name, text] of [
      [runFiles.tokenizer, JSON.stringify(run.corpus.tokenizer.toJson())],
      [runFiles.config, JSON.stringify(config, null, 2)],
      [runFiles.log, records.map((r) => `${JSON.stringify(r)}\n`).join('')],
      [runFiles.heldOut, earlier.map((s) => `${JSON.stringify(s)}\n`).join('')],
    ] as const) {
      const written = await writeText(config.out, name, text)()
      if (E.isLeft(written)) return written
    }
    const state =
      checkpoint === undefined
        ? await trainer.start(
            new Map([...initParameters(run.model, config.seed)].map(([path, data]) => [`params/${path}`, data])),
          )()
        : await trainer.resume(at, checkpoint.arrays)()
    if (E.isLeft(state)) return E.left(ofRun(state.left, `step ${at}`))
    listener.opened?.(run, at)
    if (earlier.length > 0) return E.right({ state: state.right, records, snapshots: earlier })
    const first = await snapshotAt(run, state.right, listener)()
    return E.isLeft(first) ? first : E.right({ state: state.right, records, snapshots: first.right })
  }

/** Held-out figures of the state as it is, logged; none where the run has no evaluation. */
const snapshotAt =
  (run: OpenRun, state: RunState, listener: RunListener): TE.TaskEither<Fault, readonly Snapshot[]> =>
  async () => {
    if (run.snapshots === undefined) return E.right([])
    const taken = await run.snapshots.take(state)()
    if (E.isLeft(taken)) return E.left(ofRun(taken.left, `held-out text after step ${state.step}`))
    listener.evaluated?.(taken.right, run)
    const logged = await appendLine(run.config.out, runFiles.heldOut, taken.right)()
    return E.isLeft(logged) ? logged : E.right([taken.right])
  }

const steps =
  (run: OpenRun, began: Began, listener: RunListener): TE.TaskEither<Fault, RunResult> =>
  async () => {
    const { config, corpus, trainer } = run
    const records = [...began.records]
    let state = began.state
    let saved = run.checkpoint?.path
    let isStopped = false
    const keeping = (fault: Fault): E.Either<Fault, never> =>
      E.left({
        ...fault,
        help: [fault.help, `the last checkpoint is ${saved ?? 'none yet'}`]
          .filter((line) => line !== undefined)
          .join('; '),
      })
    while (state.step < config.steps && !isStopped) {
      const batch = batchAt(corpus.train, { batch: config.batch, seed: config.seed, step: state.step })
      const taken = await trainer.step(state, batch)()
      if (E.isLeft(taken)) return keeping(ofRun(taken.left, `step ${state.step + 1}`))
      const { record } = taken.right
      state = taken.right.state
      if (!Number.isFinite(record.loss) || !Number.isFinite(record.gradNorm)) return keeping(notFinite(record))
      records.push(record)
      listener.stepped?.(record)
      const logged = await appendLine(config.out, runFiles.log, record)()
      if (E.isLeft(logged)) return keeping(logged.left)
      isStopped = listener.shouldStop?.() ?? false
      if (state.step % config.saveEvery === 0 || state.step === config.steps || isStopped) {
        const path = await save(run, state)()
        if (E.isLeft(path)) return keeping(path.left)
        saved = path.right
        listener.saved?.(path.right, state.step)
      }
    }
    const isDone = state.step >= config.steps
    const isNew = isDone && began.snapshots.at(-1)?.step !== state.step
    const last = isNew ? await snapshotAt(run, state, listener)() : E.right([])
    if (E.isLeft(last)) return last
    return E.right({
      run,
      step: state.step,
      isDone,
      checkpoint: saved ?? '',
      records,
      snapshots: [...began.snapshots, ...last.right],
    })
  }

const notFinite = ({ step, loss, gradNorm }: StepRecord): Fault =>
  runError(
    'training step',
    `step ${step}`,
    'a finite loss and gradient norm',
    `loss ${loss}, gradient norm ${gradNorm}`,
    'a lower --lr or a longer --warmup may help',
  )

const save =
  (run: OpenRun, state: RunState): TE.TaskEither<Fault, string> =>
  async () => {
    const { config, trainer, corpus, device, identity } = run
    const arrays = await trainer.read(state)()
    if (E.isLeft(arrays)) return E.left(ofRun(arrays.left, `checkpoint of step ${state.step}`))
    const header = {
      step: state.step,
      config: identity,
      model: run.model,
      tokenizer: corpus.tokenizer.fingerprint(),
      backend: device.backend.name,
    }
    return writeCheckpoint(config.out, header, arrays.right, trainer.avals)()
  }

const appendLine =
  (folder: string, name: string, value: unknown): TE.TaskEither<Fault, void> =>
  async () => {
    const path = join(folder, name)
    try {
      await appendFile(path, `${JSON.stringify(value)}\n`)
      return E.right(undefined)
    } catch (error) {
      return E.left(ioError('write', path, 'a writable disk with room', describeError(error)))
    }
  }
