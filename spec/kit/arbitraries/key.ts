import fc from 'fast-check'
import { foldIn, keyOf, type Key } from '../../../core'

const label = fc.oneof(fc.constantFrom('dropout', 'noise', 'sample'), fc.nat({ max: 9 }))

/** Keys of the random generator: a seed and up to three splits. */
export const keys: fc.Arbitrary<Key> = fc
  .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.array(label, { maxLength: 3 }))
  .map(([seed, labels]) => labels.reduce<Key>((key, name) => foldIn(key, name), keyOf(seed)))
