import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Fault } from '../fault'
import { withLock } from '../lock'
import { runLock, writeText } from '../pretrain/folder'
import { bagOfWordsAnswers, majorityAnswers, type Baselines } from './baselines'
import type { FinetuneConfig } from './config'
import { finetuneFiles } from './folder'
import { beginFolder, checkFolder, writeConfig } from './begin-folder'
import { openTasks, type Opened } from './open'
import { bestSeedOf, summarizeSeeds, type Spread } from './summary'
import { tuneSeed } from './tune-seed'
import type { SeedResult, TuneListener } from './tuning'

/** What fine-tuning came to. */
export interface FinetuneResult {
  readonly isDone: boolean
  readonly bestSeed: number | undefined
  readonly seeds: readonly SeedResult[]
  /** Figures of the best moments over seeds, by task. */
  readonly summary: { readonly [task: string]: { readonly [metric: string]: Spread } }
  readonly baselines: { readonly [task: string]: Baselines }
}

/** Tune under each seed in turn. Batches, draws and dropout depend on (config, seed, step) alone: a resumed run repeats what it would have done. */
export const finetune =
  (config: FinetuneConfig, resume: boolean, listener: TuneListener = {}): TE.TaskEither<Fault, FinetuneResult> =>
  async () => {
    const opened = await openTasks(config)()
    if (E.isLeft(opened)) return opened
    try {
      const fits = await checkFolder(opened.right, resume)()
      if (E.isLeft(fits)) return fits
      return await withLock(config.out, runLock, tuneSeeds(opened.right, resume, listener))()
    } finally {
      await opened.right.device.close()
    }
  }

const tuneSeeds =
  (opened: Opened, resume: boolean, listener: TuneListener): TE.TaskEither<Fault, FinetuneResult> =>
  async () => {
    const { config } = opened
    const begun = await beginFolder(config, resume, listener.notice)()
    if (E.isLeft(begun)) return begun
    const baselines = baselinesOf(opened)
    listener.opened?.(opened, baselines)
    const results: SeedResult[] = []
    let isDone = true
    for (let seed = config.seed; seed < config.seed + config.seeds && isDone; seed += 1) {
      const result = await tuneSeed(opened, seed, resume, listener)()
      if (E.isLeft(result)) return result
      if (result.right === undefined) isDone = false
      else results.push(result.right)
    }
    const found: FinetuneResult = {
      isDone,
      bestSeed: results.length === 0 ? undefined : bestSeedOf(results),
      seeds: results,
      summary: results.length === 0 ? {} : summarizeSeeds(results),
      baselines,
    }
    if (results.length === 0) return E.right(found)
    // A resumed run may have other seeds; until here nothing told that it is this run's folder.
    const told = resume ? await writeConfig(config)() : E.right(undefined)
    if (E.isLeft(told)) return told
    const written = await writeText(config.out, finetuneFiles.result, `${JSON.stringify(found, null, 2)}\n`)()
    return E.isLeft(written) ? written : E.right(found)
  }

const baselinesOf = ({ model, train, dev }: Opened): FinetuneResult['baselines'] =>
  Object.fromEntries(
    model.tasks.map(({ task }, i) => {
      const [own, asked] = [train[i]!.encoded, dev[i]!.encoded]
      const { vocab } = model.config
      return [
        task.name,
        {
          majority: task.score(dev[i]!.examples, majorityAnswers(task.head, own, asked)),
          bagOfWords: task.score(dev[i]!.examples, bagOfWordsAnswers(task.head, vocab, own, asked)),
        },
      ]
    }),
  )
