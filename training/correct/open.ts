import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { leavesOf, type Aval } from '../../core'
import { parameterAvals, type PairConfig } from '../../models'
import { describeError } from '../checkpoint/atomic-write'
import { latestCheckpoint, readCheckpoint, requireTensors, type Checkpoint } from '../checkpoint/checkpoint'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { badInput, type Fault } from '../fault'
import { readTokenizer } from '../pretrain/folder'

/** A pretrained pair on the disk: its sizes, tokenizer and parameters (by name `params/*`). */
export interface SavedPair {
  readonly config: PairConfig
  readonly tokenizer: Tokenizer
  readonly checkpoint: Checkpoint
  readonly avals: ReadonlyMap<string, Aval>
}

/**
 * The pair of a checkpoint file, or of the newest checkpoint in a folder; the tokenizer lies beside it.
 * left  nothing there, a damaged or foreign file, tensors that do not fit, a tokenizer of another run.
 */
export const openPair =
  (from: string): TE.TaskEither<Fault, SavedPair> =>
  async () => {
    let isFolder: boolean
    try {
      isFolder = (await stat(from)).isDirectory()
    } catch (error) {
      return E.left(badInput('--from', from, 'a folder of a run, or a checkpoint', describeError(error)))
    }
    const found = await (isFolder ? latestCheckpoint(from) : readCheckpoint(from))()
    if (E.isLeft(found)) return found
    if (found.right === undefined)
      return E.left(badInput('--from', from, 'a checkpoint (step-*.safetensors)', 'a folder without one'))
    const checkpoint = found.right
    const tokenizer = await readTokenizer(isFolder ? from : dirname(from))()
    if (E.isLeft(tokenizer)) return tokenizer
    const [wanted, got] = [checkpoint.header.tokenizer, tokenizer.right.fingerprint()]
    if (wanted !== got)
      return E.left(
        badInput(
          'tokenizer',
          from,
          `the one of the checkpoint (${wanted.slice(0, 12)})`,
          `another (${got.slice(0, 12)})`,
        ),
      )
    const config = checkpoint.header.model
    const avals = new Map(leavesOf<Aval>(parameterAvals(config)).map(([path, a]) => [`params/${path}`, a] as const))
    const fits = requireTensors(checkpoint, avals)
    return E.isLeft(fits) ? fits : E.right({ config, tokenizer: tokenizer.right, checkpoint, avals })
  }
