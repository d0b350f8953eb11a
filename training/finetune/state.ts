import { appendFile, mkdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { HostArray } from '../../kernels'
import { describeError } from '../checkpoint/atomic-write'
import { sameConfig, writeCheckpoint, type Checkpoint } from '../checkpoint/checkpoint'
import { badInput, ioError, type Fault } from '../fault'
import type { RunState } from '../loop'
import { readLines, runFiles, writeText } from '../pretrain/folder'
import type { DevRecord } from './evaluate'
import { seedFiles, seedFolder } from './folder'
import { namedAvals } from './model'
import { firstValues } from './saved'
import type { TuneRecord } from './train'
import type { SeedResult, Tuning } from './tuning'

/** Where a run of a seed stands when it begins or goes on. */
export interface Begun {
  readonly state: RunState
  readonly best: { readonly dev: DevRecord; readonly checkpoint: string } | undefined
  /** Of training so far. */
  readonly seconds: number
}

/** The state before the first step to take, and what earlier parts of the run logged. */
export const begin =
  ({ opened, seed, folder, tuner }: Tuning, last: Checkpoint | undefined): TE.TaskEither<Fault, Begun> =>
  async () => {
    const at = last?.header.step ?? 0
    const upTo = async <T extends { readonly step: number }>(name: string): Promise<readonly T[]> =>
      last === undefined ? [] : ((await readLines(folder, name)) as readonly T[]).filter(({ step }) => step <= at)
    const [log, dev] = [await upTo<TuneRecord>(seedFiles.log), await upTo<DevRecord>(seedFiles.dev)]
    const lines = (records: readonly unknown[]): string => records.map((r) => `${JSON.stringify(r)}\n`).join('')
    for (const [name, text] of [
      [runFiles.tokenizer, JSON.stringify(opened.tokenizer.toJson())],
      [seedFiles.log, lines(log)],
      [seedFiles.dev, lines(dev)],
    ] as const) {
      const written = await writeText(folder, name, text)()
      if (E.isLeft(written)) return written
    }
    if (last === undefined) {
      const state = await tuner.start(firstValues(opened.model, seed, opened.beginning))()
      return E.isLeft(state) ? state : E.right({ state: state.right, best: undefined, seconds: 0 })
    }
    const { seconds, ...saved } = last.header.config
    const same = sameConfig(saved, identityOf(opened, seed), last.path)
    if (E.isLeft(same)) return same
    const state = await tuner.resume(at, last.arrays)()
    if (E.isLeft(state)) return state
    const best = dev.reduce<DevRecord | undefined>((b, d) => (b === undefined || isBetter(d, b) ? d : b), undefined)
    return E.right({
      state: state.right,
      best: best && { dev: best, checkpoint: join(folder, `step-${String(best.step).padStart(8, '0')}.safetensors`) },
      seconds: Number(seconds),
    })
  }

/** Whether a moment is to be kept in place of the best so far. A score that is not a number is worse than any. */
export const isBetter = (dev: DevRecord, best: DevRecord): boolean =>
  dev.score > best.score || (Number.isNaN(best.score) && !Number.isNaN(dev.score))

/** What a run that goes on must share with what it was. */
const identityOf = ({ identity }: Tuning['opened'], seed: number): Readonly<Record<string, unknown>> => ({
  ...identity,
  seed,
})

/**
 * What a seed came to that is done, if it is; its checkpoint where it lies now.
 * left  it was done with other settings or rows, or its checkpoint is gone
 */
export const resultOf =
  (opened: Tuning['opened'], seed: number): TE.TaskEither<Fault, SeedResult | undefined> =>
  async () => {
    const folder = seedFolder(opened.config.out, seed)
    const [known] = (await readLines(folder, seedFiles.result)) as readonly StoredResult[]
    if (known === undefined) return E.right(undefined)
    const { identity = {}, ...result } = known
    const same = sameConfig(identity, identityOf(opened, seed), join(folder, seedFiles.result))
    if (E.isLeft(same)) return same
    const checkpoint = join(folder, basename(result.checkpoint))
    const isThere = await stat(checkpoint).then(
      () => true,
      () => false,
    )
    return isThere
      ? E.right({ ...result, checkpoint })
      : E.left(badInput('--resume', checkpoint, 'the checkpoint of a seed that is done', 'none', `remove ${folder} to run it again`)) // prettier-ignore
  }

type StoredResult = SeedResult & { readonly identity?: Readonly<Record<string, unknown>> }

/** Keeps what a seed came to, with what it was made by. */
export const saveResult = (opened: Tuning['opened'], result: SeedResult): TE.TaskEither<Fault, void> => {
  const stored: StoredResult = { ...result, identity: identityOf(opened, result.seed) }
  return writeText(seedFolder(opened.config.out, result.seed), seedFiles.result, `${JSON.stringify(stored)}\n`)
}

/** The tuned model as it is, in place of the one before. */
export const saveBest =
  ({ opened, folder, tuner }: Tuning, state: RunState): TE.TaskEither<Fault, string> =>
  async () => {
    const arrays = await tuner.read(state)()
    if (E.isLeft(arrays)) return arrays
    const avals = namedAvals(opened.model)
    const params = new Map<string, HostArray>([...arrays.right].filter(([name]) => avals.has(name)))
    return writeCheckpoint(folder, headerOf(opened, state.step, { tuned: opened.settings }), params, avals, 1)()
  }

/** All that the run needs to go on. */
export const saveLast =
  ({ opened, seed, folder, tuner }: Tuning, state: RunState, seconds: number): TE.TaskEither<Fault, string> =>
  async () => {
    const made = await makeFolder(join(folder, seedFiles.last))()
    if (E.isLeft(made)) return made
    const arrays = await tuner.read(state)()
    if (E.isLeft(arrays)) return arrays
    const header = headerOf(opened, state.step, { ...identityOf(opened, seed), seconds })
    return writeCheckpoint(join(folder, seedFiles.last), header, arrays.right, tuner.avals, 1)()
  }

const headerOf = (
  { model, tokenizer, device }: Tuning['opened'],
  step: number,
  config: Readonly<Record<string, unknown>>,
) => ({
  step,
  config,
  model: model.config,
  tokenizer: tokenizer.fingerprint(),
  backend: device.backend.name,
})

export const makeFolder =
  (folder: string): TE.TaskEither<Fault, void> =>
  async () => {
    try {
      await mkdir(folder, { recursive: true })
      return E.right(undefined)
    } catch (error) {
      return E.left(ioError('--out', folder, 'a folder that can be written', describeError(error)))
    }
  }

export const append =
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
