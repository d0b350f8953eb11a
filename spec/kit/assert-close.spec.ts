import * as assert from 'uvu/assert'
import { assertClose, CloseError } from '.'
import { describe } from '../harness'

const message = (run: () => void): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof CloseError) return error.message
    throw error
  }
  return 'close'
}

describe('spec/kit: assertClose', (test) => {
  test('says index, got, want and error', () =>
    assert.is(
      message(() => assertClose([1, 2.5], [1, 2], { tolerance: 1e-3, label: 'logits' })),
      'logits differ at index 1: got 2.5, want 2, error 0.5, allowed 0.002',
    ))

  test('is relative above 1 and absolute below', () => {
    assert.is(
      message(() => assertClose([1000.5, 0.0005], [1000, 0], { tolerance: 1e-3 })),
      'close',
    )
    assert.is.not(
      message(() => assertClose([1.5], [1], { tolerance: 1e-3 })),
      'close',
    )
  })

  test('NaN equals NaN only, infinities themselves only, and lengths must agree', () => {
    assert.is(
      message(() => assertClose([NaN, Infinity, -Infinity], [NaN, Infinity, -Infinity])),
      'close',
    )
    for (const [got, want] of [
      [NaN, 1],
      [1, NaN],
      [Infinity, -Infinity],
      [1e308, Infinity],
      [NaN, Infinity],
    ] as const)
      assert.match(
        message(() => assertClose([got], [want], { tolerance: 1 })),
        /differ at index 0/,
      )
    assert.is(
      message(() => assertClose([1, 2], [1])),
      'arrays: got 2 numbers, want 1',
    )
    assert.is(
      message(() => assertClose([1], [1, 2])),
      'arrays: got 1 numbers, want 2',
    )
  })

  test('tells -0 from 0 when asked', () => {
    assert.is(
      message(() => assertClose([-0], [0])),
      'close',
    )
    assert.is(
      message(() => assertClose([-0], [0], { signedZero: true, tolerance: 1 })),
      'arrays differ at index 0: got -0, want 0, error 0, allowed 1',
    )
  })
})
