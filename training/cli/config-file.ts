import { readFile } from 'node:fs/promises'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { CodecFault } from '../../core'
import { describeError } from '../checkpoint/atomic-write'
import { badInput, type Fault } from '../fault'

/** Option values of commander, less those that are not settings. */
export type Flags = Readonly<Record<string, unknown>>

export const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What --config names: JSON; {} where there is none. */
export const configFile =
  (path: unknown): TE.TaskEither<Fault, unknown> =>
  async () => {
    if (typeof path !== 'string') return E.right({})
    try {
      return E.right(JSON.parse(await readFile(path, 'utf8')) as unknown)
    } catch (error) {
      return E.left(badInput('--config', path, 'a JSON file', describeError(error)))
    }
  }

/** What is wrong with settings, each told with where it came from: the config file, unless it was given as an option. */
export const configFaults = (flags: Flags, faults: readonly CodecFault[]): readonly Fault[] => {
  const path = flags['config']
  return faults.map(({ key, expected, got }) =>
    badInput(
      key === '' ? 'config' : `config: ${key}`,
      typeof path !== 'string' || key.split('.')[0]! in flags ? '' : path,
      expected,
      got,
    ),
  )
}
