import * as fc from 'fast-check'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { bytesOf, exp, input, matmul, sizeOf, sum, tanh, type Expr } from '../../core'
import { compile, planCache, type Plan } from '../../kernels'
import { describe } from '../harness'
import { programs } from '../kit/arbitraries/program'

const planOf = (outputs: readonly Expr[], donated: readonly string[] = []): Plan => {
  const plan = compile(() => ({ outputs: outputs.map((value, i) => ({ name: `o${i}`, value })), donated }))
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}

const bytes = (plan: Plan, b: number): number => {
  const { shape, dtype } = plan.buffers[b]!.aval
  return sizeOf(shape) * bytesOf(dtype)
}

/** Counted anew, without lists of last uses: a buffer is alive at a step if it is there and something still wants it. */
const peakByCounting = (plan: Plan): number => {
  const kept = new Set(plan.outputs.map((o) => o.buffer))
  const donated = new Set(plan.inputs.flatMap((i) => (i.donated ? [i.buffer] : [])))
  const there = (b: number, at: number): boolean =>
    plan.buffers[b]!.source !== 'step' || plan.steps.findIndex((s) => s.output === b) <= at
  const wanted = (b: number, at: number): boolean => {
    if (kept.has(b) || (plan.buffers[b]!.source !== 'step' && !donated.has(b))) return true
    const readers = plan.steps.map((s) => s.inputs.includes(b) || s.output === b)
    // Donated, but read by no step: it stays until the run is over.
    return !readers.includes(true) || readers.lastIndexOf(true) >= at
  }
  const aliveAt = (at: number): number =>
    plan.buffers.reduce((n, _, b) => n + (there(b, at) && wanted(b, at) ? bytes(plan, b) : 0), 0)
  const before = plan.buffers.reduce((n, b, i) => n + (b.source === 'step' ? 0 : bytes(plan, i)), 0)
  return Math.max(before, ...plan.steps.map((_, at) => aliveAt(at)))
}

describe('kernels/cost', (test) => {
  test('law: the peak is what a count of the living gives, donated inputs included', () => {
    fc.assert(
      fc.property(programs(), fc.boolean(), ({ outputs, inputs }, gives) => {
        const plan = planOf(outputs, gives ? [...inputs.keys()] : [])
        assert.is(plan.cost.peakBytes, peakByCounting(plan))
      }),
      { seed: 31, numRuns: 200 },
    )
  })

  test('law: the arena holds every step buffer, and takes no more than all of them side by side', () => {
    fc.assert(
      fc.property(programs(), ({ outputs }) => {
        const plan = planOf(outputs)
        const written = plan.steps.map((s) => bytes(plan, s.output))
        assert.ok(plan.cost.arenaBytes <= written.reduce((n, b) => n + b, 0))
        assert.ok(plan.cost.arenaBytes >= Math.max(0, ...written))
      }),
      { seed: 32, numRuns: 200 },
    )
  })

  test('traffic is what kernels read and write', () => {
    const x = input('x', [4, 6])
    const w = input('w', [6, 5])
    assert.is(planOf([matmul(x, w)]).cost.bytes, 4 * (24 + 30 + 20))
    assert.is(planOf([sum(exp(x))]).cost.bytes, 4 * (24 + 1))
  })
})

describe('kernels/planCache', (test) => {
  test('the oldest plan goes when the cache is full', () => {
    const cached = planCache(2)
    const plan = (n: number): Plan => {
      const result = cached(() => ({ outputs: [{ name: 'y', value: tanh(input('x', [n])) }] }))
      if (E.isLeft(result)) throw result.left
      return result.right
    }
    const [one, two] = [plan(1), plan(2)]
    assert.is(plan(1), one)
    assert.is(plan(2), two)
    plan(3)
    assert.is.not(plan(1), one)
  })
})
