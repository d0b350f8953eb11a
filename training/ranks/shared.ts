import * as E from 'fp-ts/Either'
import type { CollectiveName } from '../../core'
import type { DeviceFault, HostArray } from '../../kernels'
import type { Communicator } from './communicator'

/** Memory that the threads of a run share, made once and handed to all of them. */
export interface SharedRanks {
  readonly ranks: number
  readonly control: SharedArrayBuffer
  /** A window of `width` doubles for each rank. */
  readonly windows: SharedArrayBuffer
  readonly width: number
}

// Words of `control`; after them, two for each rank: what it asked for, of how many numbers.
const arrived = 0
const round = 1
const gone = 2 // the number of a rank that is gone, from 1; 0: none
const asked = 3

const codes: Readonly<Record<CollectiveName, number>> = { allReduce: 1, reduceScatter: 2, allGather: 3 }

/** `width`: numbers that a rank passes on at once; longer exchanges take several turns. */
export const sharedRanks = (ranks: number, width = 1 << 18): SharedRanks => ({
  ranks,
  control: new SharedArrayBuffer(4 * (asked + 2 * ranks)),
  windows: new SharedArrayBuffer(8 * ranks * width),
  width,
})

/** Tells all that a rank has ended before its time: whoever waits for it, or will, is told. */
export const tellGone = ({ control }: SharedRanks, rank: number): void => {
  const words = new Int32Array(control)
  Atomics.compareExchange(words, gone, 0, rank + 1)
  Atomics.notify(words, round)
}

/**
 * A rank among threads of one process: values pass through shared memory. Sums go from rank to rank in the arithmetic of the arrays, so they are the
 * same on all, and the same as those of `meeting`.
 */
export const sharedCommunicator = (memory: SharedRanks, rank: number): Communicator => {
  const { ranks, control, windows, width } = memory
  const words = new Int32Array(control)
  const fault = (what: string, expected: string, got: string): E.Either<DeviceFault, never> =>
    E.left({ _tag: 'DeviceFault', device: 'threads', what, expected, got })

  /** All ranks are here. left  one is gone */
  const meet = async (): Promise<E.Either<DeviceFault, void>> => {
    const now = Atomics.load(words, round)
    if (Atomics.add(words, arrived, 1) + 1 === ranks) {
      Atomics.store(words, arrived, 0)
      Atomics.add(words, round, 1)
      Atomics.notify(words, round)
    } else {
      // What waits for memory keeps no thread alive; a timer does.
      const awake = setInterval(() => undefined, 1000)
      while (Atomics.load(words, round) === now && Atomics.load(words, gone) === 0) {
        // A rank may be gone between the look and the wait: then nobody notifies again.
        const waiting = Atomics.waitAsync(words, round, now, 100)
        if (waiting.async) await waiting.value
      }
      clearInterval(awake)
    }
    const lost = Atomics.load(words, gone)
    return lost === 0 || Atomics.load(words, round) !== now
      ? E.right(undefined)
      : fault(`rank ${lost - 1}`, 'an exchange with all ranks', 'its end')
  }
  /** left  ranks that asked for different exchanges: the first that differs from rank 0 */
  const agree = (): E.Either<DeviceFault, void> => {
    const of = (r: number): readonly [number, number] => [
      Atomics.load(words, asked + 2 * r),
      Atomics.load(words, asked + 2 * r + 1),
    ]
    const show = ([code, length]: readonly [number, number]): string =>
      `${Object.keys(codes).find((name) => codes[name as CollectiveName] === code)!} of ${length} numbers`
    const [first, all] = [of(0), Array.from({ length: ranks }, (_, r) => of(r))]
    const other = all.findIndex((mine) => mine[0] !== first[0] || mine[1] !== first[1])
    return other < 0 ? E.right(undefined) : fault(`rank ${other}`, `${show(first)}, as of rank 0`, show(all[other]!))
  }

  const exchange: Communicator['exchange'] = (op, x) => async () => {
    const like = x.constructor as new (buffer: SharedArrayBuffer | number, at?: number, n?: number) => HostArray
    const windowOf = (r: number): HostArray => new like(windows, 8 * r * width, width)
    const own = windowOf(rank)
    Atomics.store(words, asked + 2 * rank, codes[op])
    Atomics.store(words, asked + 2 * rank + 1, x.length)
    const met = await meet()
    if (E.isLeft(met)) return met
    const same = agree()
    if (E.isLeft(same)) return same
    const parts = op === 'reduceScatter' ? ranks : 1
    const part = x.length / parts
    const out = new like(op === 'allGather' ? x.length * ranks : part)
    const turn = Math.max(1, Math.floor(width / parts))
    // One turn at least: nobody asks for the next exchange before all have seen what was asked for in this one.
    for (let at = 0; at === 0 || at < part; at += turn) {
      const n = Math.min(turn, part - at)
      // A part for each rank, next to each other; of one part, all read it.
      for (let p = 0; p < parts; p += 1) own.set(x.subarray(p * part + at, p * part + at + n), p * n)
      const written = await meet()
      if (E.isLeft(written)) return written
      const mine = parts === 1 ? 0 : rank * n
      for (let r = 0; r < ranks; r += 1) {
        const theirs = windowOf(r).subarray(mine, mine + n)
        if (op === 'allGather') out.set(theirs, r * x.length + at)
        else if (r === 0) out.set(theirs, at)
        else for (let i = 0; i < n; i += 1) out[at + i] = out[at + i]! + theirs[i]!
      }
      const read = await meet()
      if (E.isLeft(read)) return read
    }
    return E.right(out)
  }
  return { rank, ranks, exchange }
}
