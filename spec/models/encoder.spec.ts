import * as assert from 'uvu/assert'
import { evaluateOne, mapTree, ops, sizeOf, sum, tensor, threefry2x32, type Aval, type Expr } from '../../core'
import { grad } from '../../autodiff'
import { encoder, parameterAvals, type EncoderParams, type PairConfig, type PairParams } from '../../models'
import { describe } from '../harness'

const config: PairConfig = {
  vocab: 11,
  maxLength: 9,
  hidden: 8,
  heads: 2,
  ffn: 16,
  mainLayers: 2,
  auxLayers: 1,
  buckets: 8,
  maxDistance: 6,
  dropout: 0,
  attentionDropout: 0,
  initStd: 0.02,
  locality: 0,
  positions: 'relative',
  sharing: 'token',
  init: 'normal',
}
const [B, T, D] = [3, 7, config.hidden]

/** Uniforms in (-1, 1). */
const noise = (n: number, seed: number): readonly number[] =>
  Array.from({ length: n }, (_, i) => (2 * threefry2x32(seed, 0, i, 0)[0]) / 2 ** 32 - 1)

const drawn = (shape: readonly number[], seed: number): Expr =>
  ops.constantArray({ data: noise(sizeOf(shape), seed), shape, dtype: 'f32' })

let count = 0
const pair = mapTree<Aval, Expr>(parameterAvals(config), (a) => drawn(a.shape, (count += 1))) as PairParams

const lengths = [7, 4, 1]
const isToken = tensor(
  lengths.map((n) => Array.from({ length: T }, (_, t) => (t < n ? 1 : 0))),
  'bool',
)

/** The embedded text with other numbers where `changes` says so. */
const text = (changes: (b: number, t: number) => boolean): Expr => {
  const [one, other] = [noise(B * T * D, 100), noise(B * T * D, 200)]
  const data = one.map((x, i) => (changes(Math.floor(i / (T * D)), Math.floor(i / D) % T) ? other[i]! * 3 : x))
  return ops.constantArray({ data, shape: [B, T, D], dtype: 'f32' })
}
const isPadding = (b: number, t: number): boolean => t >= lengths[b]!

const run = (tokens: Expr, mask?: Expr, p: EncoderParams = pair.main): Float64Array =>
  evaluateOne(encoder(config, p, tokens, null, mask))

/** The numbers of the places that count. */
const real = (h: Float64Array): readonly number[] =>
  [...h].filter((_, i) => !isPadding(Math.floor(i / (T * D)), Math.floor(i / D) % T))

/** 1 for positions before `n`, 2 for those after: f32[maxLength, D]. */
const beyond = (n: number): Expr =>
  tensor(Array.from({ length: config.maxLength }, (_, t) => Array.from({ length: D }, () => (t < n ? 1 : 2))))

describe('models/encoder', (test) => {
  test('padding does not influence tokens: not by a bit', () => {
    assert.equal(
      real(run(text(isPadding), isToken)),
      real(
        run(
          text(() => false),
          isToken,
        ),
      ),
    )
  })

  test('control: without the mask it does, in the rows that are padded', () => {
    assert.not.equal(real(run(text(isPadding))), real(run(text(() => false))))
  })

  test('control: a token influences every token of its row, and no other row', () => {
    const before = run(
      text(() => false),
      isToken,
    )
    const after = run(
      text((b, t) => b === 1 && t === 2),
      isToken,
    )
    const rowOf = (i: number): number => Math.floor(i / (T * D))
    for (let i = 0; i < before.length; i++) {
      const moved = before[i] !== after[i]
      if (rowOf(i) !== 1) assert.not.ok(moved, `row ${rowOf(i)}`)
      else if (!isPadding(1, Math.floor(i / D) % T)) assert.ok(moved, `place ${Math.floor(i / D) % T}`)
    }
  })

  test('a padded row is the shorter row alone', () => {
    const whole = run(
      text(() => false),
      isToken,
    )
    const data = noise(B * T * D, 100).slice(T * D, (T + 4) * D)
    const alone = run(ops.constantArray({ data, shape: [1, 4, D], dtype: 'f32' }))
    alone.forEach((x, i) => assert.ok(Math.abs(x - whole[T * D + i]!) < 1e-12, `place ${Math.floor(i / D)}`))
  })

  test('no gradient comes from tokens to padding; every token has one', () => {
    const weights = ops.where(
      tensor(
        lengths.map((n) => Array.from({ length: T }, (_, t) => Array.from({ length: D }, () => (t < n ? 1 : 0)))),
        'bool',
      ),
      drawn([B, T, D], 300),
      ops.literal({ value: 0, shape: [B, T, D], dtype: 'f32' }),
    )
    const g = evaluateOne(
      grad((x: Expr) => sum(ops.mul(encoder(config, pair.main, x, null, isToken), weights)))(text(() => false)),
    )
    for (let b = 0; b < B; b++)
      for (let t = 0; t < T; t++) {
        const at = g.slice((b * T + t) * D, (b * T + t + 1) * D)
        assert.is(
          at.every((x) => x === 0),
          isPadding(b, t),
          `row ${b}, place ${t}`,
        )
      }
  })

  test('all-true mask is no mask; a text shorter than maxLength uses its first positions', () => {
    const all = tensor(
      lengths.map(() => Array.from({ length: T }, () => 1)),
      'bool',
    )
    assert.equal(
      run(
        text(() => false),
        all,
      ),
      run(text(() => false)),
    )
    const moved = {
      ...pair.main,
      embedding: { ...pair.main.embedding, position: ops.mul(pair.main.embedding.position!, beyond(T)) },
    }
    assert.equal(
      run(
        text(() => false),
        isToken,
        moved,
      ),
      run(
        text(() => false),
        isToken,
      ),
    )
  })
})
