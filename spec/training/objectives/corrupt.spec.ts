import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluate, evaluateOne, mul, ops, sum, type Expr } from '../../../core'
import { grad } from '../../../autodiff'
import { ascendingOrder } from '../../../training/data/batch'
import { corrupt, embedCorrupted, type PretrainInputs } from '../../../training/objectives'
import { describe } from '../../harness'
import { assertClose } from '../../kit'

/** A text, its chosen places and what is drawn for each slot; slots beyond a row's chosen places are not used. */
interface Specimen {
  readonly B: number
  readonly T: number
  readonly K: number
  readonly V: number
  readonly tokens: readonly number[]
  /** Chosen places by row, ascending, at most K. */
  readonly chosen: readonly (readonly number[])[]
  readonly sampled: readonly number[]
}

const specimens: fc.Arbitrary<Specimen> = fc
  .record({
    B: fc.integer({ min: 1, max: 3 }),
    T: fc.integer({ min: 1, max: 7 }),
    K: fc.integer({ min: 1, max: 4 }),
    V: fc.integer({ min: 2, max: 6 }),
  })
  .chain((size) => {
    const { B, T, K, V } = size
    const ids = (n: number): fc.Arbitrary<number[]> => fc.array(fc.nat(V - 1), { minLength: n, maxLength: n })
    const places = fc.uniqueArray(fc.nat(T - 1), { maxLength: Math.min(K, T) }).map((p) => p.sort((a, b) => a - b))
    return fc
      .record({
        tokens: ids(B * T),
        chosen: fc.array(places, { minLength: B, maxLength: B }),
        sampled: ids(B * K),
      })
      .map((drawn) => ({ ...size, ...drawn }))
  })

const check = (body: (s: Specimen) => void, numRuns = 200): void =>
  fc.assert(
    fc.property(specimens, (s) => body(s)),
    { seed: 20211202, numRuns },
  )

/** Slots of a row that are used, as a flat index into [B, K]. */
const isUsed = (s: Specimen, slot: number): boolean => slot % s.K < s.chosen[Math.floor(slot / s.K)]!.length

const ints = (data: readonly number[], ...shape: readonly number[]): Expr =>
  ops.constantArray({ data, shape, dtype: 'i32' })

/** The mask's id is V - 1 here: a token like any other, so that ids of the masked text also occur unmasked. */
const inputsOf = (s: Specimen): PretrainInputs => {
  const { B, T, K, V, tokens, chosen } = s
  const masked = tokens.map((id, i) => (chosen[Math.floor(i / T)]!.includes(i % T) ? V - 1 : id))
  const slots = Array.from({ length: B * K }, (_, slot) => chosen[Math.floor(slot / K)]![slot % K] ?? 0)
  const used = slots.map((_, slot) => (isUsed(s, slot) ? 1 : 0))
  return {
    tokens: ints(tokens, B, T),
    masked: ints(masked, B, T),
    positions: ints(slots, B, K),
    targets: ints(
      slots.map((t, slot) => tokens[Math.floor(slot / K) * T + t]!),
      B,
      K,
    ),
    weights: ops.constantArray({ data: used, shape: [B, K], dtype: 'f32' }),
    tokenOrder: ints([...ascendingOrder(Int32Array.from(masked), V)], B * T),
    exampleLo: ints(
      Array.from({ length: B }, (_, b) => b),
      B,
    ),
    exampleHi: ints(
      Array.from({ length: B }, () => 0),
      B,
    ),
    maskCount: ops.literal({ value: used.reduce<number>((a, b) => a + b, 0), shape: [], dtype: 'f32' }),
    tokenCount: ops.literal({ value: B * T, shape: [], dtype: 'f32' }),
  }
}

const corruptionOf = (s: Specimen) => {
  const batch = inputsOf(s)
  const sampled = ints(s.sampled, s.B, s.K)
  const corrupted = corrupt(batch, sampled)
  return { batch, sampled, corrupted }
}

const numbers = (s: Specimen) => {
  const { ids, isOriginal, isMasked } = corruptionOf(s).corrupted
  const [i, o, m] = evaluate([ids, isOriginal, isMasked])
  return { ids: [...i!], isOriginal: [...o!], isMasked: [...m!] }
}

