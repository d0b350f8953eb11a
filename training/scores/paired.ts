/** throws  RangeError unless there is an answer for each example, and all are numbers: faults of the caller's, never a low score */
export const checkPaired = (name: string, answered: readonly number[], right: readonly number[]): void => {
  if (answered.length !== right.length)
    throw new RangeError(`${name}: expected an answer for each of ${right.length}, got ${answered.length}`)
  for (const values of [answered, right]) {
    const at = values.findIndex(Number.isNaN)
    if (at >= 0) throw new RangeError(`${name}: expected numbers, got NaN at ${at}`)
  }
}
