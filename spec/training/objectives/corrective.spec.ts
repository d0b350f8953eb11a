import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluateOne, ops, type DType, type Expr } from '../../../core'
import { grad } from '../../../autodiff'
import {
  allTokensLoss,
  copyLoss,
  correctiveLoss,
  detectionLoss,
  maskedCrossEntropy,
  replacementLoss,
  type PretrainInputs,
} from '../../../training/objectives'
import { describe } from '../../harness'
import { assertClose, checkGradients, GradientError } from '../../kit'
import { asInputs, hostBatch } from './specimens'

const array = (data: readonly number[], dtype: DType, ...shape: readonly number[]): Expr =>
  ops.constantArray({ data, shape, dtype })

/** B rows of T tokens with K slots: what detection and the language model say, and what is true. */
interface Specimen {
  readonly B: number
  readonly T: number
  readonly K: number
  readonly V: number
  readonly logits: readonly number[] // of each slot, over V
  readonly scores: readonly number[] // of each token: the logit of "original"
  readonly original: readonly number[] // of each token, 1 or 0
  readonly positions: readonly number[]
  readonly targets: readonly number[]
  readonly weights: readonly number[]
  readonly more: number // masked places of other micro-batches
}

const eighths = fc.integer({ min: -32, max: 32 }).map((k) => k / 8)
const specimens: fc.Arbitrary<Specimen> = fc
  .record({
    B: fc.integer({ min: 1, max: 3 }),
    T: fc.integer({ min: 1, max: 5 }),
    K: fc.integer({ min: 1, max: 4 }),
    V: fc.integer({ min: 2, max: 5 }),
  })
  .chain(({ B, T, K, V }) => {
    const list = <A>(n: number, a: fc.Arbitrary<A>) => fc.array(a, { minLength: n, maxLength: n })
    return fc
      .record({
        logits: list(B * K * V, eighths),
        scores: list(B * T, eighths),
        original: list(B * T, fc.constantFrom(0, 1)),
        positions: list(B * K, fc.nat(T - 1)),
        targets: list(B * K, fc.nat(V - 1)),
        weights: list(B * K, fc.constantFrom(0, 1)),
        more: fc.nat(9),
      })
      .map((drawn) => ({ B, T, K, V, ...drawn }))
  })

const base = asInputs(hostBatch(0, 1))
const maskCountOf = (s: Specimen): number => s.weights.reduce((a, b) => a + b, 0) + s.more + 1
const inputsOf = (s: Specimen): PretrainInputs => ({
  ...base,
  positions: array(s.positions, 'i32', s.B, s.K),
  targets: array(s.targets, 'i32', s.B, s.K),
  weights: array(s.weights, 'f32', s.B, s.K),
  maskCount: array([maskCountOf(s)], 'f32'),
  tokenCount: array([s.B * s.T], 'f32'),
})
const exprsOf = (s: Specimen) => ({
  batch: inputsOf(s),
  logits: array(s.logits, 'f32', s.B * s.K, s.V),
  scores: array(s.scores, 'f32', s.B, s.T),
  isOriginal: array(s.original, 'bool', s.B, s.T),
})

const sigma = (x: number): number => 1 / (1 + Math.exp(-x))

/** Of each slot: its weight, σ(s), p_LM(x), and whether the token there is the original. */
const slotsOf = (s: Specimen) =>
  s.weights.map((weight, slot) => {
    const at = Math.floor(slot / s.K) * s.T + s.positions[slot]!
    const row = s.logits.slice(slot * s.V, (slot + 1) * s.V)
    const q = Math.exp(row[s.targets[slot]!]!) / row.reduce((sum, z) => sum + Math.exp(z), 0)
    return { weight, p: sigma(s.scores[at]!), q, isOriginal: s.original[at] === 1 }
  })

/** A specimen whose slots are its tokens, in order. */
const everyToken = (s: Specimen): Specimen => {
  const places = s.scores.map((_, i) => i)
  return {
    ...s,
    K: s.T,
    logits: places.flatMap((i) => Array.from({ length: s.V }, (_, v) => s.logits[(i * s.V + v) % s.logits.length]!)),
    positions: places.map((i) => i % s.T),
    targets: places.map((i) => s.targets[i % s.targets.length]!),
    weights: places.map(() => 1),
  }
}

/** Σ weight · f / |M|. */
const byHand = (s: Specimen, f: (slot: { p: number; q: number; isOriginal: boolean }) => number): number =>
  slotsOf(s).reduce((sum, slot) => sum + (slot.weight * f(slot)) / maskCountOf(s), 0)

