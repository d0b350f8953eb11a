import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { latestCheckpoint } from '../checkpoint/checkpoint'
import type { Fault } from '../fault'
import { openAnswerer } from './answers'
import { evaluateTasks } from './evaluate'
import { seedFiles, seedFolder } from './folder'
import type { Opened } from './open'
import { append, begin, isBetter, makeFolder, resultOf, saveBest, saveLast, saveResult } from './state'
import { openTuner } from './train'
import type { SeedResult, TuneListener, Tuning } from './tuning'

/** Steps after which dev rows are answered: so many in an epoch, evenly, and the last. */
export const evaluatedSteps = (stepsPerEpoch: number, steps: number, perEpoch: number): ReadonlySet<number> => {
  const at = new Set([steps])
  for (let k = 1; (k * stepsPerEpoch) / perEpoch <= steps; k += 1)
    at.add(Math.max(1, Math.round((k * stepsPerEpoch) / perEpoch)))
  return at
}

/** Tune under one seed; undefined if it was stopped. A run that is there is taken as it is, one that was cut off goes on. */
export const tuneSeed =
  (
    opened: Opened,
    seed: number,
    resume: boolean,
    listener: TuneListener = {},
  ): TE.TaskEither<Fault, SeedResult | undefined> =>
  async () => {
    const { config, device, model, seq } = opened
    const folder = seedFolder(config.out, seed)
    const known = resume ? await resultOf(opened, seed)() : E.right(undefined)
    if (E.isLeft(known) || known.right !== undefined) return known
    const tuner = await openTuner({ device, model, config, seq, train: opened.train.map((t) => t.encoded), seed })()
    if (E.isLeft(tuner)) return tuner
    const answerer = openAnswerer({ device, model, rows: config.batch, seq })
    try {
      return await tuneWith({ opened, seed, folder, tuner: tuner.right, answerer, listener }, resume)()
    } finally {
      tuner.right.dispose()
      answerer.dispose()
    }
  }

const tuneWith =
  (tuning: Tuning, resume: boolean): TE.TaskEither<Fault, SeedResult | undefined> =>
  async () => {
    const { opened, seed, folder, tuner, answerer, listener } = tuning
    const { config } = opened
    const made = await makeFolder(folder)()
    if (E.isLeft(made)) return made
    const last = resume ? await latestCheckpoint(join(folder, seedFiles.last))() : E.right(undefined)
    if (E.isLeft(last)) return last
    const begun = await begin(tuning, last.right)()
    if (E.isLeft(begun)) return begun
    let { state, best } = begun.right
    let seconds = begun.right.seconds
    listener.seed?.(seed, tuner.steps, state.step)
    const due = evaluatedSteps(tuner.order.stepsPerEpoch, tuner.steps, config.evalsPerEpoch)
    let isStopped = false
    while (state.step < tuner.steps && !isStopped) {
      const at = performance.now()
      const taken = await tuner.step(state)()
      if (E.isLeft(taken)) return taken
      state = taken.right.state
      seconds += (performance.now() - at) / 1000
      listener.stepped?.(taken.right.record, seed)
      const logged = await append(folder, seedFiles.log, taken.right.record)()
      if (E.isLeft(logged)) return logged
      isStopped = listener.shouldStop?.() ?? false
      if (due.has(state.step)) {
        const dev = await evaluateTasks(opened, answerer, state, tuner.order.stepsPerEpoch)()
        if (E.isLeft(dev)) return dev
        listener.evaluated?.(dev.right, seed)
        const noted = await append(folder, seedFiles.dev, dev.right)()
        if (E.isLeft(noted)) return noted
        if (best === undefined || isBetter(dev.right, best.dev)) {
          const saved = await saveBest(tuning, state)()
          if (E.isLeft(saved)) return saved
          best = { dev: dev.right, checkpoint: saved.right }
        }
      }
      if ((due.has(state.step) && state.step < tuner.steps) || isStopped) {
        const kept = await saveLast(tuning, state, seconds)()
        if (E.isLeft(kept)) return kept
      }
    }
    if (state.step < tuner.steps) return E.right(undefined)
    const result: SeedResult = { seed, steps: tuner.steps, best: best!.dev, checkpoint: best!.checkpoint, seconds }
    const written = await saveResult(opened, result)()
    if (E.isLeft(written)) return written
    await rm(join(folder, seedFiles.last), { recursive: true, force: true })
    listener.finished?.(result)
    return E.right(result)
  }
