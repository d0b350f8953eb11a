import { readFile } from 'node:fs/promises'
import { text as readStream } from 'node:stream/consumers'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../checkpoint/atomic-write'
import { badInput, type Fault } from '../fault'
import type { Flags } from './options'

/** The texts that a command works on: its argument, a file's lines, or those of standard input. Blank lines are none. */
export const textsOf =
  (command: string, text: string | undefined, file: unknown): TE.TaskEither<Fault, readonly string[]> =>
  async () => {
    if (text !== undefined) return linesOf(command, 'the text', text)
    if (typeof file !== 'string') return linesOf(command, 'standard input', await readStream(process.stdin))
    try {
      return linesOf(command, file, new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)))
    } catch (error) {
      return E.left(badInput('--file', file, 'a readable text file', describeError(error)))
    }
  }

const linesOf = (command: string, where: string, text: string): E.Either<Fault, readonly string[]> => {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  return lines.length > 0 ? E.right(lines) : E.left(badInput(command, where, 'some text', 'none'))
}

export const textFaults = (command: string, text: string | undefined, { file }: Flags): readonly Fault[] =>
  text !== undefined && file !== undefined ? [badInput(command, '', 'a text or --file', 'both')] : []
