import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../../checkpoint/atomic-write'
import { preparationNames, preparations } from '../../data/preparation'
import { badInput, type Fault } from '../../fault'
import { checkOut } from '../../pretrain/folder'

export const corpusHelp = 'plain text, or .jsonl with a "text" field; each also .gz or .br'

export const prepareOption = (command: Command): Command =>
  command.option(
    '--prepare <name>',
    `${preparationNames.join(' | ')}: what is done to a text first; no tokenizer.json remembers it (default none)`,
  )

export const preparation = (name: unknown = 'none'): E.Either<Fault, (text: string) => string> => {
  const found = preparationNames.find((known) => known === name)
  return found === undefined
    ? E.left(badInput('--prepare', '', preparationNames.join(' | '), JSON.stringify(name)))
    : E.right(preparations[found])
}

/**
 * Whether a file can be written here, before anything is computed.
 * left  a file that is there already, unless it may be replaced; a folder that is not there or cannot be written
 */
export const checkFile =
  (path: string, mayReplace: boolean): TE.TaskEither<Fault, void> =>
  async () => {
    try {
      const there = await stat(path)
      if (there.isDirectory()) return E.left(badInput('--out', path, 'a file', 'a folder'))
      if (!mayReplace)
        return E.left(badInput('--out', path, 'a name that is free', 'a file that is there', 'give --force to replace it')) // prettier-ignore
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
        return E.left(badInput('--out', path, 'a file that can be written', describeError(error)))
    }
    try {
      await stat(dirname(path))
    } catch (error) {
      return E.left(badInput('--out', path, 'a folder that is there', describeError(error)))
    }
    return checkOut(dirname(path), 0)()
  }
