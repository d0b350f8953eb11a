import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { add, cast, mapExprs, mul, reshape, scalar, type ExprTree } from '../../../core'
import {
  addDecayedWeights,
  adamW,
  chain,
  clipByGlobalNorm,
  constantRate,
  linearWarmupDecay,
  scaleByAdam,
  scaleByLearningRate,
  type GradientTransformation,
} from '../../../training/optim'
import { describe } from '../../harness'
import { assertClose, CloseError } from '../../kit'
import {
  actsLeafByLeaf,
  isOdd,
  isRepeatable,
  keepsStateInF32,
  keepsStructure,
  OptimLawError,
  restsAtZeroGradient,
  type OptimLaw,
} from './laws'
import { numbersOf, problems, rollOut } from './roll-out'

const adam = { b1: 0.9, b2: 0.98, eps: 1e-6 }
const rate = linearWarmupDecay(0.1, 2, 6)

const everywhere: readonly OptimLaw[] = [keepsStructure, keepsStateInF32, isRepeatable]
const withoutDecay: readonly OptimLaw[] = [...everywhere, restsAtZeroGradient, isOdd]

/** Every transformation with the laws that it obeys. */
const table: Readonly<Record<string, readonly [GradientTransformation, readonly OptimLaw[]]>> = {
  scaleByAdam: [scaleByAdam(adam), [...withoutDecay, actsLeafByLeaf]],
  clipByGlobalNorm: [clipByGlobalNorm(1), withoutDecay],
  addDecayedWeights: [addDecayedWeights(0.01), [...everywhere, actsLeafByLeaf]],
  'addDecayedWeights of 0': [addDecayedWeights(0), [...withoutDecay, actsLeafByLeaf]],
  scaleByLearningRate: [scaleByLearningRate(rate), [...withoutDecay, actsLeafByLeaf]],
  'chain of nothing': [chain({}), [...withoutDecay, actsLeafByLeaf]],
  adamW: [adamW({ ...adam, weightDecay: 0.01, clipNorm: 1, rate }), everywhere],
  'adamW without decay': [adamW({ ...adam, weightDecay: 0, clipNorm: 1, rate }), withoutDecay],
  'adamW without clipping': [adamW({ ...adam, weightDecay: 0.01, clipNorm: 0, rate }), [...everywhere, actsLeafByLeaf]],
}

const holds = (law: OptimLaw, transform: GradientTransformation, numRuns = 40) =>
  fc.check(
    fc.property(problems(), (p) => law(transform, p)),
    { seed: 20211202, numRuns },
  )

const stateless = (update: (updates: ExprTree) => ExprTree): GradientTransformation => ({
  init: () => ({}),
  update: (updates, state) => ({ updates: update(updates) as typeof updates, state }),
})

/** Nothing kept in the state, so a second run sees what the first left. */
const forgetful = (): GradientTransformation => {
  let calls = 0
  return stateless((updates) => {
    calls += 1
    return mapExprs(updates, (g) => mul(g, calls))
  })
}

/** For each law, a transformation that breaks it. */
const broken: readonly (readonly [OptimLaw, string, GradientTransformation])[] = [
  [keepsStructure, 'adds a branch', stateless((updates) => ({ updates }))],
  [keepsStructure, 'changes a shape', stateless((u) => mapExprs(u, (g) => reshape(g, [-1])))],
  [
    keepsStateInF32,
    'counts in whole numbers',
    { init: () => ({ step: scalar(0, 'i32') }), update: (updates, state) => ({ updates, state }) },
  ],
  [
    keepsStructure,
    'changes the dtype of a moment',
    { init: () => ({ m: scalar(0) }), update: (updates) => ({ updates, state: { m: cast(scalar(0), 'f16') } }) },
  ],
  [restsAtZeroGradient, 'moves on its own', stateless((u) => mapExprs(u, (g) => add(g, 1e-9)))],
  [isRepeatable, 'keeps something outside its state', forgetful()],
  [actsLeafByLeaf, 'clips by the norm of all leaves', clipByGlobalNorm(1)],
  [isOdd, 'squares', stateless((u) => mapExprs(u, (g) => mul(g, g)))],
]

describe('training/optim/laws', (test) => {
  for (const [name, [transform, laws]] of Object.entries(table))
    for (const law of laws)
      test(`${name}: ${law.name}`, () => {
        const result = holds(law, transform)
        assert.not.ok(result.failed, fc.defaultReportMessage(result))
      })

  for (const [law, title, transform] of broken)
    test(`control: ${law.name} rejects one that ${title}`, () => {
      const { failed, errorInstance } = holds(law, transform)
      assert.ok(failed)
      assert.ok(errorInstance instanceof OptimLawError || errorInstance instanceof CloseError, String(errorInstance))
    })

  test('a chain is its links in order, and chains of chains are flat', () =>
    fc.assert(
      fc.property(problems(), (p) => {
        const [a, b, c] = [clipByGlobalNorm(2), scaleByAdam(adam), scaleByLearningRate(rate)]
        const flat = rollOut(chain({ a, b, c }), p)
        const left = rollOut(chain({ ab: chain({ a, b }), c }), p)
        const right = rollOut(chain({ a, bc: chain({ b, c }) }), p)
        flat.forEach((step, i) => {
          assertClose(numbersOf(left[i]!.updates), numbersOf(step.updates))
          assertClose(numbersOf(right[i]!.updates), numbersOf(step.updates))
        })
        // By hand: each link over what the one before it gave.
        const clipped = { ...p, gradients: rollOut(a, p).map((s) => s.updates) }
        const directed = { ...p, gradients: rollOut(b, clipped).map((s) => s.updates) }
        const byHand = rollOut(c, directed)
        flat.forEach((step, i) => assertClose(numbersOf(byHand[i]!.updates), numbersOf(step.updates)))
      }),
      { seed: 5, numRuns: 40 },
    ))

  test('the order of the links matters: decay after the rate is not scaled by it', () => {
    const links = { decay: addDecayedWeights(0.5), rate: scaleByLearningRate(constantRate(0.1)) }
    const p = { params: scalar(4), gradients: [scalar(1)] }
    const last = (t: GradientTransformation): number => numbersOf(rollOut(t, p)[0]!.updates)[0]!
    assertClose([last(chain(links))], [-0.1 * (1 + 0.5 * 4)], { tolerance: 1e-15 })
    assertClose([last(chain({ rate: links.rate, decay: links.decay }))], [-0.1 + 0.5 * 4], { tolerance: 1e-15 })
  })

  test('steps are counted: 1, 2, 3 after three updates', () => {
    const p = { params: scalar(0), gradients: [scalar(1), scalar(1), scalar(1)] }
    const counts = rollOut(scaleByLearningRate(constantRate(1)), p).map((s) => numbersOf(s.state)[0])
    assert.equal(counts, [1, 2, 3])
  })
})