/** Place t of row b, and the slot that chose it, if any. */
const slotAt = (s: Specimen, i: number): number | undefined => {
  const k = s.chosen[Math.floor(i / s.T)]!.indexOf(i % s.T)
  return k < 0 ? undefined : Math.floor(i / s.T) * s.K + k
}

describe('training/objectives/corrupt', (test) => {
  test('a masked place holds what was drawn for it, any other its own token', () =>
    check((s) => {
      const got = numbers(s)
      s.tokens.forEach((token, i) => {
        const slot = slotAt(s, i)
        assert.is(got.ids[i], slot === undefined ? token : s.sampled[slot])
        assert.is(got.isMasked[i], slot === undefined ? 0 : 1)
      })
    }))

  test('original is what equals the text: a draw of the true token too (recipe 2.2)', () =>
    check((s) => {
      const got = numbers(s)
      s.tokens.forEach((token, i) => {
        const slot = slotAt(s, i)
        assert.is(got.isOriginal[i], slot === undefined || s.sampled[slot] === token ? 1 : 0)
      })
      const truth = s.sampled.map((id, slot) => {
        const place = s.chosen[Math.floor(slot / s.K)]![slot % s.K]
        return place === undefined ? id : s.tokens[Math.floor(slot / s.K) * s.T + place]!
      })
      const same = numbers({ ...s, sampled: truth })
      assert.equal(same.ids, s.tokens)
      assert.ok(same.isOriginal.every((x) => x === 1))
      assert.equal(same.isMasked, got.isMasked)
    }))

  test('what an unused slot drew changes nothing', () =>
    check((s) => {
      const other = s.sampled.map((id, slot) => (isUsed(s, slot) ? id : (id + 1) % s.V))
      assert.equal(numbers({ ...s, sampled: other }), numbers(s))
    }))

  const width = 2
  /** Multiples of 1/8, no two weights of a row alike, so that a row in the wrong place shows. */
  const table = (V: number): Expr =>
    ops.constantArray({
      data: Array.from({ length: V * width }, (_, i) => (i * 5 - 7) / 8),
      shape: [V, width],
      dtype: 'f32',
    })
  const cotangent = (n: number, shape: readonly number[]): Expr =>
    ops.constantArray({ data: Array.from({ length: n }, (_, i) => ((i * 37) % 101) / 8 - 6), shape, dtype: 'f32' })

  test('embedCorrupted is a plain lookup, and so is its gradient', () =>
    check((s) => {
      const { batch, sampled, corrupted } = corruptionOf(s)
      const weights = cotangent(s.B * s.T * width, [s.B, s.T, width])
      const ours = (t: Expr): Expr => embedCorrupted(t, batch, sampled, corrupted)
      const plain = (t: Expr): Expr => ops.gather(t, corrupted.ids)
      const t = table(s.V)
      assertClose(evaluateOne(ours(t)), evaluateOne(plain(t)))
      const gradient = (f: (t: Expr) => Expr): Float64Array =>
        evaluateOne(grad((x: Expr) => sum(mul(f(x), weights)))(t))
      assertClose(gradient(ours), gradient(plain), { tolerance: 1e-12 })
    }, 300))

  test('control: the gradient of a lookup of the uncorrupted text is another', () => {
    const differs = fc.check(
      fc.property(specimens, (s) => {
        const { batch, sampled, corrupted } = corruptionOf(s)
        const weights = cotangent(s.B * s.T * width, [s.B, s.T, width])
        const gradient = (f: (t: Expr) => Expr): Float64Array =>
          evaluateOne(grad((x: Expr) => sum(mul(f(x), weights)))(table(s.V)))
        assertClose(
          gradient((t) => embedCorrupted(t, batch, sampled, corrupted)),
          gradient((t) => ops.gather(t, batch.tokens)),
          { tolerance: 1e-12 },
        )
      }),
      { seed: 1, numRuns: 50 },
    )
    assert.ok(differs.failed)
  })
})
