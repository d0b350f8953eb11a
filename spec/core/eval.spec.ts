import * as assert from 'uvu/assert'
import { add, customVjp, evaluateOne, input, InputError, mul, stopGradient, sum } from '../../core'
import { grad, remat } from '../../autodiff'
import { describe } from '../harness'

const x = input('x', [2])
const scale = input('scale', [2])
/** y = x + 1 whose reverse rule reads another value. */
const scaled = customVjp(
  'scaled',
  (a) => add(a, 1),
  (ct, [, s]) => [mul(ct, s!), null],
)

describe('core/eval', (test) => {
  test('what only a derivative would read needs no value', () => {
    assert.equal([...evaluateOne(scaled(x, scale), new Map([['x', [1, 2]]]))], [2, 3])
    const region = remat((a) => add(a, 1))
    assert.equal([...evaluateOne(stopGradient(region(x)), new Map([['x', [1, 2]]]))], [2, 3])
  })

  test('a derivative that reads it does', () => {
    const g = grad((a: typeof x) => sum(scaled(a, scale)))(x)
    assert.throws(
      () => evaluateOne(g, new Map([['x', [1, 2]]])),
      (e: unknown) => e instanceof InputError,
    )
    const values = new Map([
      ['x', [1, 2]],
      ['scale', [5, 7]],
    ])
    assert.equal([...evaluateOne(g, values)], [5, 7])
  })

  test('a value of another size, or none, is an error that names the input', () => {
    assert.throws(() => evaluateOne(add(x, 1)), /input "x": expected 2 numbers, got none/)
    assert.throws(() => evaluateOne(add(x, 1), new Map([['x', [1]]])), /input "x": expected 2 numbers, got 1/)
  })
})
