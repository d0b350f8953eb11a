import { checkPaired } from './paired'

/**
 * Pearson's r = Σ (x - x̄)(y - ȳ) / (‖x - x̄‖ ‖y - ȳ‖), within [-1, 1]. NaN where either is constant or there are fewer than two: there is no
 * line to lie on (scipy.stats.pearsonr gives NaN for the first, refuses the second).
 */
export const pearson = (answered: readonly number[], right: readonly number[]): number => {
  checkPaired('pearson', answered, right)
  if (isConstant(answered) || isConstant(right)) return NaN
  const [x, y] = [direction(answered), direction(right)]
  const r = x.reduce((total, v, i) => total + v * y[i]!, 0)
  return Math.max(-1, Math.min(1, r))
}

/** Spearman's ρ: Pearson's r of the ranks, equal values having the mean of theirs, as scipy.stats.spearmanr. NaN as there. */
export const spearman = (answered: readonly number[], right: readonly number[]): number => {
  checkPaired('spearman', answered, right)
  return pearson(averageRanks(answered), averageRanks(right))
}

/** Ranks from 1; equal values share the mean of the ranks that they take up. */
export const averageRanks = (values: readonly number[]): readonly number[] => {
  const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!)
  const ranks = new Array<number>(values.length)
  for (let from = 0; from < order.length;) {
    let to = from
    while (to < order.length && values[order[to]!] === values[order[from]!]) to += 1
    for (let k = from; k < to; k += 1) ranks[order[k]!] = (from + 1 + to) / 2
    from = to
  }
  return ranks
}

const isConstant = (values: readonly number[]): boolean => values.every((v) => v === values[0])

/** (x - x̄) / ‖x - x̄‖. Scaled by the greatest difference first, so that no square over- or underflows. */
const direction = (values: readonly number[]): readonly number[] => {
  const mean = values.reduce((total, v) => total + v / values.length, 0)
  const centred = values.map((v) => v - mean)
  const most = centred.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  const scaled = centred.map((v) => v / most)
  const norm = Math.sqrt(scaled.reduce((total, v) => total + v * v, 0))
  return scaled.map((v) => v / norm)
}
