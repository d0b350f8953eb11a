import * as TE from 'fp-ts/TaskEither'
import type { CollectiveName } from '../../core'
import type { DeviceFault, HostArray } from '../../kernels'

/**
 * Ranks that compute the same program on data of their own, as one of them sees it. Every rank asks for the same exchanges in the same order.
 */
export interface Communicator {
  /** From 0. */
  readonly rank: number
  readonly ranks: number
  /**
   * What a collective gives this rank for its own x; sums go from rank to rank, x0 + x1 first.
   * left  another rank is gone, or asked for something else
   */
  readonly exchange: (op: CollectiveName, x: HostArray) => TE.TaskEither<DeviceFault, HostArray>
}

/** One rank by itself: exchanges give back what they are given. */
export const solo: Communicator = {
  rank: 0,
  ranks: 1,
  exchange: (_, x) => TE.right(x),
}
