import { permuted } from '../data/draw'

/** How batches of several tasks are mixed in an epoch. */
export type Mixing =
  /** Every row of every task once (MT-DNN, arXiv:1901.11504, §3). */
  | { readonly kind: 'proportional' }
  /** As many steps in all; a task's share is the square root of its rows'. */
  | { readonly kind: 'square-root' }
  /** All of the first task, and of each other at most so many times its batches. */
  | { readonly kind: 'ratio'; readonly ratio: number }

/** A step's batch: which task, and which of its rows. */
export interface StepRows {
  readonly task: number
  /** Fewer than a batch at the end of a task's pass. */
  readonly rows: readonly number[]
  /** Of the task: how often it went through its rows before. */
  readonly pass: number
}

export interface MixConfig {
  /** Rows of each task. */
  readonly sizes: readonly number[]
  readonly batch: number
  readonly mixing: Mixing
  readonly seed: number
}

/** Order of training: a pure function of its settings and the step. */
export interface Order {
  readonly stepsPerEpoch: number
  /** Batches of each task in an epoch. */
  readonly batches: readonly number[]
  readonly at: (step: number) => StepRows
}

/**
 * Batches hold rows of one task each. An epoch's batches are those that `mixing` gives every task, shuffled; a task that has fewer than its
 * rows fill goes on in the next epoch where it stopped, one that has more begins a pass anew. Every pass has a shuffle of its own.
 */
export const orderOf = ({ sizes, batch, mixing, seed }: MixConfig): Order => {
  const whole = sizes.map((n) => Math.ceil(n / batch))
  const batches = batchesOf(whole, sizes, mixing)
  const stepsPerEpoch = batches.reduce((a, b) => a + b)
  return {
    stepsPerEpoch,
    batches,
    at: (step) => {
      const epoch = Math.floor(step / stepsPerEpoch)
      let place =
        sizes.length === 1 ? step % stepsPerEpoch : permuted(seed, epoch, stepsPerEpoch, step % stepsPerEpoch, 'mix')
      let task = 0
      for (; place >= batches[task]!; task += 1) place -= batches[task]!
      const own = epoch * batches[task]! + place
      const [size, all] = [sizes[task]!, whole[task]!]
      const pass = Math.floor(own / all)
      const from = (own % all) * batch
      const rows = Array.from({ length: Math.min(batch, size - from) }, (_, i) =>
        permuted(seed + task, pass, size, from + i),
      )
      return { task, rows, pass }
    },
  }
}

const batchesOf = (whole: readonly number[], sizes: readonly number[], mixing: Mixing): readonly number[] => {
  if (mixing.kind === 'proportional') return whole
  if (mixing.kind === 'ratio')
    return whole.map((n, i) => (i === 0 ? n : Math.min(n, Math.max(1, Math.round(mixing.ratio * whole[0]!)))))
  const roots = sizes.map(Math.sqrt)
  const [total, sum] = [whole.reduce((a, b) => a + b), roots.reduce((a, b) => a + b)]
  return roots.map((r) => Math.max(1, Math.round((total * r) / sum)))
}
