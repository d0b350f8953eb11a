import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { atomicWrite } from '../checkpoint/atomic-write'
import { openPair } from '../correct/open'
import { ofRun, type Fault } from '../fault'
import { openNamed } from '../pretrain/device'
import type { PretrainConfig } from '../pretrain/config'
import { holdsRun, readLines, runFiles } from '../pretrain/folder'
import { pretrain, type RunListener } from '../pretrain/run'
import type { Snapshot } from '../pretrain/snapshot'
import { probe, readExamples, type Example } from '../probe'
import { uploadAll } from '../runner'
import { join } from 'node:path'
import { ablationSvg } from './chart'
import type { AblationPlan, ProbeTask } from './plan'
import { summarize, tableOf, type RunFigures, type VariantSummary } from './summary'

export interface Ablation {
  readonly summary: readonly VariantSummary[]
  /** What was written. */
  readonly files: readonly string[]
  readonly isDone: boolean
}

export interface AblationListener extends RunListener {
  /** A run begins, or is taken as it was found. */
  readonly run?: (variant: string, seed: number, state: 'begins' | 'goes on' | 'is there') => void
  readonly finished?: (variant: string, seed: number, figures: RunFigures) => void
}

/**
 * Every variant under every seed, one run after another; runs that are there are taken as they are, and one that was cut off goes on. Seeds
 * are the outer loop: whatever time there was, variants can be compared.
 */
export const ablate =
  (plan: AblationPlan, listener: AblationListener = {}): TE.TaskEither<Fault, Ablation> =>
  async () => {
    const task = plan.probe === undefined ? E.right(undefined) : await readTask(plan.probe)()
    if (E.isLeft(task)) return task
    const figures = new Map(plan.variants.map(({ name }) => [name, new Map<number, RunFigures>()]))
    for (const seed of plan.seeds)
      for (const { name, configs } of plan.variants) {
        const config = configs.get(seed)!
        const last = await lastSnapshot(config)
        if (last === undefined) {
          const resume = await holdsRun(config.out)
          listener.run?.(name, seed, resume ? 'goes on' : 'begins')
          const ran = await pretrain(config, resume, listener)()
          if (E.isLeft(ran)) return ran
          if (!ran.right.isDone) return finish(plan, figures, false)
        } else listener.run?.(name, seed, 'is there')
        const found = await figuresOfRun(config, task.right)()
        if (E.isLeft(found)) return found
        figures.get(name)!.set(seed, found.right)
        listener.finished?.(name, seed, found.right)
      }
    return finish(plan, figures, true)
  }

/** The held-out figures of a run that has ended. */
const lastSnapshot = async (config: PretrainConfig): Promise<Snapshot | undefined> => {
  if (!(await holdsRun(config.out))) return undefined
  const lines = (await readLines(config.out, runFiles.heldOut)) as readonly Snapshot[]
  const last = lines.at(-1)
  return last?.step === config.steps ? last : undefined
}

type Task = { readonly train: readonly Example[]; readonly dev: readonly Example[] } | undefined

const readTask =
  ({ train, dev, text, label, rows }: ProbeTask): TE.TaskEither<Fault, Task> =>
  async () => {
    const own = await readExamples(train, text, label, rows)()
    if (E.isLeft(own)) return own
    const other = await readExamples(dev, text, label)()
    return E.isLeft(other) ? other : E.right({ train: own.right, dev: other.right })
  }

/** Held-out terms, detection on the fixed corruption, and the accuracy of a linear probe, as far as a run has them. */
const figuresOfRun =
  (config: PretrainConfig, task: Task): TE.TaskEither<Fault, RunFigures> =>
  async () => {
    const { evaluation } = (await lastSnapshot(config))!
    const { loss: _, ...terms } = evaluation.metrics
    const heldOut = {
      ...terms,
      ...(evaluation.detection === undefined ? {} : { detection: evaluation.detection }),
    }
    if (task === undefined) return E.right(heldOut)
    const pair = await openPair(config.out)()
    if (E.isLeft(pair)) return pair
    const device = await openNamed(config.device, config)()
    if (E.isLeft(device)) return device
    try {
      const { checkpoint, avals, tokenizer, config: model } = pair.right
      const entries = [...avals].map(([name, aval]) => [name, checkpoint.arrays.get(name)!, aval] as const)
      const params = await uploadAll(device.right, entries)()
      if (E.isLeft(params)) return E.left(ofRun(params.left, 'parameters'))
      const spec = { device: device.right, config: model, tokenizer, batch: config.batch }
      const tried = await probe(spec, params.right, task.train, task.dev)()
      if (E.isLeft(tried)) return E.left(ofRun(tried.left, 'probe'))
      return E.right({ ...heldOut, probe: tried.right.accuracy, 'probe, majority': tried.right.majority })
    } finally {
      await device.right.close()
    }
  }

const finish = async (
  { out, seeds, tokens }: AblationPlan,
  runs: ReadonlyMap<string, ReadonlyMap<number, RunFigures>>,
  isDone: boolean,
): Promise<E.Either<Fault, Ablation>> => {
  const begun = new Map([...runs].filter(([, bySeed]) => bySeed.size > 0))
  const summary = begun.size === 0 ? [] : summarize(begun)
  const title = `${(tokens / 1e6).toPrecision(3)} M tokens a run, seeds ${seeds.join(', ')}: mean and one standard deviation`
  const files: string[] = []
  if (summary.length > 0)
    for (const [name, text] of [
      ['ablation.json', `${JSON.stringify({ tokens, seeds, isDone, summary }, null, 2)}\n`],
      ['ablation.md', `${title}\n\n${tableOf(summary)}\n`],
      ['ablation.svg', ablationSvg(summary, title)],
    ] as const) {
      const written = await atomicWrite(join(out, name), [Buffer.from(text)])()
      if (E.isLeft(written)) return written
      files.push(join(out, name))
    }
  return E.right({ summary, files, isDone })
}
