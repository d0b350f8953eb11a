import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../checkpoint/atomic-write'
import { latestCheckpoint, readCheckpoint, type Checkpoint } from '../checkpoint/checkpoint'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { badInput, type Fault } from '../fault'
import { readTokenizer } from './folder'

/** A checkpoint on the disk and the tokenizer it was trained with. */
export interface SavedRun {
  readonly checkpoint: Checkpoint
  readonly tokenizer: Tokenizer
}

/**
 * A checkpoint file, or the newest checkpoint in a folder; the tokenizer lies beside it. `flag` is what it was given by.
 * left  nothing there, a damaged or foreign file, a tokenizer of another run
 */
export const openSaved =
  (from: string, flag: string): TE.TaskEither<Fault, SavedRun> =>
  async () => {
    let isFolder: boolean
    try {
      isFolder = (await stat(from)).isDirectory()
    } catch (error) {
      return E.left(badInput(flag, from, 'a folder of a run, or a checkpoint', describeError(error)))
    }
    const found = await (isFolder ? latestCheckpoint(from) : readCheckpoint(from))()
    if (E.isLeft(found)) return found
    if (found.right === undefined)
      return E.left(badInput(flag, from, 'a checkpoint (step-*.safetensors)', 'a folder without one'))
    const checkpoint = found.right
    const tokenizer = await readTokenizer(isFolder ? from : dirname(from))()
    if (E.isLeft(tokenizer)) return tokenizer
    const [wanted, got] = [checkpoint.header.tokenizer, tokenizer.right.fingerprint()]
    return wanted === got
      ? E.right({ checkpoint, tokenizer: tokenizer.right })
      : E.left(
          badInput(
            'tokenizer',
            from,
            `the one of the checkpoint (${wanted.slice(0, 12)})`,
            `another (${got.slice(0, 12)})`,
          ),
        )
  }
