import * as assert from 'uvu/assert'
import { add, evaluate, keyOf, logSoftmax, mul, ops, sqrt, sum, where, type Expr } from '../../../core'
import { grad } from '../../../autodiff'
import type { Perturbation } from '../../../models'
import { batchKey } from '../../../training/objectives'
import {
  adversarialNoise,
  divergenceNames,
  divergences,
  findNoise,
  hellinger,
  kl,
  noiseNorms,
  randomNoise,
  siftNoise,
  smartNoise,
  squaredError,
  unperturbed,
  type NoiseSearch,
} from '../../../training/robust'
import { normalLike } from '../../../training/robust/noise'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { drawn, says } from '../../models/tasks/specimens'
import { D, numberOf, numbers, plus, reader, readerPosterior, T, textsOf } from './specimens'

const B = 5
const batch = textsOf(0, B, B + 1)
const key = batchKey(keyOf(3), batch)
const posterior = (perturb: Perturbation): Expr => readerPosterior(reader, batch, keyOf(3), perturb)
const clean = posterior(unperturbed)

/** The noise itself. */
const noiseOf = (search: NoiseSearch): readonly number[] => {
  const { perturb } = findNoise(search, posterior, clean, batch.isToken, key)
  return numbers(ops.sub(perturb(batch.embedded), batch.embedded))
}
const asNoise = (data: readonly number[]): Expr => ops.constantArray({ data, shape: [B, T, D], dtype: 'f32' })
const isToken = numbers(batch.isToken)
const tokens = (v: readonly number[]): readonly (readonly number[])[] =>
  isToken.map((_, i) => v.slice(i * D, (i + 1) * D))
const l2 = (v: readonly number[]): number => Math.hypot(...v)
const linf = (v: readonly number[]): number => Math.max(...v.map(Math.abs))

/** A search whose noise is the gradient itself. */
const gradientSearch = (climbs: typeof kl): NoiseSearch => ({
  at: 'output',
  start: () => drawn(31, [B, T, D], 0.5),
  ascent: { steps: 1, climbs, next: (_, gradient) => gradient },
})

const adversarial = { mode: 'adversarial', eps: 0.2, xi: 1e-3, norm: 'l2', noise: 'tok', steps: 1 } as const

