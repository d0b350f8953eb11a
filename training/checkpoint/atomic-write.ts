import { close, fsync, open, rename, unlink, writev } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { ioError, type Fault } from '../fault'

const fs = {
  open: promisify(open),
  close: promisify(close),
  fsync: promisify(fsync),
  rename: promisify(rename),
  unlink: promisify(unlink),
}

const writeAll = async (fd: number, parts: readonly Uint8Array[]): Promise<void> => {
  for (const part of parts) {
    let at = 0
    while (at < part.byteLength) {
      const rest = part.subarray(at, at + (1 << 30))
      at += await new Promise<number>((resolve, reject) => {
        writev(fd, [rest], (error, written) => (error === null ? resolve(written) : reject(error)))
      })
    }
  }
}

/**
 * A file that appears whole or not at all: written beside its place, flushed to the disk, renamed, and the folder flushed. On
 * failure (no space, no permission) the half-written file is removed and what was there before stays.
 */
export const atomicWrite =
  (path: string, parts: readonly Uint8Array[]): TE.TaskEither<Fault, void> =>
  async () => {
    const temporary = `${path}.${process.pid}.tmp`
    let fd: number | undefined
    try {
      fd = await fs.open(temporary, 'w')
      await writeAll(fd, parts)
      await fs.fsync(fd)
      await fs.close(fd)
      fd = undefined
      await fs.rename(temporary, path)
      const folder = await fs.open(dirname(path), 'r')
      await fs.fsync(folder)
      await fs.close(folder)
      return E.right(undefined)
    } catch (error) {
      if (fd !== undefined) await fs.close(fd).catch(() => undefined)
      await fs.unlink(temporary).catch(() => undefined)
      return E.left(ioError('write', path, 'a writable disk with room', describeError(error)))
    }
  }

/** `ENOSPC: no space left on device`, without the call that Node adds. */
export const describeError = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.message.split(', ')[0]!
}
