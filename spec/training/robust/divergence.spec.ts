import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { exp, logSoftmax, mul, ops, stopGradient, sub, sum, tensor, type Expr } from '../../../core'
import { grad } from '../../../autodiff'
import {
  divergenceNames,
  divergences,
  hellinger,
  jensenShannon,
  kl,
  squaredError,
  symmetricKl,
  type Divergence,
} from '../../../training/robust'
import { describe } from '../../harness'
import { assertClose, checkGradients } from '../../kit'
import { numberOf, numbers, slopes } from './specimens'

const posterior = (logits: readonly number[]): readonly number[] => {
  const total = logits.reduce((s, z) => s + Math.exp(z), 0)
  return logits.map((z) => Math.exp(z) / total)
}
const logs = (p: readonly number[]): Expr => tensor([p.map(Math.log)])
const total = (f: (x: number, y: number) => number, p: readonly number[], q: readonly number[]): number =>
  p.reduce((s, x, i) => s + f(x, q[i]!), 0)
const klOf = (p: readonly number[], q: readonly number[]): number => total((x, y) => x * Math.log(x / y), p, q)
const middle = (p: readonly number[], q: readonly number[]): readonly number[] => p.map((x, i) => (x + q[i]!) / 2)

/** Every divergence of posteriors from probabilities. */
const byHand: Readonly<Record<string, (p: readonly number[], q: readonly number[]) => number>> = {
  kl: klOf,
  'symmetric-kl': (p, q) => (klOf(p, q) + klOf(q, p)) / 2,
  hellinger: (p, q) => 1 - total((x, y) => Math.sqrt(x * y), p, q),
  js: (p, q) => (klOf(p, middle(p, q)) + klOf(q, middle(p, q))) / 2,
}
const ofPosteriors = Object.keys(byHand) as readonly ('kl' | 'symmetric-kl' | 'hellinger' | 'js')[]

const eighths = fc.integer({ min: -24, max: 24 }).map((k) => k / 8)
const two = fc.integer({ min: 1, max: 5 }).chain((C) => {
  const logits = fc.array(eighths, { minLength: C, maxLength: C }).map(posterior)
  return fc.record({ p: logits, q: logits })
})

/** A divergence of two rows of logits. */
const ofLogits =
  (divergence: Divergence) =>
  (x: Expr, y: Expr): Expr =>
    divergence(logSoftmax(x), logSoftmax(y))

const classes = { clean: { shape: ['N', 'C'] }, noisy: { shape: ['N', 'C'] } } as const
const laws = { seed: 8, numRuns: 40, laws: ['finiteDifferences', 'duality', 'linearity', 'secondOrder', 'vmap', 'remat'] } as const // prettier-ignore
const x = tensor([[0.3, -1, 0.7], [2, 0.1, -0.4]]) // prettier-ignore
const y = tensor([[0.1, -0.6, 1.2], [1, 0.4, 0.2]]) // prettier-ignore

