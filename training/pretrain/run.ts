import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { HostArray } from '../../kernels'
import { initParameters } from '../../models'
import { describeError } from '../checkpoint/atomic-write'
import { writeCheckpoint } from '../checkpoint/checkpoint'
import { microBatchesAt, tokensOfStep } from '../data/batch'
import { prefetched } from '../data/prefetch'
import { ioError, ofRun, runError, type Fault } from '../fault'
import { withLock } from '../lock'
import type { RunState, StepRecord, StepSubmitted } from '../loop'
import type { PretrainConfig } from './config'
import { gigabytes, type SettledConfig } from './fit-memory'
import { bestFolder, prepareOut, readLines, runFiles, runLock, writeText } from './folder'
import { openRun, type OpenRun } from './open-run'
import type { StepForecast } from './plan-run'
import type { Snapshot } from './snapshot'

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
      return await withLock(config.out, runLock, async () => {
        const began = await begin(run, resume, listener)()
        return E.isLeft(began) ? began : steps(run, began.right, listener)()
      })()
    } finally {
      run.trainer.dispose()
      run.snapshots?.dispose()
      await run.device.close()
    }
  }

interface Began {
  readonly state: RunState
  readonly records: readonly StepRecord[]
  readonly snapshots: readonly Snapshot[]
}

/** The state before the first step to take, its folder ready, and what earlier parts of the run logged. */
const begin =
  (run: OpenRun, resume: boolean, listener: RunListener): TE.TaskEither<Fault, Began> =>
  async () => {
    const { config, checkpoint, predicted, trainer } = run
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
    if (predicted !== undefined) listener.notice?.(describeFit(config, predicted))
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
        ? await trainer.start(firstParameters(run))()
        : await trainer.resume(at, checkpoint.arrays, checkpoint.header.tokens)()
    if (E.isLeft(state)) return E.left(ofRun(state.left, `step ${at}`))
    listener.opened?.(run, at)
    // A run that was cut off between a checkpoint and its evaluation makes that up.
    const isKnown = earlier.some((s) => s.step === at) || (at > 0 && !isEvaluated(config, at))
    if (isKnown) return E.right({ state: state.right, records, snapshots: earlier })
    const first = await snapshotAt(run, state.right, earlier, listener)()
    return E.isLeft(first) ? first : E.right({ state: state.right, records, snapshots: [...earlier, ...first.right] })
  }

/** First values by name: drawn from the seed, but for those of an auxiliary that has learned before. */
const firstParameters = ({ model, config, traits, given }: OpenRun): ReadonlyMap<string, HostArray> => {
  const drawn = initParameters(model, config.seed, traits.heads)
  return new Map([...drawn].map(([path, data]) => [`params/${path}`, given.get(path) ?? data]))
}

/** `--memory 16: 4 of 8 rows at once, layers recomputed; a step takes 15.20 GB at most, as predicted`. */
const describeFit = ({ memory, batch, microBatch, remat }: SettledConfig, { peakBytes }: StepForecast): string =>
  `--memory ${memory}: ${microBatch} of ${batch} rows at once, ${remat === 'none' ? 'nothing' : remat} recomputed; ` +
  `a step takes ${gigabytes(peakBytes)} at most, as predicted`

/** Whether held-out text is evaluated in the midst of a run, after a step. */
const isEvaluated = ({ evalEvery, steps }: SettledConfig, step: number): boolean =>
  evalEvery > 0 && step % evalEvery === 0 && step < steps

/**
 * Held-out figures of the state as it is, logged; none where the run has no evaluation. The best of a run that has some on its way is kept
 * whole in a folder of its own. `earlier`: what was seen before.
 */
const snapshotAt =
  (
    run: OpenRun,
    state: RunState,
    earlier: readonly Snapshot[],
    listener: RunListener,
  ): TE.TaskEither<Fault, readonly Snapshot[]> =>
  async () => {
    if (run.snapshots === undefined) return E.right([])
    const taken = await run.snapshots.take(state)()
    if (E.isLeft(taken)) return E.left(ofRun(taken.left, `held-out text after step ${state.step}`))
    listener.evaluated?.(taken.right, run)
    const logged = await appendLine(run.config.out, runFiles.heldOut, taken.right)()
    if (E.isLeft(logged)) return logged
    const isBest = earlier.every((s) => !(heldOutLoss(s) <= heldOutLoss(taken.right)))
    if (run.config.evalEvery > 0 && state.step > 0 && isBest) {
      const kept = await saveBest(run, state)()
      if (E.isLeft(kept)) return kept
    }
    return E.right([taken.right])
  }

const heldOutLoss = ({ evaluation }: Snapshot): number => evaluation.metrics['loss'] ?? NaN

/** The state in `best/`, with the tokenizer beside it: a run's folder to whoever reads one. */
const saveBest =
  (run: OpenRun, state: RunState): TE.TaskEither<Fault, string> =>
  async () => {
    const folder = join(run.config.out, bestFolder)
    try {
      await mkdir(folder, { recursive: true })
    } catch (error) {
      return E.left(ioError('write', folder, 'a folder that can be written', describeError(error)))
    }
    const tokenizer = await writeText(folder, runFiles.tokenizer, JSON.stringify(run.corpus.tokenizer.toJson()))()
    return E.isLeft(tokenizer) ? tokenizer : save(run, state, folder, 1)()
  }

