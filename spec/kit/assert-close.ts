/** Two arrays that should be equal and are not. */
export class CloseError extends Error {
  readonly _tag = 'CloseError'
}

export interface CloseOptions {
  /** Allowed difference, relative to the larger of 1 and the expected magnitude. Default 0: equal numbers. */
  readonly tolerance?: number
  /** Whether 0 and -0 differ. Default false. */
  readonly signedZero?: boolean
  /** What the arrays are, for the message. */
  readonly label?: string
}

/** The first place where `got` is not `want`. NaN equals NaN and nothing else; infinities equal themselves only. */
export const firstDifference = (
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { tolerance = 0, signedZero = false }: CloseOptions = {},
): number | null => {
  for (let i = 0; i < Math.max(got.length, want.length); i++) {
    const [g, w] = [got[i], want[i]]
    if (g === undefined || w === undefined) return i
    if (Object.is(g, w) || (g === w && !signedZero)) continue
    if (Number.isFinite(w) && (g !== w || !signedZero) && Math.abs(g - w) <= tolerance * Math.max(1, Math.abs(w)))
      continue
    return i
  }
  return null
}

/**
 * Assert that two arrays are equal within a tolerance.
 * throws  CloseError naming the index, both numbers and their difference
 */
export const assertClose = (got: ArrayLike<number>, want: ArrayLike<number>, options: CloseOptions = {}): void => {
  const at = firstDifference(got, want, options)
  if (at === null) return
  const { tolerance = 0, label = 'arrays' } = options
  if (got.length !== want.length) throw new CloseError(`${label}: got ${got.length} numbers, want ${want.length}`)
  const [g, w] = [got[at]!, want[at]!]
  throw new CloseError(
    `${label} differ at index ${at}: got ${showNumber(g)}, want ${showNumber(w)}, ` +
      `error ${showNumber(Math.abs(g - w))}, allowed ${showNumber(tolerance * Math.max(1, Math.abs(w)))}`,
  )
}

/** A number as text; -0 is told from 0. */
export const showNumber = (x: number): string => (Object.is(x, -0) ? '-0' : String(x))
