/** Numbers by name; of an array, all its elements. */
export type Numbers = ReadonlyMap<string, ArrayLike<number>>

/** How far two arrays of one name are apart: ‖got - want‖ / ‖want‖. */
export interface Distance {
  readonly name: string
  readonly distance: number
}

const norm = (x: ArrayLike<number>): number => Math.sqrt(Array.from(x).reduce((s, v) => s + v * v, 0))

/** NaN or a missing array is infinitely far; where `want` is all zeros any other number is. */
export const distanceOf = (got: ArrayLike<number> | undefined, want: ArrayLike<number>): number => {
  if (got?.length !== want.length) return Infinity
  const apart = norm(Array.from(want, (w, i) => got[i]! - w))
  if (apart === 0) return 0
  const distance = apart / norm(want)
  return Number.isNaN(distance) ? Infinity : distance
}

/** The arrays that are further apart than `tolerance`, worst first; an array that only one side has is one of them. */
export const disagreements = (got: Numbers, want: Numbers, tolerance: number): readonly Distance[] =>
  [
    ...[...want].map(([name, w]) => ({ name, distance: distanceOf(got.get(name), w) })),
    ...[...got.keys()].filter((name) => !want.has(name)).map((name) => ({ name, distance: Infinity })),
  ]
    .filter(({ distance }) => !(distance <= tolerance))
    .sort((a, b) => b.distance - a.distance)

/** Thrown when two programs do not agree; names every array that differs and by how much. */
export class ParityError extends Error {
  readonly _tag = 'ParityError'
}

/** throws  ParityError unless every array of `want` is in `got` and within `tolerance`, relative to its norm */
export const assertParity = (got: Numbers, want: Numbers, tolerance: number): void => {
  const far = disagreements(got, want, tolerance)
  if (far.length === 0) return
  const lines = far.map(({ name, distance }) => `  ${name}: ${distance.toExponential(2)}`)
  throw new ParityError(
    `${far.length} of ${want.size} arrays are further apart than ${tolerance}, relative to their norms:\n${lines.join('\n')}`,
  )
}
