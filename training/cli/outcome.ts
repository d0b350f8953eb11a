import type * as E from 'fp-ts/Either'
import { exitCodeOf, showFault, type Fault } from '../fault'

/** What a command comes to: the exit code of one that ended as it should, or all that is wrong. */
export type Outcome = E.Either<readonly Fault[], number>

/** 0 done; 2 bad input, nothing written; 3 I/O; 4 the run failed and the last checkpoint is kept; 130 stopped by the user. */
export const finish = (outcome: Outcome): number => {
  if (outcome._tag === 'Right') return outcome.right
  for (const fault of outcome.left) process.stderr.write(`emend: ${showFault(fault)}\n`)
  return outcome.left.reduce((code, fault) => Math.max(code, exitCodeOf(fault)), 1)
}

export const print = (line: string): void => void process.stdout.write(`${line}\n`)
export const printJson = (value: unknown): void => print(JSON.stringify(value))
/** For people, beside the output proper. */
export const note = (line: string): void => void process.stderr.write(`${line}\n`)
