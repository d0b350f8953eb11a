import type * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Fault } from '../fault'
import type { Blocks, BlockSource } from './blocks'
import { blocksOfStep } from './order'

export interface StepBlocks {
  /** The blocks of a step at hand, and those of the steps after it on their way. */
  readonly at: (step: number) => TE.TaskEither<Fault, Blocks>
}

/**
 * Blocks step by step, read while the steps before are computed: `ahead` steps are held or on their way, so memory is
 * (ahead + 1)·B·T tokens. Asked for out of order it reads what it lacks: what is got depends on the step alone.
 */
export const prefetched = (
  source: BlockSource,
  {
    batch,
    seed,
    steps,
    ahead = 2,
  }: { readonly batch: number; readonly seed: number; readonly steps: number; readonly ahead?: number },
): StepBlocks => {
  const coming = new Map<number, Promise<E.Either<Fault, Blocks>>>()
  return {
    at: (step) => async () => {
      for (const old of coming.keys()) if (old < step || old > step + ahead) coming.delete(old)
      for (let next = step; next <= step + ahead && (next < steps || next === step); next += 1)
        if (!coming.has(next)) coming.set(next, source.fetch(blocksOfStep(source, { batch, seed, step: next }))())
      return coming.get(step)!
    },
  }
}
