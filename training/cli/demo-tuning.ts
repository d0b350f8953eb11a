import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { badInput, type Fault } from '../fault'
import { decideFinetune, finetune, type FinetuneResult } from '../finetune'
import type { PretrainConfig } from '../pretrain/config'
import type { TunedFigures } from '../report/run-report'
import { writePartyTask } from './party-task'
import { progressBar } from './progress'

/** Ours: what suits a model of the demo's size. */
const settings = { lr: 3e-4, epochs: 3, batch: 16 } as const

export interface DemoTuning {
  readonly figures: TunedFigures
  /** Folder of the task's files, and of the tuned runs. */
  readonly folder: string
  readonly checkpoint: string
}

const note =
  'Which party the president of a passage is of, addresses since 1900; none of the addresses that are asked about was tuned to. ' +
  'Presidents gave several addresses, so style and subjects of one may be met on both sides.'

/**
 * The pretrained main model tuned to telling parties apart, and beside it the same model from weights drawn anew. undefined: stopped.
 * `addresses`: the files that are labelled by their names.
 */
export const tuneDemo =
  (
    { out, device, threads, matmul, seed }: PretrainConfig,
    addresses: readonly string[],
    shouldStop: () => boolean,
  ): TE.TaskEither<Fault, DemoTuning | undefined> =>
  async () => {
    const written = await writePartyTask(addresses, join(out, 'party'))()
    if (E.isLeft(written)) return written
    const { folder, task } = written.right
    const tuned = async (name: string, untrained: boolean): Promise<E.Either<Fault, FinetuneResult>> => {
      const given = { task: [task], data: folder, from: out, out: join(folder, name), untrained, device, threads, matmul, seed, ...settings } // prettier-ignore
      const config = decideFinetune({}, given)
      if (E.isLeft(config)) {
        const { key, expected, got } = config.left[0]!
        return E.left(badInput(`demo: ${key}`, folder, expected, got))
      }
      const progress = progressBar(true)
      const result = await finetune(config.right, false, {
        seed: (_, steps, from) => progress.start(steps, from),
        stepped: progress.step,
        opened: ({ train, dev }) => void (counts = [train[0]!.examples.length, dev[0]!.examples.length]),
        shouldStop,
      })()
      progress.stop()
      return result
    }
    let counts: readonly [number, number] = [0, 0]
    const pretrained = await tuned('pretrained', false)
    if (E.isLeft(pretrained)) return pretrained
    const untrained = pretrained.right.isDone ? await tuned('untrained', true) : pretrained
    if (E.isLeft(untrained)) return untrained
    const [before, after] = [untrained.right.seeds[0], pretrained.right.seeds[0]]
    if (!untrained.right.isDone || before === undefined || after === undefined) return E.right(undefined)
    const { majority, bagOfWords } = pretrained.right.baselines['party']!
    const rows = [
      ['the most frequent party', majority],
      ['a linear model of the words', bagOfWords],
      ['this model, untrained, tuned', before.best.metrics['party']!],
      ['this model, pretrained, tuned', after.best.metrics['party']!],
    ] as const
    return E.right({
      folder,
      checkpoint: after.checkpoint,
      figures: {
        title: 'Tuned to a task: parties',
        note,
        trainRows: counts[0],
        devRows: counts[1],
        rows: rows.map(([name, { accuracy, macroF1 }]) => ({ name, accuracy: accuracy!, macroF1: macroF1! })),
      },
    })
  }
