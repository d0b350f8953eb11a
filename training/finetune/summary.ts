import type { Scores } from '../tasks'
import type { SeedResult } from './tuning'

/** A figure over runs of several seeds. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export const medianOf = (xs: readonly number[]): number => {
  const sorted = [...xs].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

export const spreadOf = (xs: readonly number[]): Spread => ({
  median: medianOf(xs),
  least: Math.min(...xs),
  most: Math.max(...xs),
})

/** Figures of the best moments by task and name. */
export const summarizeSeeds = (
  results: readonly SeedResult[],
): { readonly [task: string]: { readonly [metric: string]: Spread } } =>
  Object.fromEntries(
    Object.entries(results[0]!.best.metrics).map(([task, scores]) => [
      task,
      Object.fromEntries(
        Object.keys(scores).map((name) => [name, spreadOf(results.map((r) => r.best.metrics[task]![name]!))]),
      ),
    ]),
  )

/** The seed of the best run: the first of those with the greatest score. */
export const bestSeedOf = (results: readonly SeedResult[]): number =>
  results.reduce((best, r) => (r.best.score > best.best.score || Number.isNaN(best.best.score) ? r : best)).seed

/** `accuracy 0.8123, f1 0.8543` */
export const showScores = (scores: Scores): string =>
  Object.entries(scores)
    .map(([name, x]) => `${name} ${x.toFixed(4)}`)
    .join(', ')