describe('training/robust/search', (test) => {
  for (const name of divergenceNames)
    test(`the gradient with respect to noise of ${name} is that of finite differences, the clean side held`, () => {
      const climbs = divergences[name]
      const at = numbers(drawn(31, [B, T, D], 0.5)).map((x, i) => (isToken[Math.floor(i / D)] === 1 ? x : 0))
      const value = (noise: readonly number[]): number => numberOf(sum(climbs(clean, posterior(plus(asNoise(noise))))))
      // Symmetric KL: half of it has a fixed first side that the noise would move.
      const target = numbers(clean)
      const heldSide = (noise: readonly number[]): number => {
        const q = numbers(posterior(plus(asNoise(noise))))
        return -0.5 * target.reduce((s, logP, i) => s + Math.exp(logP) * q[i]!, 0)
      }
      const f = name === 'symmetric-kl' ? heldSide : value
      const got = noiseOf(gradientSearch(climbs))
      for (const i of at.keys()) {
        const along = (h: number): readonly number[] => at.map((x, k) => (k === i ? x + h : x))
        const want = isToken[Math.floor(i / D)] === 1 ? (f(along(1e-5)) - f(along(-1e-5))) / 2e-5 : 0
        assertClose([got[i]!], [want], { tolerance: 1e-8, label: `element ${i}` })
      }
    })

  test('no noise has padding; every token has, of the length that is asked for', () => {
    const searches = {
      random: randomNoise({ mode: 'random', eps: 0.1, norm: 'l2', noise: 'tok' }),
      adversarial: adversarialNoise({ ...adversarial, eps: 0.1 }, hellinger),
      smart: smartNoise({ mode: 'smart', eps: 0.1, xi: 0.1, eta: 9, norm: 'l2', steps: 1 }, kl),
    }
    for (const [name, search] of Object.entries(searches))
      tokens(noiseOf(search)).forEach((v, i) =>
        assertClose([l2(v)], [isToken[i] === 1 ? 0.1 : 0], { tolerance: 1e-12, label: `${name}, place ${i}` }),
      )
    tokens(noiseOf(siftNoise({ mode: 'sift', xi: 1e-2, eta: 1e-4, norm: 'linf', steps: 1 }, kl))).forEach((v, i) => {
      if (isToken[i] === 1) assert.ok(linf(v) > 0 && linf(v) <= 2.01e-2 + 1e-12, String(linf(v)))
      else assert.equal(v, [0, 0, 0])
    })
  })

  test('what is found for a row does not depend on the others', () => {
    const whole = noiseOf(adversarialNoise({ ...adversarial, noise: 'tok+seq', steps: 2 }, hellinger))
    const one = textsOf(3, 4, B + 1)
    const alone = (perturb: Perturbation): Expr => readerPosterior(reader, one, keyOf(3), perturb)
    const search = adversarialNoise({ ...adversarial, noise: 'tok+seq', steps: 2 }, hellinger)
    const { perturb } = findNoise(search, alone, alone(unperturbed), one.isToken, batchKey(keyOf(3), one))
    assertClose(numbers(ops.sub(perturb(one.embedded), one.embedded)), whole.slice(3 * T * D, 4 * T * D), { tolerance: 1e-12 }) // prettier-ignore
  })

  test('a power iteration: many steps lead to the direction in which the divergence curves most', () => {
    // ln softmax([v·e, 0]): near no noise the divergence grows with (v·d)², so that the direction is v's, at every token.
    const v = [0.6, -1.2, 0.3]
    const column = ops.constantArray({ data: v.flatMap((x) => [x, 0]), shape: [D, 2], dtype: 'f32' })
    const linearPosterior = (perturb: Perturbation): Expr =>
      logSoftmax(sum(ops.reshape({ shape: [B, T, 2] }, ops.matmul(ops.reshape({ shape: [B * T, D] }, perturb(batch.embedded)), column)), 1)) // prettier-ignore
    const search = adversarialNoise({ ...adversarial, eps: 1, steps: 1 }, kl)
    const { perturb } = findNoise(search, linearPosterior, linearPosterior(unperturbed), batch.isToken, key)
    tokens(numbers(ops.sub(perturb(batch.embedded), batch.embedded))).forEach((d, i) => {
      if (isToken[i] === 1)
        assertClose([Math.abs(d.reduce((s, x, k) => s + x * v[k]!, 0))], [l2(v)], { tolerance: 1e-9 })
    })
    const climbed = (steps: number): number =>
      numberOf(sum(hellinger(clean, posterior(plus(asNoise(noiseOf(adversarialNoise({ ...adversarial, steps, eps: 1e-2, noise: 'seq' }, hellinger)))))))) // prettier-ignore
    const path = [1, 2, 8].map(climbed)
    assert.ok(path[0]! < path[1]! && path[1]! < path[2]!, path.join())
  })

  for (const norm of noiseNorms)
    test(`${norm}: adversarial noise moves the posterior further than random noise of its length, for each divergence`, () => {
      for (const name of divergenceNames) {
        const climbs = divergences[name]
        const moved = (search: NoiseSearch): number =>
          numberOf(sum(climbs(clean, posterior(plus(asNoise(noiseOf(search)))))))
        const form = { eps: 0.05, norm, noise: 'tok' } as const
        const [chance, sought] = [
          moved(randomNoise({ mode: 'random', ...form })),
          moved(adversarialNoise({ ...adversarial, ...form }, climbs)),
        ]
        assert.ok(sought > 2 * chance, `${name}: ${sought} and ${chance}`)
      }
    })

  test('smart: steps along the gradient from the start, in the ball; climbs KL for posteriors and squared error for values', () => {
    const form = { mode: 'smart', eps: 1e9, xi: 0.3, eta: 0.25, norm: 'linf', steps: 1 } as const
    const start = noiseOf({ at: 'output', start: smartNoise(form, hellinger).start })
    const g = grad((noise: Expr) => sum(kl(clean, posterior(plus(noise)))))(asNoise(start))
    const want = tokens(numbers(g)).flatMap((v, i) => v.map((x, k) => (isToken[i] === 1 ? start[i * D + k]! + 0.25 * (x / linf(v)) : 0))) // prettier-ignore
    assertClose(noiseOf(smartNoise(form, hellinger)), want, { tolerance: 1e-12 })
    const clipped = noiseOf(smartNoise({ ...form, eps: 0.2 }, hellinger))
    assertClose(clipped, want.map((x) => Math.max(-0.2, Math.min(0.2, x))), { tolerance: 1e-12 }) // prettier-ignore
    assert.is(smartNoise(form, squaredError).ascent!.climbs, squaredError)
    assert.is(smartNoise(form, divergences['symmetric-kl']).ascent!.climbs, kl)
  })

  test('sift: a normal start cut off at two deviations, steps along the gradient, behind the norm', () => {
    const form = { mode: 'sift', xi: 0.1, eta: 0.05, norm: 'linf', steps: 1 } as const
    const search = siftNoise(form, divergences['symmetric-kl'])
    assert.is(search.at, 'normalized')
    assert.is(findNoise(search, posterior, clean, batch.isToken, key).perturb.at, 'normalized')
    const wide = ops.literal({ value: 0, shape: [40, 50, D], dtype: 'f32' })
    const start = numbers(search.start(normalLike(keyOf(5), wide)))
    const cut = start.filter((x) => Math.abs(x) > 0.2 - 1e-12).length / start.length
    assert.is(linf(start), 0.2)
    assert.ok(Math.abs(cut - 0.0455) < 0.012, `${cut} are cut off`)
    const moved = noiseOf(search)
    const before = noiseOf({ at: 'normalized', start: search.start })
    tokens(moved).forEach((v, i) => {
      const step = linf(v.map((x, k) => x - before[i * D + k]!))
      assertClose([step], [isToken[i] === 1 ? 0.05 : 0], { tolerance: 1e-9 })
    })
  })

  test('a row whose gradient is not finite has no noise, and says so; the others have theirs', () => {
    // √x at 0 has no derivative: row 2 alone reads one.
    const row = ops.constantArray({ data: [0, 0, 1, 0, 0].flatMap((on) => Array<number>(T * D).fill(on)), shape: [B, T, D], dtype: 'bool' }) // prettier-ignore
    const broken = (perturb: Perturbation): Expr =>
      posterior((e) => {
        const noisy = perturb(e)
        return add(noisy, where(row, sqrt(where(row, mul(noisy, 0), 1)), 0))
      })
    const search = adversarialNoise(adversarial, hellinger)
    const { perturb, isFinite } = findNoise(search, broken, clean, batch.isToken, key)
    const [finite, noise] = evaluate([isFinite!, ops.sub(perturb(batch.embedded), batch.embedded)])
    assert.equal([...finite!], [1, 1, 0, 1, 1])
    const want = noiseOf(search)
    const at = 2 * T * D
    assert.ok([...noise!].slice(at, at + T * D).every((x) => x === 0))
    assert.equal([...noise!].slice(0, at), want.slice(0, at))
    assert.equal([...noise!].slice(at + T * D), want.slice(at + T * D))
  })

  test('a posterior that perturbs nothing, or twice, is refused; so is an ascent of no steps', () => {
    const search = adversarialNoise(adversarial, hellinger)
    const find =
      (f: (perturb: Perturbation) => Expr, by = search) =>
      () =>
        findNoise(by, f, clean, batch.isToken, key)
    const once = 'findNoise: expected a posterior that perturbs its embedded tokens once, got one that does so'
    assert.throws(find(() => clean), says(`${once} 0 times`)) // prettier-ignore
    assert.throws(find((perturb) => add(posterior(perturb), posterior(perturb))), says(`${once} 2 times`)) // prettier-ignore
    const none = adversarialNoise({ ...adversarial, steps: 0 }, hellinger)
    assert.throws(find(posterior, none), says('findNoise: expected one step at least, got 0'))
  })
})
