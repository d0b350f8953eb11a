import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from './checkpoint/atomic-write'
import { badInput, type Fault } from './fault'

interface Lock {
  readonly release: () => Promise<void>
}

/**
 * The right to write in a folder, which is made if need be, for one process at a time: a file `name` while it lasts. A lock whose process is gone
 * (it was killed) is taken over.
 * left  another process is at work there, or the folder cannot be written
 */
const lockFolder =
  (folder: string, name: string): TE.TaskEither<Fault, Lock> =>
  async () => {
    const path = join(folder, name)
    const own = `${path}.${process.pid}`
    try {
      await mkdir(folder, { recursive: true })
      await writeFile(own, `${process.pid}\n`)
      for (let attempt = 0; attempt < 3; attempt += 1) {
        // A link appears whole and only where there is none: of two processes, one gets it.
        if (await succeeds(link(own, path), 'EEXIST')) return E.right({ release: () => unlink(path).catch(() => undefined) }) // prettier-ignore
        const holder = Number((await readFile(path, 'utf8').catch(() => '')).trim())
        if (holder > 0 && holder !== process.pid && (await isAlive(holder))) return E.left(held(folder, holder, path))
        const aside = `${own}.stale`
        if (!(await succeeds(rename(path, aside), 'ENOENT'))) continue
        // Another may have taken over between reading and renaming: then it is put back.
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

/** `work` done under the lock. */
export const withLock =
  <A>(folder: string, name: string, work: TE.TaskEither<Fault, A>): TE.TaskEither<Fault, A> =>
  async () => {
    const lock = await lockFolder(folder, name)()
    if (E.isLeft(lock)) return lock
    try {
      return await work()
    } finally {
      await lock.right.release()
    }
  }

const held = (folder: string, holder: number, path: string): Fault =>
  badInput(
    '--out',
    folder,
    'a folder in which no other process is at work',
    holder === 0 ? 'one in which others begin' : `one of process ${holder}`,
    `wait for it, give another --out, or remove ${path} if that process is another`,
  )

/** A zombie is not: it was killed, and the process that started it has not asked for its end. */
const isAlive = async (pid: number): Promise<boolean> => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' // there, but another user's
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') // Linux alone: `pid (name) state ...`
  return !/^Z/.test(stat.slice(stat.lastIndexOf(')') + 2))
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
