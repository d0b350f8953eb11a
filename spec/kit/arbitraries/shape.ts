import fc from 'fast-check'
import type { Shape } from '../../../core'

/** Sizes 0 to 5. 0 and 1 are where rules break first, so they are favoured; shrinks towards 0. */
export const axisSize: fc.Arbitrary<number> = fc
  .integer({ min: 0, max: 15 })
  .map((k) => [0, 1, 2, 3, 4, 5, 1, 2, 1, 3, 2, 1, 3, 2, 4, 0][k]!)

/** Sizes from `min` to `max`; the least are favoured. */
export const sizeBetween = (min: number, max: number): fc.Arbitrary<number> =>
  min <= 0 && max === 5
    ? axisSize
    : fc.oneof({ arbitrary: fc.constantFrom(min, Math.min(max, min + 1)), weight: 2 }, fc.integer({ min, max }))

/** Sizes 1 to 5, for axes that may not be empty. */
export const fullAxisSize: fc.Arbitrary<number> = sizeBetween(1, 5)

/** Shapes of 0 to 4 axes (or the given number) with sizes 0 to 5. */
export const shapes = (
  limits: { readonly minAxes?: number; readonly maxAxes?: number; readonly size?: fc.Arbitrary<number> } = {},
): fc.Arbitrary<Shape> => {
  const { minAxes = 0, maxAxes = 4, size = axisSize } = limits
  return fc.array(size, { minLength: minAxes, maxLength: maxAxes, size: 'max' })
}
