import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { codecFaults } from '../../core'
import { pairConfig, PairConfig, presetNames, validatePair } from '../../models'
import { describe } from '../harness'

const base = pairConfig('base', 1000, 128)

const keysOf = (config: PairConfig): readonly string[] => {
  const result = validatePair(config)
  return E.isLeft(result) ? result.left.map((f) => f.key) : []
}

describe('models/config', (test) => {
  for (const preset of presetNames)
    test(`${preset} is a valid pair and survives its codec`, () => {
      const config = pairConfig(preset, 1000, 128)
      assert.equal(validatePair(config), E.right(config))
      assert.equal(PairConfig.decode(PairConfig.encode(config)), E.right(config))
      assert.ok(config.auxLayers < config.mainLayers)
    })

  test('all rules that are broken are reported at once, each with what is expected and what was got', () => {
    const result = validatePair({ ...base, heads: 7, buckets: 30, maxDistance: 8 })
    assert.equal(
      result,
      E.left([
        { key: 'heads', expected: 'a divisor of hidden = 768', got: '7' },
        { key: 'buckets', expected: 'a multiple of 4', got: '30' },
        { key: 'maxDistance', expected: 'more than buckets / 4 + 1 = 8.5', got: '8' },
      ]),
    )
  })

  test('each rule alone: it is broken exactly where arithmetic says so', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 40 }),
        (heads, buckets, maxDistance) => {
          const want = [
            ...(768 % heads === 0 ? [] : ['heads']),
            ...([4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68].includes(buckets)
              ? []
              : ['buckets']),
            ...(maxDistance - 1 > buckets / 4 ? [] : ['maxDistance']),
          ]
          assert.equal(keysOf({ ...base, heads, buckets, maxDistance }), want)
        },
      ),
      { seed: 1, numRuns: 300 },
    )
  })

  test('a bias by distance has as many places as one constant lists; other schemes have no such end', () => {
    const long = { ...base, maxLength: 32_769 }
    assert.equal(keysOf({ ...base, maxLength: 32_768 }), [])
    for (const positions of ['relative', 'relative-t5', 'tupe-r'] as const)
      assert.equal(keysOf({ ...long, positions }), ['maxLength'])
    for (const positions of ['absolute', 'tupe-a'] as const) assert.equal(keysOf({ ...long, positions }), [])
  })

  test('normEps may be left out, is kept, and is more than 0', () => {
    const config = { ...base, normEps: 1e-12 }
    assert.equal(PairConfig.decode(PairConfig.encode(config)), E.right(config))
    assert.ok(E.isLeft(PairConfig.decode({ ...base, normEps: 0 })))
  })

  test('wrong types, ranges, unknown and missing keys are reported together', () => {
    const { ffn: _ffn, ...rest } = base
    const result = PairConfig.decode({ ...rest, hidden: 0.5, dropout: 1, initStd: NaN, drpout: 0.2, auxLayers: '4' })
    if (!E.isLeft(result)) throw new Error('expected faults')
    const keys = codecFaults(result.left).map((f) => f.key)
    assert.equal([...keys].sort(), ['auxLayers', 'dropout', 'drpout', 'ffn', 'hidden', 'initStd'])
  })
})
