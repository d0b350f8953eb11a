import fc from 'fast-check'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { parsePerturbation, perturbed, type Perturbation } from '../../../training/finetune'
import { describe } from '../../harness'

const example = (first: string, second?: string) => ({
  id: '0',
  readings: [{ first, ...(second === undefined ? {} : { second }) }],
  target: 1,
})
const textOf = (p: Perturbation, text: string, place: number): string =>
  perturbed(p, example(text), place).readings[0]!.first
const sentence = 'the quick brown fox jumps over the lazy dog near a river'
const words = (text: string): readonly string[] => text.split(' ')
/** Insertions, removals, substitutions and swaps of neighbours (optimal string alignment). */
const distance = (a: string, b: string): number => {
  const d = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  )
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      d[i]![j] = Math.min(d[i - 1]![j]! + 1, d[i]![j - 1]! + 1, d[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        d[i]![j] = Math.min(d[i]![j]!, d[i - 2]![j - 2]! + 1)
    }
  return d[a.length]![b.length]!
}

describe('training/finetune/perturb', (test) => {
  test('drop: words are missing, by their share; those that stay are as they were and in order; one stays', () => {
    let gone = 0
    for (let place = 0; place < 500; place++) {
      const left = words(textOf({ typo: 0, drop: 0.3, seed: 1 }, sentence, place))
      gone += words(sentence).length - left.length
      let at = 0
      for (const word of words(sentence)) if (word === left[at]) at += 1
      assert.is(at, left.length)
    }
    const share = gone / (500 * words(sentence).length)
    assert.ok(Math.abs(share - 0.3) < 0.03, String(share))
    assert.is(textOf({ typo: 0, drop: 0.999, seed: 1 }, 'only this', 3).length > 0, true)
  })

  test('typo: so many words have one slip, none has two; words of one letter stay', () => {
    let slips = 0
    for (let place = 0; place < 500; place++) {
      const now = words(textOf({ typo: 0.2, drop: 0, seed: 7 }, sentence, place))
      now.forEach((word, i) => {
        const was = words(sentence)[i]!
        const d = distance(was, word)
        assert.ok(d <= 1, `${was} -> ${word}`)
        if (was.length === 1) assert.is(d, 0)
        slips += d
      })
    }
    const share = slips / (500 * (words(sentence).length - 1))
    assert.ok(share > 0.15 && share < 0.22, String(share)) // a swap of equal letters is none
  })

  test('a function of the seed and the place; the target stays', () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(100), (a, b, place) => {
        const p: Perturbation = { typo: 0.5, drop: 0.2, seed: 5 }
        assert.equal(perturbed(p, example(a, b), place), perturbed(p, example(a, b), place))
        assert.is(perturbed(p, example(a, b), place).target, 1)
      }),
    ))

  test('places and seeds differ', () => {
    const p: Perturbation = { typo: 0.5, drop: 0.2, seed: 5 }
    assert.not.equal(textOf(p, sentence, 0), textOf(p, sentence, 1))
    assert.not.equal(textOf(p, sentence, 0), textOf({ ...p, seed: 6 }, sentence, 0))
  })

  test('parsePerturbation', () => {
    assert.equal(parsePerturbation('typo=0.1'), E.right({ typo: 0.1, drop: 0, seed: 1 }))
    assert.equal(parsePerturbation('drop=0.2,seed=9,typo=0.1'), E.right({ typo: 0.1, drop: 0.2, seed: 9 }))
    for (const text of [
      '',
      'typo',
      'typo=',
      'typo=1',
      'typo=-0.1',
      'typo=0.1,typo=0.2',
      'drop=0',
      'seed=1',
      'typo=0.1,seed=1.5',
      'noise=1',
      'typo=0.1=2',
    ])
      // prettier-ignore
      assert.ok(E.isLeft(parsePerturbation(text)), text)
  })
})
