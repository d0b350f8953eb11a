/** Two models on the same rows: how often one alone was right, and the chance of a split as uneven if neither were better. */
export interface Paired {
  readonly firstAlone: number
  readonly secondAlone: number
  readonly p: number
}

/** McNemar's test in its exact form (1947; two-sided binomial over the rows on which the models part). */
export const mcNemar = (first: readonly boolean[], second: readonly boolean[]): Paired => {
  if (first.length !== second.length)
    throw new RangeError(`mcNemar: expected as many rows of both, got ${first.length} and ${second.length}`)
  const firstAlone = first.filter((right, i) => right && !second[i]!).length
  const secondAlone = first.filter((right, i) => !right && second[i]!).length
  const n = firstAlone + secondAlone
  const least = Math.min(firstAlone, secondAlone)
  let [tail, term] = [0, -n * Math.LN2] // ln of the chance of 0 of n
  for (let k = 0; k <= least; k += 1) {
    tail += Math.exp(term)
    term += Math.log((n - k) / (k + 1))
  }
  return { firstAlone, secondAlone, p: Math.min(1, 2 * tail) }
}
