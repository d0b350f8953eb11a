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

const writeAll = async (fd: number, part: Uint8Array): Promise<void> => {
  for (let at = 0; at < part.byteLength;) {
    const rest = part.subarray(at, at + (1 << 30))
    at += await new Promise<number>((resolve, reject) => {
      writev(fd, [rest], (error, written) => (error === null ? resolve(written) : reject(error)))
    })
  }
}

/**
 * A file that appears whole or not at all: written beside its place, flushed to the disk, renamed, and the folder flushed. On
 * failure (no space, no permission) the half-written file is removed and what was there before stays.
 */
export const atomicWrite = (path: string, parts: readonly Uint8Array[]): TE.TaskEither<Fault, void> =>
  replacing(path, async (fd) => {
    for (const part of parts) await writeAll(fd, part)
    return E.right(undefined)
  })

/** As `atomicWrite`, of parts that are still being made; a Left among them is the answer, and nothing has been written. */
export const atomicWriteStream = (
  path: string,
  parts: AsyncIterable<E.Either<Fault, Uint8Array>>,
): TE.TaskEither<Fault, void> =>
  replacing(path, async (fd) => {
    for await (const part of parts) {
      if (E.isLeft(part)) return part
      await writeAll(fd, part.right)
    }
    return E.right(undefined)
  })

const replacing =
  (path: string, write: (fd: number) => Promise<E.Either<Fault, void>>): TE.TaskEither<Fault, void> =>
  async () => {
    const temporary = `${path}.${process.pid}.tmp`
    let fd: number | undefined
    try {
      fd = await fs.open(temporary, 'w')
      const written = await write(fd)
      if (E.isRight(written)) await fs.fsync(fd)
      await fs.close(fd)
      fd = undefined
      if (E.isLeft(written)) {
        await fs.unlink(temporary)
        return written
      }
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
