import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../../checkpoint/atomic-write'
import { cocoLmText } from '../../data/coco-lm-text'
import { badInput, type Fault } from '../../fault'
import { checkOut } from '../../pretrain/folder'

export const corpusHelp = 'plain text, or .jsonl with a "text" field; each also .gz or .br'

/** What may be done to a text before it is encoded, by name. */
const preparations: Readonly<Record<string, (text: string) => string>> = {
  none: (text) => text,
  'coco-lm': cocoLmText,
}

export const prepareOption = (command: Command): Command =>
  command.option(
    '--prepare <name>',
    `${Object.keys(preparations).join(' | ')}: what is done to a text first; no tokenizer.json remembers it (default none)`,
  )

export const preparation = (name: unknown): E.Either<Fault, (text: string) => string> => {
  const found =
    typeof name === 'string' && Object.hasOwn(preparations, name)
      ? preparations[name]
      : name === undefined
        ? preparations['none']
        : undefined
  return found === undefined
    ? E.left(badInput('--prepare', '', Object.keys(preparations).join(' | '), JSON.stringify(name)))
    : E.right(found)
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
