import * as E from 'fp-ts/Either'
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { add, input, mul, reduceMax, sizeOf, sum, type Expr } from '../../../core'
import { compile, interpretKernel, type Kernel } from '../../../kernels'
import { splitReduction } from '../../../kernels/emit/split-reduction'
import { describe } from '../../harness'

/** The one kernel of an expression. */
const kernelOf = (value: Expr): Kernel => {
  const plan = compile(() => ({ outputs: [{ name: 'y', value }] }))
  if (E.isLeft(plan)) throw plan.left
  assert.is(plan.right.kernels.length, 1)
  return plan.right.kernels[0]!
}
const numbers = (n: number, k: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => (((i * 7 + k * 3) % 23) - 11) / 8)

describe('kernels/emit/split-reduction', (test) => {
  test('law: the parts of a long reduction, reduced, are the reduction', () => {
    fc.assert(
      fc.property(
        fc.record({
          rows: fc.integer({ min: 1, max: 3 }),
          columns: fc.integer({ min: 1, max: 3 }),
          length: fc.integer({ min: 512, max: 2600 }),
          fn: fc.constantFrom('sum', 'max'),
          axis: fc.constantFrom(0, 1, 2),
          scaled: fc.boolean(),
        }),
        ({ rows, columns, length, fn, axis, scaled }) => {
          const shape = [rows, columns]
          shape.splice(axis, 0, length)
          const x = input('x', shape)
          const rest = shape.filter((_, i) => i !== axis)
          const term = mul(x, 0.5)
          const reduced = fn === 'sum' ? sum(term, axis) : reduceMax(term, axis)
          const kernel = kernelOf(scaled ? add(mul(reduced, 3), input('y', rest)) : reduced)
          const split = splitReduction(kernel)
          assert.ok(split !== undefined && split.first.output.shape[0]! > 1)
          const given = kernel.inputs.map(({ size }, k) => numbers(size, k))
          const parts = interpretKernel(split.first, given)
          assert.is(parts.length, sizeOf(split.first.output.shape))
          // Eighths, exact in any order.
          assert.equal([...interpretKernel(split.then, [...given, parts])], [...interpretKernel(kernel, given)])
        },
      ),
      { seed: 41, numRuns: 60 },
    )
  })

  test('what has enough to do in one pass stays whole', () => {
    assert.is(splitReduction(kernelOf(sum(input('x', [4, 100]), 1))), undefined)
    assert.is(splitReduction(kernelOf(sum(input('x', [1024, 4096]), 1))), undefined)
    assert.is(splitReduction(kernelOf(mul(input('x', [5000]), 2))), undefined)
  })
})
