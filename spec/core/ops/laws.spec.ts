import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { allOps, type OpSpec } from '../../../core'
import {
  callsOf,
  dropsDerivatives,
  equalsItsRemat,
  hasCalls,
  isDual,
  isLinear,
  mapsGradientsOverStacks,
  mapsOverStacks,
  matchesFiniteDifferences,
  matchesSecondOrder,
  smoothCallsOf,
  type Call,
} from '../../kit'
import { describe } from '../../harness'

const numRuns = 300 // of which a third or less have no elements: at least 200 say something
const seed = 20211202

const holds = (law: (call: Call) => void, drawn: fc.Arbitrary<Call>, runs = numRuns): void =>
  fc.assert(fc.property(drawn, law), { seed, numRuns: runs })

/** Ops that are not held to the laws of differentiation everywhere, and why. All others are. */
const piecewise: Readonly<Record<string, string>> = {
  abs: 'a kink at 0: laws hold off it, the derivative there is 0',
  max: 'a kink where x = y: laws hold off it, the derivative there goes to x',
  min: 'a kink where x = y: laws hold off it, the derivative there goes to x',
  reduceMax: 'kinks at ties: laws hold off them, the derivative there is shared equally',
}
const underivable: Readonly<Record<string, string>> = {
  and: 'truth values',
  argmax: 'a position',
  constant: 'no inputs',
  countLess: 'a count',
  eq: 'a truth value',
  floor: 'a step function: its derivative is 0 wherever it has one',
  input: 'no inputs',
  invertPermutation: 'positions',
  iota: 'no inputs',
  le: 'a truth value',
  literal: 'no inputs',
  lt: 'a truth value',
  not: 'truth values',
  or: 'truth values',
  searchSorted: 'positions',
  sign: 'a step function: its derivative is 0 wherever it has one',
  sortRank: 'positions',
  stopGradient: 'its purpose',
  threefry: 'random bits',
}

const differentiable = allOps.filter((op) => !Object.hasOwn(underivable, op.name))
const withInputs = allOps.filter((op) => op.arity !== 0)

const derivativeLaws = {
  'finite differences': matchesFiniteDifferences,
  duality: isDual,
  linearity: isLinear,
  'second order': matchesSecondOrder,
}
const programLaws = {
  'vmap of the gradient': mapsGradientsOverStacks,
  remat: equalsItsRemat,
}

describe('core/ops: laws', (test) => {
  test('every op is differentiable, piecewise or without derivative, as its record says; the exemptions', () => {
    const exemptions = { ...piecewise, ...underivable }
    const groupOf = (op: OpSpec): string =>
      Object.hasOwn(piecewise, op.name) ? 'piecewise' : Object.hasOwn(underivable, op.name) ? 'none' : 'smooth'
    for (const op of allOps) {
      assert.is(op.smoothness, groupOf(op), op.name)
      assert.is(op.vjp === null, groupOf(op) === 'none', `${op.name}: vjp`)
      assert.is(op.jvp === null, groupOf(op) === 'none', `${op.name}: jvp`)
      assert.ok(hasCalls(op), `${op.name}: calls can be drawn`)
    }
    const known = new Set(allOps.map((op) => op.name))
    for (const name of Object.keys(exemptions)) assert.ok(known.has(name), `${name} is an op`)
    assert.is(new Set(allOps.map((op) => op.name)).size, allOps.length, 'names are distinct')
    console.log(`${differentiable.length} of ${allOps.length} ops pass the laws of differentiation. Exempt:`)
    for (const [name, why] of Object.entries(piecewise)) console.log(`  ${name} (piecewise): ${why}`)
    for (const [name, why] of Object.entries(underivable)) console.log(`  ${name} (none): ${why}`)
  })

  test('at least 200 of the drawn cases have elements', () => {
    const check = (op: OpSpec, calls: fc.Arbitrary<Call>): void => {
      const drawn = fc.sample(calls, { numRuns, seed })
      const full = drawn.filter(({ args }) => args.some((a) => a.points[0]!.length > 0))
      assert.ok(full.length >= 200, `${op.name}: ${full.length} of ${numRuns}`)
    }
    for (const op of withInputs) check(op, callsOf(op))
    for (const op of differentiable) check(op, smoothCallsOf(op))
  })

  for (const op of differentiable)
    for (const [name, law] of Object.entries(derivativeLaws))
      test(`${op.name}: ${name}`, () => holds(law, smoothCallsOf(op)))
  for (const op of differentiable)
    for (const [name, law] of Object.entries(programLaws))
      test(`${op.name}: ${name}`, () => holds(law, smoothCallsOf(op), 100))

  for (const op of withInputs) test(`${op.name}: vmap`, () => holds(mapsOverStacks, callsOf(op)))

  for (const op of withInputs.filter(({ name }) => Object.hasOwn(underivable, name)))
    test(`${op.name}: no derivative`, () => holds(dropsDerivatives, callsOf(op)))
})