describe('training/robust/divergence', (test) => {
  for (const name of ofPosteriors)
    test(`${name}: the formula; not negative, 0 for equal posteriors and for no others; one number a row`, () => {
      const of = divergences[name]
      fc.assert(
        fc.property(two, ({ p, q }) => {
          const got = numberOf(of(logs(p), logs(q)))
          assertClose([got], [byHand[name]!(p, q)], { tolerance: 1e-13 })
          assert.ok(got >= -1e-15, String(got))
          const apart = Math.max(...p.map((v, i) => Math.abs(v - q[i]!)))
          assert.is(got > 1e-12, apart > 1e-12, `${got}, ${apart} apart`)
          assert.is(Math.abs(numberOf(of(logs(p), logs(p)))) < 1e-15, true)
        }),
        { seed: 1, numRuns: 150 },
      )
      assert.equal(of(tensor([[0, 0, 0], [0, 0, 0]]), tensor([[0, 0, 0], [0, 0, 0]])).aval.shape, [2]) // prettier-ignore
    })

  test('bounds: Hellinger² is at most 1, Jensen-Shannon ln 2, reached where nothing is in common; both are symmetric', () => {
    const [p, q] = [tensor([[0, -1e9, -1e9]]), tensor([[-1e9, Math.log(0.5), Math.log(0.5)]])]
    assertClose([numberOf(hellinger(p, q)), numberOf(jensenShannon(p, q))], [1, Math.LN2], { tolerance: 1e-15 })
    fc.assert(
      fc.property(two, ({ p: a, q: b }) => {
        for (const [of, most] of [
          [hellinger, 1],
          [jensenShannon, Math.LN2],
        ] as const) {
          // prettier-ignore
          const value = numberOf(of(logs(a), logs(b)))
          assert.ok(value <= most, String(value))
          assertClose([numberOf(of(logs(b), logs(a)))], [value], { tolerance: 1e-14 })
        }
      }),
      { seed: 2, numRuns: 100 },
    )
  })

  test('a class that both hold impossible costs nothing, and no gradient comes of it', () => {
    const masked = (z: Expr): Expr => logSoftmax(ops.where(tensor([[1, 1, 0]], 'bool'), z, tensor([[0, 0, -1e9]])))
    const plain = (z: Expr): Expr => logSoftmax(ops.slice({ start: [0, 0], size: [1, 2] }, z))
    const [a, b] = [tensor([[0.3, -1, 5]]), tensor([[0.7, 0.2, -4]])]
    for (const name of ofPosteriors) {
      const of = divergences[name]
      assertClose([numberOf(of(masked(a), masked(b)))], [numberOf(of(plain(a), plain(b)))], { tolerance: 1e-14 })
      const g = numbers(grad((z: Expr) => sum(of(masked(a), masked(z))))(b))
      assert.ok(g.every(Number.isFinite) && g[2] === 0, g.join())
    }
  })

  test('to second order: KL and its symmetric form are χ²/2, Hellinger² and Jensen-Shannon χ²/8', () => {
    const p = posterior([0.4, -0.3, 1.1, 0])
    const d = [1e-3, -2e-3, 0.5e-3, 0.5e-3]
    const q = p.map((v, i) => v + d[i]!)
    const chi = p.reduce((s, v, i) => s + d[i]! ** 2 / v, 0)
    const ratios = { kl: 2, 'symmetric-kl': 2, hellinger: 8, js: 8 }
    for (const name of ofPosteriors) {
      const ratio = chi / numberOf(divergences[name](logs(p), logs(q)))
      assert.ok(Math.abs(ratio / ratios[name] - 1) < 0.01, `${name}: ${ratio}`)
    }
  })

  for (const [name, of] of Object.entries({ hellinger, jensenShannon }))
    test(`${name}: gradient laws with respect to both sides' logits`, () =>
      checkGradients(ofLogits(of), classes, { ...laws, name }))

  test('squaredError: Σ (x - y)², gradient laws', () => {
    assert.equal(numbers(squaredError(tensor([[1], [3]]), tensor([[4], [1]]))), [9, 4])
    checkGradients(squaredError, classes, { ...laws, name: 'squaredError' })
  })

  test('kl: gradient laws with respect to the noisy side; none to the clean one', () => {
    checkGradients(ofLogits(kl), { ...classes, clean: { shape: ['N', 'C'], fixed: true } }, { ...laws, name: 'kl' })
    const toClean = numbers(grad((z: Expr) => sum(ofLogits(kl)(z, y)))(x))
    assert.ok(toClean.every((g) => g === 0))
  })

  test('symmetricKl: each side has the gradient of the other as a fixed target, (p - q) / 2, which finite differences of that confirm', () => {
    const grads = grad((z: { readonly x: Expr; readonly y: Expr }) => sum(ofLogits(symmetricKl)(z.x, z.y)))({ x, y })
    const [p, q] = [x, y].map((z) => numbers(exp(logSoftmax(z))))
    assertClose(numbers(grads.x), p!.map((v, i) => (v - q![i]!) / 2), { tolerance: 1e-14 }) // prettier-ignore
    assertClose(numbers(grads.y), p!.map((v, i) => (q![i]! - v) / 2), { tolerance: 1e-14 }) // prettier-ignore
    const { got, want } = slopes((z: { readonly x: Expr; readonly y: Expr }) => sum(ofLogits(symmetricKl)(z.x, z.y)), { x, y }) // prettier-ignore
    assertClose([got], [want], { tolerance: 1e-9 })
  })

  test('no regulariser is without gradient; control: with what public code stops, two are', () => {
    const norm = (of: Divergence): number => Math.hypot(...numbers(grad((z: Expr) => sum(ofLogits(of)(x, z)))(y)))
    for (const name of divergenceNames) assert.ok(norm(divergences[name]) > 1e-3, `${name}: ${norm(divergences[name])}`)
    // PDR's VAT stops the mean's logarithm, and its KL both of its first arguments (mnli_utils/loss_helper.py).
    const stoppedKl = (logP: Expr, logQ: Expr): Expr => sum(mul(exp(stopGradient(logP)), sub(stopGradient(logP), logQ)), -1) // prettier-ignore
    const stoppedJs: Divergence = (a, b) => {
      const m = stopGradient(ops.log(mul(ops.add(exp(a), exp(b)), 0.5)))
      return ops.add(stoppedKl(a, m), stoppedKl(b, m))
    }
    // MT-DNN's criterion detaches both sides.
    const stoppedHellinger: Divergence = (a, b) => hellinger(stopGradient(a), stopGradient(b))
    assert.equal([norm(stoppedJs), norm(stoppedHellinger)], [0, 0])
  })

  test('Hellinger² of close posteriors keeps its digits in f32, where 1 - Σ √(pq) has none', () => {
    const f = Math.fround
    const [a, b] = [logSoftmax(tensor([[0.2, -0.1, 0.4]])), logSoftmax(tensor([[0.2001, -0.1, 0.4]]))].map((e) => numbers(e).map(f)) // prettier-ignore
    const want = numberOf(hellinger(tensor([a!]), tensor([b!])))
    const roots = [a!, b!].map((side) => side.map((v) => f(Math.exp(f(v / 2)))))
    const apart = f(roots[0]!.reduce((s, r, i) => f(s + f(f(r - roots[1]![i]!) ** 2)), 0) / 2)
    const product = f(1 - roots[0]!.reduce((s, r, i) => f(s + f(r * roots[1]![i]!)), 0))
    assert.ok(Math.abs(apart / want - 1) < 0.01, `${apart} for ${want}`)
    assert.ok(Math.abs(product / want - 1) > 1, `control: ${product} for ${want}`)
  })
})
