import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../../checkpoint/atomic-write'
import { badInput, type Fault } from '../../fault'
import { corpusFiles } from './manifest'

export interface Lock {
  readonly release: () => Promise<void>
}

/**
 * The right to build in a folder, for one process at a time. A lock whose process is gone (a killed build) is taken over.
 * left  another process builds there, or the folder cannot be written
 */
export const lockFolder =
  (folder: string): TE.TaskEither<Fault, Lock> =>
  async () => {
    const path = join(folder, corpusFiles.lock)
    const own = `${path}.${process.pid}`
    try {
      await writeFile(own, `${process.pid}\n`)
      for (let attempt = 0; attempt < 3; attempt += 1) {
        // A link appears whole and only where there is none: of two builds, one gets it.
        if (await succeeds(link(own, path), 'EEXIST')) return E.right({ release: () => unlink(path).catch(() => undefined) }) // prettier-ignore
        const holder = Number((await readFile(path, 'utf8').catch(() => '')).trim())
        if (holder > 0 && holder !== process.pid && isAlive(holder)) return E.left(held(folder, holder, path))
        const aside = `${own}.stale`
        if (!(await succeeds(rename(path, aside), 'ENOENT'))) continue
        // Somebody may have taken over between reading and renaming: then it is put back.
        const moved = Number((await readFile(aside, 'utf8')).trim())
        if (moved !== holder) await succeeds(link(aside, path), 'EEXIST')
        await unlink(aside)
      }
      return E.left(held(folder, 0, path))
    } catch (error) {
      return E.left(badInput('--out', folder, 'a folder that can be written', describeError(error)))
    } finally {
      await unlink(own).catch(() => undefined)
    }
  }

const held = (folder: string, holder: number, path: string): Fault =>
  badInput(
    '--out',
    folder,
    'a folder in which no other build is at work',
    holder === 0 ? 'one in which others begin' : `one that process ${holder} builds in`,
    `wait for it, give another --out, or remove ${path} if that process is no build`,
  )

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' // there, but somebody else's
  }
}

/** Whether it was done; false where it failed as foreseen. */
const succeeds = async (work: Promise<void>, code: string): Promise<boolean> => {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === code) return false
    throw error
  }
}
