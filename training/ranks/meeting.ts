import * as E from 'fp-ts/Either'
import { exchanged, type CollectiveName } from '../../core'
import type { DeviceFault, HostArray } from '../../kernels'
import type { Communicator } from './communicator'

interface Asked {
  readonly op: CollectiveName
  readonly x: HostArray
  readonly answer: (result: E.Either<DeviceFault, HostArray>) => void
}

/** Ranks in one thread that take turns where they wait: for laws, and to see what an optimizer does on many. By rank. */
export const meeting = (ranks: number): readonly Communicator[] => {
  let round = new Map<number, Asked>()
  const settle = (): void => {
    const asked = Array.from({ length: ranks }, (_, r) => round.get(r)!)
    round = new Map()
    const [first] = asked as [Asked]
    const other = asked.findIndex(({ op, x }) => op !== first.op || x.length !== first.x.length)
    if (other >= 0) {
      const fault = E.left(parted(first, other, asked[other]!))
      return asked.forEach(({ answer }) => answer(fault))
    }
    const results = exchanged(first.op, asked.map(({ x }) => x)) // prettier-ignore
    asked.forEach(({ answer }, r) => answer(E.right(results[r]!)))
  }
  return Array.from({ length: ranks }, (_, rank) => ({
    rank,
    ranks,
    exchange: (op, x) => () =>
      new Promise((answer) => {
        round.set(rank, { op, x, answer })
        if (round.size === ranks) settle()
      }),
  }))
}

const show = ({ op, x }: Pick<Asked, 'op' | 'x'>): string => `${op} of ${x.length} numbers`

const parted = (first: Asked, rank: number, other: Asked): DeviceFault => ({
  _tag: 'DeviceFault',
  device: 'meeting',
  what: `rank ${rank}`,
  expected: `${show(first)}, as of rank 0`,
  got: show(other),
})
