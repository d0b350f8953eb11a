import * as assert from 'uvu/assert'
import { add, evaluateOne, exp, input, mul, scalar, scope, substitute } from '../../core'
import { describe } from '../harness'

describe('core/substitute', (test) => {
  const x = input('x', [])
  const inner = exp(x)
  const values = new Map([['x', [2]]])

  test('another node stands in the place of one, for all its users', () => {
    const root = add(mul(inner, 3), inner)
    const [made] = substitute([root], new Map([[inner, scalar(5)]]))
    assert.equal([...evaluateOne(made!, values)], [20])
  })

  test('what needs none of them is the same node; so is a root that is replaced', () => {
    const root = mul(inner, 3)
    const other = scalar(7)
    assert.is(substitute([root], new Map([[other, scalar(1)]]))[0], root)
    assert.is(substitute([inner], new Map([[inner, other]]))[0], other)
  })

  test('a node that is put in is not looked into', () => {
    const around = add(inner, 1)
    assert.equal(
      [...evaluateOne(substitute([mul(inner, 2)], new Map([[inner, around]]))[0]!, values)],
      [2 * (Math.exp(2) + 1)],
    )
  })

  test('nodes keep the scopes they were made in', () => {
    const root = scope('layer', () => mul(inner, 3))
    assert.equal(substitute([root], new Map([[inner, scalar(5)]]))[0]!.path, ['layer'])
  })
})
