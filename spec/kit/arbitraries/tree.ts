import fc from 'fast-check'
import type { Tree } from '../../../core'

const names = ['weight', 'bias', 'attn', 'ffn', 'ln', 'layer0', 'layer10', 'layer2', 'W', '_']

/** Trees of parameters: records of records, two or three deep, with at least one leaf; the root may be a leaf. */
export const trees = <A>(leaf: fc.Arbitrary<A>): fc.Arbitrary<Tree<A>> => {
  const branch = (child: fc.Arbitrary<Tree<A>>): fc.Arbitrary<Tree<A>> =>
    fc.dictionary(fc.constantFrom(...names), child, { minKeys: 1, maxKeys: 4, noNullPrototype: true })
  const leaves: fc.Arbitrary<Tree<A>> = leaf
  return fc.oneof(leaves, branch(leaves), branch(fc.oneof(leaves, branch(leaves))))
}
