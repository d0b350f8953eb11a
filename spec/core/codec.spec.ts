import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import * as t from 'io-ts'
import {
  atLeast,
  closed,
  codecFaults,
  FiniteNumber,
  NonNegativeInt,
  PositiveInt,
  PositiveNumber,
  Rate,
  showCodecFaults,
  Uint32,
} from '../../core'
import { describe } from '../harness'

const Part = closed('Part', { size: PositiveInt }, {})
const Config = closed(
  'Config',
  { layers: PositiveInt, dropout: Rate, kind: t.union([t.literal('tiny'), t.literal('base')]) },
  { seed: Uint32, part: Part },
)

/** What is wrong with a value, as users read it. */
const faults = (value: unknown): string[] => {
  const result = Config.decode(value)
  return E.isLeft(result) ? showCodecFaults('Config', codecFaults(result.left)).split('\n') : []
}

const valid = { layers: 2, dropout: 0.1, kind: 'tiny' }

describe('core/codec', (test) => {
  test('decode(encode(a)) is a', () => {
    const configs = fc.record(
      {
        layers: fc.integer({ min: 1, max: 99 }),
        dropout: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        kind: fc.constantFrom('tiny' as const, 'base' as const),
        seed: fc.nat(),
        part: fc.record({ size: fc.integer({ min: 1, max: 9 }) }, { noNullPrototype: true }),
      },
      { requiredKeys: ['layers', 'dropout', 'kind'], noNullPrototype: true },
    )
    const comesBack = (a: t.TypeOf<typeof Config>): void => assert.equal(Config.decode(Config.encode(a)), E.right(a))
    fc.assert(fc.property(configs, comesBack), { seed: 4, numRuns: 200 })
  })

  test('an unknown key is a fault that names the known ones', () =>
    assert.equal(faults({ ...valid, drpout: 0.2 }), [
      'Config: drpout: expected known keys: dropout, kind, layers, part, seed, got unknown key "drpout"',
    ]))

  test('a record with at least some keys: others are dropped, its own are checked as ever', () => {
    const Row = atLeast('Row', { idx: NonNegativeInt }, { label: t.string })
    assert.equal(Row.decode({ idx: 3, label: 'x', more: [1] }), E.right({ idx: 3, label: 'x' }))
    const wrong = Row.decode({ label: 7, more: 1 })
    assert.equal(E.isLeft(wrong) && codecFaults(wrong.left), [
      { key: 'idx', expected: 'a whole number ≥ 0', got: 'nothing' },
      { key: 'label', expected: 'string', got: '7' },
    ])
  })

  test('keys that every object inherits are unknown too', () => {
    for (const key of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      const given: unknown = JSON.parse(`{"layers":2,"dropout":0.1,"kind":"tiny","${key}":1}`)
      assert.equal(faults(given), [
        `Config: ${key}: expected known keys: dropout, kind, layers, part, seed, got unknown key "${key}"`,
      ])
    }
    const lacking: unknown = JSON.parse('{"layers":2,"dropout":0.1}')
    assert.equal(faults(lacking), ['Config: kind: expected "tiny" or "base", got nothing'])
  })

  test('all faults at once, nested ones by path', () =>
    assert.equal(
      faults({ layers: -1, dropout: 'a', kind: 'huge', seed: 2 ** 32, part: { size: 0, width: 1 } }).sort(),
      [
        'Config: dropout: expected a number in [0, 1), got "a"',
        'Config: kind: expected "tiny" or "base", got "huge"',
        'Config: layers: expected a whole number > 0, got -1',
        'Config: part.size: expected a whole number > 0, got 0',
        'Config: part.width: expected known keys: size, got unknown key "width"',
        'Config: seed: expected a whole number in [0, 2^32), got 4294967296',
      ],
    ))

  test('missing keys, and what is no record at all', () => {
    assert.equal(faults({ layers: 1, dropout: 0 }), ['Config: kind: expected "tiny" or "base", got nothing'])
    for (const [value, shown] of [
      [null, 'null'],
      [[1], '[1]'],
      ['x', '"x"'],
      [3, '3'],
    ] as const)
      assert.equal(faults(value), [`Config: expected a record Config, got ${shown}`])
  })

  test('NaN, infinities and numbers beyond a range are refused everywhere', () => {
    const ranges = [PositiveInt, NonNegativeInt, Uint32, FiniteNumber, PositiveNumber, Rate]
    for (const codec of ranges)
      for (const value of [NaN, Infinity, -Infinity, '1', null, undefined])
        assert.ok(E.isLeft(codec.decode(value)), `${codec.name} refuses ${String(value)}`)
    const refused: readonly (readonly [t.Type<number>, readonly number[]])[] = [
      [PositiveInt, [0, -1, 1.5, 2 ** 53]],
      [NonNegativeInt, [-1, 0.5]],
      [Uint32, [-1, 2 ** 32, 0.5]],
      [PositiveNumber, [0, -0.1]],
      [Rate, [1, -0.01]],
    ]
    for (const [codec, values] of refused)
      for (const value of values) assert.ok(E.isLeft(codec.decode(value)), `${codec.name} refuses ${value}`)
    const accepted: readonly (readonly [t.Type<number>, readonly number[]])[] = [
      [PositiveInt, [1, 2 ** 53 - 1]],
      [NonNegativeInt, [0]],
      [Uint32, [0, 2 ** 32 - 1]],
      [FiniteNumber, [-1e300, 0]],
      [PositiveNumber, [5e-324]],
      [Rate, [0, 0.999]],
    ]
    for (const [codec, values] of accepted)
      for (const value of values) assert.ok(E.isRight(codec.decode(value)), `${codec.name} takes ${value}`)
    assert.equal(faults({ ...valid, dropout: NaN }), ['Config: dropout: expected a number in [0, 1), got NaN'])
  })

  test('a long value is cut in the message', () =>
    assert.equal(faults({ ...valid, layers: 'x'.repeat(200) }), [
      `Config: layers: expected a whole number > 0, got "${'x'.repeat(76)}...`,
    ]))
})
