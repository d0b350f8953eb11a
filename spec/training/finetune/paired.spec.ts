import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { mcNemar } from '../../../training/finetune'
import { describe } from '../../harness'

const outcomes = (both: number, first: number, second: number, none: number): readonly [boolean[], boolean[]] => {
  const of = (n: number, a: boolean, b: boolean): (readonly [boolean, boolean])[] =>
    Array.from({ length: n }, () => [a, b])
  const all = [
    ...of(both, true, true),
    ...of(first, true, false),
    ...of(second, false, true),
    ...of(none, false, false),
  ]
  return [all.map(([a]) => a), all.map(([, b]) => b)]
}

describe('training/finetune/paired', (test) => {
  test('two-sided binomial: values by hand', () => {
    const p = (first: number, second: number): number => mcNemar(...outcomes(3, first, second, 2)).p
    const close = (got: number, want: number): void => assert.ok(Math.abs(got - want) < 1e-12, `${got} for ${want}`)
    close(p(0, 0), 1)
    close(p(1, 1), 1)
    close(p(0, 5), 2 / 32)
    close(p(5, 0), 2 / 32)
    close(p(1, 5), (2 * (1 + 6)) / 64)
    close(p(2, 8), (2 * (1 + 10 + 45)) / 1024)
  })

  test('it does not depend on the order of rows or of models, nor on rows that both answer alike', () =>
    fc.assert(
      fc.property(fc.nat(30), fc.nat(30), fc.nat(30), fc.nat(30), (both, first, second, none) => {
        const [a, b] = outcomes(both, first, second, none)
        const found = mcNemar(a, b)
        assert.ok(found.p > 0 && found.p <= 1)
        assert.equal(mcNemar(b, a), { firstAlone: second, secondAlone: first, p: found.p })
        assert.is(mcNemar(...outcomes(0, first, second, 0)).p, found.p)
      }),
    ))

  test('rows that do not match are the caller’s fault', () =>
    assert.throws(() => mcNemar([true], []), /as many rows of both, got 1 and 0/))
})
