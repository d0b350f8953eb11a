import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  accuracy,
  averageRanks,
  exactGroups,
  f1,
  genderParity,
  isExact,
  macroF1,
  matthews,
  pearson,
  spearman,
  tokenF1,
  wordsOf,
} from '../../../training/scores'
import { describe } from '../../harness'

const near = (got: number, want: number): void => assert.ok(Math.abs(got - want) < 5e-7, `${got} is not ${want}`)

describe('training/scores: classes', (test) => {
  test('examples of the documentation of scikit-learn', () => {
    near(matthews([1, 0, 1, 1], [1, 1, 1, 0]), -1 / 3)
    near(macroF1([0, 2, 1, 0, 0, 1], [0, 1, 2, 0, 1, 2], [0, 1, 2]), 0.2666667)
    near(accuracy([0, 2, 1, 3], [0, 1, 2, 3]), 0.5)
  })

  test('of two classes: by the table TP 6, FP 1, FN 2, TN 3', () => {
    const [answered, right] = [
      [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
      [1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0],
    ]
    near(accuracy(answered, right), 9 / 12)
    near(f1(answered, right), 12 / 15)
    near(f1(answered, right, 0), 6 / 9)
    near(matthews(answered, right), (6 * 3 - 1 * 2) / Math.sqrt(7 * 8 * 4 * 5))
  })

  test('of three classes: R_K by hand', () => {
    // c = 3 of s = 5; answered 2, 2, 1; right 2, 1, 2
    near(matthews([0, 0, 1, 1, 2], [0, 0, 1, 2, 2]), (4 * 5 - 8) / Math.sqrt((25 - 9) * (25 - 9)))
    near(matthews([0, 1, 2, 0, 1], [0, 0, 1, 2, 2]), (1 * 5 - 8) / Math.sqrt((25 - 9) * (25 - 9)))
  })

  test('where nothing is to be divided by: 0; of nothing: NaN', () => {
    assert.is(f1([0, 0], [0, 0]), 0)
    assert.is(f1([1, 0], [0, 1]), 0)
    assert.is(matthews([1, 1, 1], [0, 1, 0]), 0)
    assert.is(matthews([0, 1], [1, 1]), 0)
    assert.is(macroF1([0, 0], [0, 0], [0, 1, 2]), 1 / 3)
    assert.ok(Number.isNaN(accuracy([], [])))
  })

  test('names of the classes do not matter to Matthews; what is right is 1, what is wrong in both of two is -1', () => {
    const classes = fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1 })
    const turn = (c: number): number => [2, 0, 3, 1][c]!
    fc.assert(
      fc.property(classes, (all) => {
        const [answered, right] = [all.map(([a]) => a), all.map(([, b]) => b)]
        near(matthews(answered.map(turn), right.map(turn)), matthews(answered, right))
        near(matthews(right, answered), matthews(answered, right))
        near(matthews(right, right), new Set(right).size > 1 ? 1 : 0)
      }),
      { seed: 3 },
    )
    assert.is(matthews([0, 1, 1], [1, 0, 0]), -1)
  })

  test('answers that are not as many as the examples, or no numbers, are the fault of the caller', () => {
    for (const score of [accuracy, f1, matthews, pearson, spearman]) {
      assert.throws(() => score([1], [1, 0]), /expected an answer for each of 2, got 1/)
      assert.throws(() => score([1, NaN], [1, 0]), /expected numbers, got NaN at 1/)
    }
  })
})

describe('training/scores: values', (test) => {
  test('examples of the documentation of scipy, and the one of Wikipedia on Spearman', () => {
    near(pearson([1, 2, 3, 4, 5], [10, 9, 2.5, 6, 4]), -0.7426106572)
    near(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]), 0.8207826817)
    assert.equal(averageRanks([0, 2, 3, 2]), [1, 2.5, 4, 2.5])
    const [iq, hours] = [
      [106, 100, 86, 101, 99, 103, 97, 113, 112, 110],
      [7, 27, 2, 50, 28, 29, 20, 12, 6, 17],
    ]
    near(spearman(iq, hours), -29 / 165)
  })

  test('a line is 1 or -1, however large or small its values; a constant has no correlation', () => {
    for (const scale of [1e-300, 1, 1e300]) {
      const up = [1, 2, 3, 4].map((v) => v * scale)
      near(pearson(up, [2, 4, 6, 8]), 1)
      near(pearson(up, [8, 6, 4, 2]), -1)
    }
    for (const score of [pearson, spearman]) {
      assert.ok(Number.isNaN(score([0.1, 0.1, 0.1], [1, 2, 3])))
      assert.ok(Number.isNaN(score([1, 2, 3], [0.7, 0.7, 0.7])))
      assert.ok(Number.isNaN(score([1], [2])))
      assert.ok(Number.isNaN(score([], [])))
    }
  })
})

describe('training/scores: groups and texts', (test) => {
  test('MultiRC: a question is right when all of its answers are', () => {
    assert.is(exactGroups([1, 0, 1, 1, 0], [1, 0, 1, 0, 0], ['a', 'a', 'b', 'b', 'c']), 2 / 3)
    assert.ok(Number.isNaN(exactGroups([], [], [])))
  })

  test('gender parity: pairs that are answered alike; a row without a partner is none', () => {
    assert.is(genderParity([0, 1, 1, 1, 0, 0, 1], ['a', 'b', 'a', 'b', 'c', 'c', 'd']), 2 / 3)
    assert.ok(Number.isNaN(genderParity([0, 1], ['a', 'b'])))
  })

  test('ReCoRD: the best of the right texts; punctuation, capitals and articles do not count', () => {
    assert.is(isExact('The U.S.', ['Canada', 'us']), true)
    assert.is(isExact('the', ['a']), true)
    assert.is(isExact('New York City', ['New York']), false)
    near(tokenF1('New York City', ['Paris', 'the New York']), 4 / 5)
    near(tokenF1('new new york', ['new york']), 4 / 5)
    near(tokenF1('york new new new', ['new york']), 4 / 6)
    assert.is(tokenF1('Paris', ['London']), 0)
    assert.is(tokenF1('the', ['a']), 0)
    assert.is(isExact('éa', ['é']), false)
  })

  test("words are parted as Python's str.split parts them", () => {
    assert.equal(wordsOf('  a\tb\u00a0c\u2028d\x1ce\u0085f '), ['a', 'b', 'c', 'd', 'e', 'f'])
    assert.equal(wordsOf('a\ufeffb'), ['a\ufeffb'])
    assert.equal(wordsOf(' '), [])
  })
})