const steps =
  (run: OpenRun, began: Began, listener: RunListener): TE.TaskEither<Fault, RunResult> =>
  async () => {
    const { config, corpus, trainer } = run
    const records = [...began.records]
    const snapshots = [...began.snapshots]
    let state = began.state
    /** Steps that were submitted and whose logs have not come. */
    const waiting: StepSubmitted[] = []
    let saved = run.checkpoint?.path
    let isStopped = false
    let losslessSteps = 0 // in a row
    const keeping = (fault: Fault): E.Either<Fault, never> =>
      E.left({
        ...fault,
        help: [fault.help, `the last checkpoint is ${saved ?? 'none yet'}`]
          .filter((line) => line !== undefined)
          .join('; '),
      })
    /** Waits for logs until so many are left to come. */
    const settle = async (left: number): Promise<E.Either<Fault, void>> => {
      while (waiting.length > left) {
        const seen = await settleOldest(waiting.shift()!)
        if (E.isLeft(seen)) return seen
      }
      return E.right(undefined)
    }
    /** Logs a step, and looks whether the run may go on after it. */
    const settleOldest = async (oldest: StepSubmitted): Promise<E.Either<Fault, void>> => {
      const taken = await oldest.settled()
      if (E.isLeft(taken)) return keeping(ofRun(taken.left, `step ${oldest.state.step}`))
      const { record } = taken.right
      losslessSteps = Number.isFinite(record.loss) ? 0 : losslessSteps + 1
      if (taken.right.isExhausted) return keeping(exhausted(record, config))
      if (losslessSteps > (record.skipped ? mostLossless : 0)) return keeping(notFinite(record))
      if (!record.skipped && !Number.isFinite(record.gradNorm)) return keeping(notFinite(record))
      records.push(record)
      listener.stepped?.(record)
      const logged = await appendLine(config.out, runFiles.log, record)()
      return E.isLeft(logged) ? keeping(logged.left) : E.right(undefined)
    }
    const { batch, seed } = config
    const blocks = prefetched(corpus.train, { batch, seed, steps: config.steps })
    while (state.step < config.steps && !isStopped) {
      const wanted = { ...run.masking, batch, seed, step: state.step }
      const rows = await blocks.at(state.step)()
      if (E.isLeft(rows)) return keeping(rows.left)
      const micro = microBatchesAt(rows.right, wanted, config.microBatch)
      const submitted = await trainer.submit(state, micro, tokensOfStep(rows.right, wanted))()
      if (E.isLeft(submitted)) return keeping(ofRun(submitted.left, `step ${state.step + 1}`))
      state = submitted.right.state
      waiting.push(submitted.right)
      const isDue = state.step % config.saveEvery === 0 || state.step === config.steps
      // A device that is given the next step while it computes this one never stands idle.
      const early = await settle(run.device.isDeferred === true && !isDue ? 1 : 0)
      if (E.isLeft(early)) return early
      isStopped = listener.shouldStop?.() ?? false
      if (isDue || isStopped) {
        const all = await settle(0) // nothing is saved unseen
        if (E.isLeft(all)) return all
        const path = await save(run, state, config.out, config.keep)()
        if (E.isLeft(path)) return keeping(path.left)
        saved = path.right
        listener.saved?.(path.right, state.step)
      }
      if (isEvaluated(config, state.step)) {
        const all = await settle(0)
        if (E.isLeft(all)) return all
        const seen = await snapshotAt(run, state, snapshots, listener)()
        if (E.isLeft(seen)) return keeping(seen.left)
        snapshots.push(...seen.right)
      }
    }
    const isDone = state.step >= config.steps
    const isNew = isDone && snapshots.at(-1)?.step !== state.step
    const last = isNew ? await snapshotAt(run, state, snapshots, listener)() : E.right([])
    if (E.isLeft(last)) return last
    return E.right({
      run,
      step: state.step,
      isDone,
      checkpoint: saved ?? '',
      records,
      snapshots: [...snapshots, ...last.right],
    })
  }

/** Skipped steps in a row whose loss itself was not finite, up to which a run goes on: no loss scale can help it. ours */
const mostLossless = 10

const exhausted = ({ step, lossScale }: StepRecord, config: PretrainConfig): Fault =>
  runError(
    'training step',
    `step ${step}`,
    `finite gradients at a loss scale above the least of ${config.lossScale}`,
    `an overflow at ${lossScale}`,
    'a lower --lr, or --precision bf16, may help',
  )

const notFinite = ({ step, loss, gradNorm }: StepRecord): Fault =>
  runError(
    'training step',
    `step ${step}`,
    'a finite loss and gradient norm',
    `loss ${loss}, gradient norm ${gradNorm}`,
    'a lower --lr or a longer --warmup may help',
  )

const save =
  (run: OpenRun, state: RunState, folder: string, kept: number): TE.TaskEither<Fault, string> =>
  async () => {
    const { trainer, corpus, device, identity } = run
    const arrays = await trainer.read(state)()
    if (E.isLeft(arrays)) return E.left(ofRun(arrays.left, `checkpoint of step ${state.step}`))
    const header = {
      step: state.step,
      ...(corpus.train.isPadded === true ? { tokens: state.tokens } : {}),
      config: identity,
      model: run.model,
      tokenizer: corpus.tokenizer.fingerprint(),
      backend: device.backend.name,
    }
    return writeCheckpoint(folder, header, arrays.right, trainer.avals, kept)()
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
