import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { mapExprs, ops, scalar, tensor, type ExprTree } from '../../../core'
import { adamW, linearWarmupDecay, scaleByAdam } from '../../../training/optim'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { numbersOf, problems, rollOut } from './roll-out'

interface AdamNumbers {
  readonly b1: number
  readonly b2: number
  readonly eps: number
}

/** Algorithm 1 of Kingma and Ba 2015 over flat lists, with powers of the step; the direction of every step. */
const plainAdam = ({ b1, b2, eps }: AdamNumbers, gradients: readonly (readonly number[])[]) => {
  const n = gradients[0]!.length
  const [m, v] = [new Array<number>(n).fill(0), new Array<number>(n).fill(0)]
  return gradients.map((g, i) => {
    const t = i + 1
    return g.map((x, k) => {
      m[k] = b1 * m[k]! + (1 - b1) * x
      v[k] = b2 * v[k]! + (1 - b2) * x ** 2
      return m[k] / (1 - b1 ** t) / (Math.sqrt(v[k] / (1 - b2 ** t)) + eps)
    })
  })
}

const recipe = { b1: 0.9, b2: 0.98, eps: 1e-6 }

describe('training/optim/adam', (test) => {
  for (const config of [recipe, { b1: 0.9, b2: 0.999, eps: 1e-8 }, { b1: 0, b2: 0.5, eps: 0.1 }])
    test(`b1 ${config.b1}, b2 ${config.b2}, eps ${config.eps}: six steps are those of the algorithm`, () =>
      fc.assert(
        fc.property(problems(6), (p) => {
          const want = plainAdam(config, p.gradients.map(numbersOf))
          rollOut(scaleByAdam(config), p).forEach(({ updates }, i) =>
            assertClose(numbersOf(updates), want[i]!, { tolerance: 1e-12, label: `step ${i}` }),
          )
        }),
        { seed: 6, numRuns: 60 },
      ))

  test('control: without bias correction, or with eps under the root, it is another algorithm', () => {
    const p = { params: scalar(0), gradients: [scalar(1e-3)] }
    const got = numbersOf(rollOut(scaleByAdam(recipe), p)[0]!.updates)[0]!
    assertClose([got], [1e-3 / (1e-3 + 1e-6)], { tolerance: 1e-14 })
    const uncorrected = (0.1 * 1e-3) / (Math.sqrt(0.02 * 1e-6) + 1e-6)
    const epsInside = 1e-3 / Math.sqrt(1e-6 + 1e-6)
    for (const wrong of [uncorrected, epsInside]) assert.ok(Math.abs(got - wrong) > 0.1)
  })

  test('the first direction is g / (|g| + eps): a sign, whatever the size of the gradient', () => {
    const g = [1e4, -1e4, 1, -1, 1e-3, 1e-6, -1e-9, 0]
    const [step] = rollOut(scaleByAdam(recipe), { params: tensor(g.map(() => 0)), gradients: [tensor(g)] })
    assertClose(
      numbersOf(step!.updates),
      g.map((x) => x / (Math.abs(x) + 1e-6)),
      { tolerance: 1e-12 },
    )
  })

  test('gradients times a constant give the same directions, but for eps', () =>
    fc.assert(
      fc.property(problems(3), fc.integer({ min: -6, max: 6 }), (p, power) => {
        const scale = (tree: ExprTree): ExprTree =>
          mapExprs(tree, (g) => ops.mul(g, ops.literal({ value: 2 ** power, shape: g.aval.shape, dtype: 'f32' })))
        const scaled = { ...p, gradients: p.gradients.map(scale) }
        const withEps = (eps: number) => scaleByAdam({ ...recipe, eps })
        const [a, b] = [rollOut(withEps(1e-6), p), rollOut(withEps(1e-6 * 2 ** power), scaled)]
        a.forEach((step, i) => assertClose(numbersOf(b[i]!.updates), numbersOf(step.updates), { tolerance: 1e-12 }))
      }),
      { seed: 7, numRuns: 60 },
    ))

  test('the corrections are 1 - b^t, by recurrence', () => {
    const steps = 20
    const p = { params: scalar(0), gradients: Array.from({ length: steps }, () => scalar(1)) }
    rollOut(scaleByAdam(recipe), p).forEach(({ state }, i) => {
      const [c1, c2] = numbersOf(state)
      assertClose([c1!, c2!], [1 - 0.9 ** (i + 1), 1 - 0.98 ** (i + 1)], { tolerance: 1e-13, label: `step ${i}` })
    })
  })

  test("adamW is the recipe's rule: clip, direction, decoupled decay, rate", () =>
    fc.assert(
      fc.property(problems(5), fc.constantFrom(0, 1, 3, 1000), (p, clipNorm) => {
        const weightDecay = 0.01
        const peak = 0.05
        const gradients = p.gradients.map((tree) => {
          const g = numbersOf(tree)
          const norm = Math.sqrt(g.reduce((s, x) => s + x * x, 0))
          const factor = clipNorm === 0 ? 1 : Math.min(1, clipNorm / (norm + 1e-6))
          return g.map((x) => x * factor)
        })
        const directions = plainAdam(recipe, gradients)
        const rates = [1 / 2, 1, 1, 2 / 3, 1 / 3].map((r) => r * peak) // two steps up, then down to 0 at step 5
        let want = numbersOf(p.params)
        const steps = rollOut(adamW({ ...recipe, weightDecay, clipNorm, rate: linearWarmupDecay(peak, 2, 5) }), p)
        steps.forEach(({ params }, i) => {
          want = want.map((x, k) => x - rates[i]! * (directions[i]![k]! + weightDecay * x))
          assertClose(numbersOf(params), want, { tolerance: 1e-12, label: `parameters after step ${i}` })
        })
      }),
      { seed: 8, numRuns: 60 },
    ))

  test('state: two moments like the parameters and two scalars; a clip of 0 adds nothing', () => {
    const params = { w: tensor([[1, 2]]), b: tensor([0]) }
    const names = Object.keys(adamW({ ...recipe, weightDecay: 0, clipNorm: 0, rate: () => scalar(1) }).init(params))
    assert.equal(names, ['adam', 'decay', 'rate'])
    const state = scaleByAdam(recipe).init(params)
    assert.equal(Object.keys(state).sort(), ['correction1', 'correction2', 'm', 'v'])
    assert.ok(numbersOf(state).every((x) => x === 0))
  })
})