const posted = (s: Specimen): number => byHand(s, ({ p, q }) => (1 - p) * -Math.log(q))
const paper = (s: Specimen): number =>
  byHand(s, ({ p, q, isOriginal }) => -Math.log((isOriginal ? p : 0) + (1 - p) * q))

const check = (body: (s: Specimen) => void): void =>
  fc.assert(
    fc.property(specimens, (s) => body(s)),
    { seed: 20211202, numRuns: 150 },
  )

const valueOf = (e: Expr): number => evaluateOne(e)[0]!
const close = (got: number, want: number): void => assertClose([got], [want], { tolerance: 1e-11 })
const throughout = { seed: 7, numRuns: 12 } as const

describe('training/objectives/corrective', (test) => {
  test("the authors' form: Σ sg(1 - σ(s)) · -ln p(x) over the masked places, by their count in the whole batch", () =>
    check((s) => {
      const { batch, logits, scores } = exprsOf(s)
      close(valueOf(correctiveLoss(logits, scores, batch)), posted(s))
    }))

  test("the paper's form: Σ -ln(1(x_R = x) sg(p) + sg(1 - p) p_LM(x))", () =>
    check((s) => {
      const { batch, logits, scores, isOriginal } = exprsOf(s)
      close(valueOf(copyLoss(logits, scores, isOriginal, batch)), paper(s))
    }))

  test('all tokens: Σ -ln(1(x_R = x) σ(s) + (1 - σ(s)) p_LM(x)) over every token, by their count; the gate learns from it', () =>
    check((drawn) => {
      const s = everyToken(drawn)
      const { logits, scores, isOriginal } = exprsOf(s)
      const batch = { ...inputsOf(s), tokens: array(s.targets, 'i32', s.B, s.T) }
      const want = slotsOf(s).map(({ p, q, isOriginal: kept }) => (kept ? p : 0) + (1 - p) * q)
      const loss = (x: Expr): Expr => allTokensLoss(logits, x, isOriginal, batch)
      close(valueOf(loss(scores)), want.reduce((sum, x) => sum - Math.log(x), 0) / want.length)
      // -d ln((kept) p + (1 - p) q) / ds = (q - kept) p (1 - p) / (...)
      const slopes = slotsOf(s).map(
        ({ p, q, isOriginal: kept }, i) => ((q - (kept ? 1 : 0)) * p * (1 - p)) / want[i]! / want.length,
      )
      assertClose(evaluateOne(grad(loss)(scores)), slopes, { tolerance: 1e-10 })
    }))

  test('control: weighted by the probability of "original" instead, it is another number', () => {
    const wrong = fc.check(
      fc.property(specimens, (s) => {
        const { batch, logits, scores } = exprsOf(s)
        close(valueOf(correctiveLoss(logits, ops.neg(scores), batch)), posted(s))
      }),
      { seed: 1, numRuns: 30 },
    )
    assert.ok(wrong.failed)
  })

  test("where nothing is replaced the authors' form is the greater (Jensen); where all is, the paper's by -ln(1 - p) + p · -ln q", () =>
    check((s) => {
      const none = exprsOf({ ...s, original: s.original.map(() => 1) })
      const value = valueOf(copyLoss(none.logits, none.scores, none.isOriginal, none.batch))
      assert.ok(valueOf(correctiveLoss(none.logits, none.scores, none.batch)) >= value - 1e-12)
      const all = exprsOf({ ...s, original: s.original.map(() => 0) })
      const apart = byHand(s, ({ p, q }) => -Math.log(1 - p) - p * Math.log(q))
      const [code, text] = [
        valueOf(correctiveLoss(all.logits, all.scores, all.batch)),
        valueOf(copyLoss(all.logits, all.scores, all.isOriginal, all.batch)),
      ]
      close(text, code + apart)
    }))

  test('weights of the gradient at each place: 1 - p in the one; 1 at replaced, (1 - p)q / (p + (1 - p)q) at original tokens in the other', () =>
    check((s) => {
      const { batch, logits, scores, isOriginal } = exprsOf(s)
      const gradient = (f: (z: Expr) => Expr): Float64Array => evaluateOne(grad(f)(logits))
      const plain = gradient((z) => maskedCrossEntropy(z, batch))
      const weighted = (of: (slot: { p: number; q: number; isOriginal: boolean }) => number): readonly number[] => {
        const weights = slotsOf(s).map(of)
        return Array.from(plain, (g, i) => g * weights[Math.floor(i / s.V)]!)
      }
      assertClose(
        gradient((z) => correctiveLoss(z, scores, batch)),
        weighted(({ p }) => 1 - p),
        { tolerance: 1e-10 },
      )
      assertClose(
        gradient((z) => copyLoss(z, scores, isOriginal, batch)),
        weighted(({ p, q, isOriginal: kept }) => (kept ? ((1 - p) * q) / (p + (1 - p) * q) : 1)),
        { tolerance: 1e-10 },
      )
    }))

  test('what detection says is a weight and no way for the gradient: none reaches it', () =>
    check((s) => {
      const { batch, logits, scores, isOriginal } = exprsOf(s)
      for (const f of [
        (x: Expr) => correctiveLoss(logits, x, batch),
        (x: Expr) => copyLoss(logits, x, isOriginal, batch),
      ])
        assert.ok(evaluateOne(grad(f)(scores)).every((g) => g === 0))
    }))

  test('far scores stay finite', () => {
    const s: Specimen = { B: 1, T: 1, K: 1, V: 2, logits: [0, 50], scores: [0], original: [1], positions: [0], targets: [0], weights: [1], more: 0 } // prettier-ignore
    for (const score of [-500, 500])
      for (const original of [0, 1]) {
        const { batch, logits, scores, isOriginal } = exprsOf({ ...s, scores: [score], original: [original] })
        assert.ok(Number.isFinite(valueOf(copyLoss(logits, scores, isOriginal, batch))))
        assert.ok(Number.isFinite(valueOf(correctiveLoss(logits, scores, batch))))
      }
  })

  test('ELECTRA\'s polarity: the loss of x where 1 is "replaced" is ours of -x; of x itself it is not', () => {
    check((s) => {
      const { batch, scores, isOriginal } = exprsOf(s)
      close(
        valueOf(replacementLoss(scores, isOriginal, batch)),
        valueOf(detectionLoss(ops.neg(scores), isOriginal, batch)),
      )
      const want = s.scores.reduce((sum, x, i) => sum - Math.log(s.original[i] === 0 ? sigma(x) : sigma(-x)), 0)
      close(valueOf(replacementLoss(scores, isOriginal, batch)), want / s.scores.length)
    })
    const same = fc.check(
      fc.property(specimens, (s) => {
        const { batch, scores, isOriginal } = exprsOf(s)
        close(valueOf(replacementLoss(scores, isOriginal, batch)), valueOf(detectionLoss(scores, isOriginal, batch)))
      }),
      { seed: 1, numRuns: 30 },
    )
    assert.ok(same.failed, 'control')
  })

  /** Both forms of two places of a row of three tokens, the first original and the second replaced. */
  const formsAt = (V: number) => {
    const s: Specimen = { B: 1, T: 3, K: 2, V, logits: [], scores: [], original: [1, 1, 0], positions: [1, 2], targets: [0, V - 1], weights: [1, 1], more: 1 } // prettier-ignore
    return { batch: inputsOf(s), isOriginal: array(s.original, 'bool', 1, 3) }
  }

  test('gradient laws hold for both forms and for detection in either polarity', () => {
    const inputs = { logits: { shape: [2, 'V'] }, scores: { shape: [1, 3], fixed: true } }
    const open = { scores: { shape: [1, 3] } }
    const sizes = { V: { min: 2, max: 4 } }
    const posedBy = (f: (z: Expr, x: Expr, at: ReturnType<typeof formsAt>) => Expr) => (z: Expr, x: Expr) =>
      f(z, x, formsAt(z.aval.shape[1]!))
    checkGradients(
      posedBy((z, x, { batch }) => correctiveLoss(z, x, batch)),
      inputs,
      { ...throughout, sizes },
    )
    checkGradients(
      posedBy((z, x, { batch, isOriginal }) => copyLoss(z, x, isOriginal, batch)),
      inputs,
      { ...throughout, sizes },
    )
    const { batch, isOriginal } = formsAt(2)
    checkGradients((x) => replacementLoss(x, isOriginal, batch), open, throughout)
    const text = { ...batch, tokens: array([0, 1, 1], 'i32', 1, 3) }
    const all = { logits: { shape: [3, 'V'] }, scores: { shape: [1, 3] } }
    checkGradients((z, x) => allTokensLoss(z, x, isOriginal, text), all, { ...throughout, sizes })
  })

  test('control: left free to move, the weight is found not to follow the loss', () =>
    assert.throws(
      () =>
        checkGradients(
          (x) => correctiveLoss(array([0, 1, 2, 0], 'f32', 2, 2), x, formsAt(2).batch),
          { scores: { shape: [1, 3] } },
          throughout,
        ),
      (e: unknown) => e instanceof GradientError && e.law === 'finiteDifferences',
    ))
})
