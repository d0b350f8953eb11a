import type { WasmMemory } from './wasm-api'

/**
 * What runs in every thread. Its text becomes the worker's source (`makeRunner.toString()`), so it may use nothing from outside
 * itself. A program is a list of phases; a phase is a list of tasks that do not depend on each other, claimed one by one; a
 * task is a list of operations. Where tasks are cut does not depend on the number of threads, so results do not either.
 *
 * Tables of words: first task of each phase (one more than phases), first operation of each task, then six words an operation:
 * function, args, four numbers. Addresses reach 4 GiB: they are shifted as unsigned numbers.
 */
export interface ProgramPlace {
  /** Byte address of the phase table; the task and operation tables follow. */
  readonly phases: number
  readonly phaseAt: number
  readonly taskAt: number
  readonly opAt: number
  /** Two words for each phase: tasks claimed, tasks done. */
  readonly counters: number
  /** One word: not 0 once a thread has failed. */
  readonly abort: number
}

/** What a thread calls for an operation. */
export type Operation = (args: number, a: number, b: number, c: number, d: number) => void

/** Runs the tasks of a program together with the other threads. Returns false if another thread failed. */
export type RunProgram = (
  memory: WasmMemory,
  place: ProgramPlace,
  functions: readonly Operation[],
  scratch: number,
  times: Float64Array | null,
) => boolean

/** Makes the runner of a thread: self-contained, see above. */
export const makeRunner = (): RunProgram => {
  const spins = 2000
  const waitMs = 100
  return (memory, place, functions, scratch, times) => {
    const words = new Int32Array(memory.buffer)
    const { phases } = place
    const phaseAt = place.phaseAt >>> 2
    const taskAt = place.taskAt >>> 2
    const opAt = place.opAt >>> 2
    const counters = place.counters >>> 2
    const abort = place.abort >>> 2
    const tags = scratch >>> 2
    for (let p = 0; p < phases; p++) {
      const first = words[phaseAt + p]!
      const total = words[phaseAt + p + 1]! - first
      const claimed = counters + 2 * p
      const finished = claimed + 1
      let done = 0
      let tag = -1
      for (;;) {
        const mine = Atomics.add(words, claimed, 1)
        if (mine >= total) break
        const task = taskAt + first + mine
        const end = words[task + 1]!
        for (let op = words[task]!; op < end; op++) {
          const at = opAt + 6 * op
          const args = words[at + 1]!
          if (words[at + 5] === -1 && args !== tag) {
            // Packed blocks belong to one step.
            tag = args
            for (let i = 0; i < 16; i++) words[tags + i] = 0
          }
          const fn = words[at]!
          const begun = times === null ? 0 : performance.now()
          functions[fn]!(
            args,
            words[at + 2]!,
            words[at + 3]!,
            words[at + 4]!,
            words[at + 5]! === -1 ? scratch : words[at + 5]!,
          )
          if (times !== null) times[op] = times[op]! + performance.now() - begun
        }
        done += 1
      }
      if (done > 0 && Atomics.add(words, finished, done) + done === total) Atomics.notify(words, finished)
      for (let turns = 0; ; turns++) {
        const seen = Atomics.load(words, finished)
        if (seen === total) break
        if (Atomics.load(words, abort) !== 0) return false
        if (turns > spins) Atomics.wait(words, finished, seen, waitMs)
      }
    }
    return true
  }
}
