import { mkdir, mkdtemp, readFile, readdir, rename, rmdir, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { atomicWrite, describeError } from '../checkpoint/atomic-write'
import { fromJson } from '../data/tokenizer/file/from-json'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { badInput, ioError, type Fault } from '../fault'

/** What a run leaves in its folder, beside checkpoints (`step-*.safetensors`). */
export const runFiles = {
  tokenizer: 'tokenizer.json',
  config: 'config.json',
  log: 'log.jsonl',
  heldOut: 'held-out.jsonl',
  report: 'report.html',
} as const
/** Is there while a process trains in a folder, pretraining or tuning. */
export const runLock = 'running.lock'
/** Holds the checkpoint with the least held-out loss, where a run is evaluated on its way. */
export const bestFolder = 'best'
const isRunFile = (name: string): boolean =>
  name === bestFolder ||
  /^step-\d{8}\.safetensors$|^events\.out\.tfevents\./.test(name) ||
  Object.values(runFiles).some((file) => file === name)

/**
 * Whether a folder can be made and written, and has room for `bytes`, found without leaving anything behind.
 * left  a file in its place, no permission, a read-only or full disk: bad input, as nothing has been computed yet.
 */
export const checkOut =
  (out: string, bytes: number): TE.TaskEither<Fault, void> =>
  async () => {
    const wrong = (expected: string, got: string, help?: string) => E.left(badInput('--out', out, expected, got, help))
    let folder = resolve(out)
    try {
      while (!(await exists(folder))) folder = dirname(folder)
      if (!(await stat(folder)).isDirectory()) return wrong('a folder', `${folder}, which is a file`)
      await rmdir(await mkdtemp(join(folder, '.emend-')))
      const { bavail, bsize } = await statfs(folder)
      if (bavail * bsize < bytes)
        return wrong(
          `room for two checkpoints (${megabytes(bytes)})`,
          `${megabytes(bavail * bsize)} free`,
          'free some space, or give another --out',
        )
      return E.right(undefined)
    } catch (error) {
      return wrong('a folder that can be written', describeError(error))
    }
  }

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}

/** Pretrained on text: checkpoints lie at the top. Tuned to tasks: in a folder for each seed. */
export type RunKind = 'pretrained' | 'tuned'

/** left  the folder holds a run of another kind than may lie there: files of both would mix */
export const checkKind =
  (out: string, may: RunKind | 'none'): TE.TaskEither<Fault, void> =>
  async () => {
    const names = await readdir(out).catch((): readonly string[] => []) // what is not there holds nothing
    const isPretrained = names.some((name) => /^step-\d{8}\.safetensors$/.test(name) || name === runFiles.heldOut)
    const isTuned = names.includes(runFiles.config) && names.some((name) => /^seed-\d+$/.test(name))
    const held: RunKind | 'none' = isPretrained ? 'pretrained' : isTuned ? 'tuned' : 'none'
    return held === 'none' || held === may
      ? E.right(undefined)
      : E.left(badInput('--out', out, may === 'none' ? 'a folder without a run' : `a folder without a run that is not ${may}`, `a ${held} run`, 'give another --out')) // prettier-ignore
  }

/** The folder made ready for a new run. What an earlier run left there is kept, in `previous-N`: its path, or undefined. */
export const prepareOut =
  (out: string): TE.TaskEither<Fault, string | undefined> =>
  async () => {
    try {
      await mkdir(out, { recursive: true })
      const names = await readdir(out)
      const old = names.filter(isRunFile)
      if (old.length === 0) return E.right(undefined)
      let n = 1
      while (names.includes(`previous-${n}`)) n += 1
      const aside = join(out, `previous-${n}`)
      await mkdir(aside)
      for (const name of old) await rename(join(out, name), join(aside, name))
      return E.right(aside)
    } catch (error) {
      return E.left(ioError('--out', out, 'a folder that can be written', describeError(error)))
    }
  }

export const writeText = (folder: string, name: string, text: string): TE.TaskEither<Fault, void> =>
  atomicWrite(join(folder, name), [Buffer.from(text)])

/** The tokenizer of a run's folder. */
export const readTokenizer =
  (folder: string): TE.TaskEither<Fault, Tokenizer> =>
  async () => {
    const path = join(folder, runFiles.tokenizer)
    let value: unknown
    try {
      value = JSON.parse(await readFile(path, 'utf8')) as unknown
    } catch (error) {
      return E.left(badInput('tokenizer', path, 'a readable tokenizer.json', describeError(error)))
    }
    return fromJson(value, path)
  }

/** Whether a run was started here, finished or not. */
export const holdsRun = (folder: string): Promise<boolean> =>
  stat(join(folder, runFiles.config)).then(
    () => true,
    () => false,
  )

/** Records of a jsonl file of ours, as far as they are whole: a killed run may leave half a line at the end. */
export const readLines = async (folder: string, name: string): Promise<readonly unknown[]> => {
  const text = await readFile(join(folder, name), 'utf8').catch(() => '')
  const records: unknown[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    try {
      records.push(JSON.parse(line) as unknown)
    } catch {
      break
    }
  }
  return records
}
