import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluate, mean, mul, square, sub, type Expr } from '../../../core'
import type { LossFn } from '../../../training/objectives'
import { adamW, linearWarmupDecay, type GradientTransformation } from '../../../training/optim'
import { scalerFlavours, type ScalerRule } from '../../../training/scaling/flavours'
import { lossScaled } from '../../../training/scaling/loss-scaled'
import { initialState, trainStep } from '../../../training/step'
import { describe } from '../../harness'

// A line through the batch's `weights`, which a batch may make overflow.

type Line = { readonly w: Expr; readonly b: Expr }
const loss: LossFn<Line> = ({ w, b }, batch) => {
  const error = sub(mul(batch.weights, w), b)
  const value = mean(square(error))
  return { loss: value, metrics: { fit: value } }
}
const f32 = (...shape: readonly number[]) => ({ dtype: 'f32', shape }) as const
const params = { w: f32(3), b: f32() }
const batch = { weights: f32(3) }
const optimizer = adamW({
  b1: 0.9,
  b2: 0.98,
  eps: 1e-6,
  weightDecay: 0.1,
  clipNorm: 0.5,
  rate: linearWarmupDecay(0.1, 2, 40),
})

type State = ReadonlyMap<string, Float64Array>
interface Rollout {
  readonly states: readonly State[]
  readonly logs: readonly Readonly<Record<string, number>>[]
}

/** Steps by the float64 interpreter, one for each batch. */
const rollOut = (of: GradientTransformation, batches: readonly (readonly number[])[]): Rollout => {
  const { program, logged } = trainStep({ loss, optimizer: of, params, batch })
  const run = ({ outputs }: { readonly outputs: typeof program.outputs }, inputs: State): Map<string, Float64Array> => {
    const values = evaluate(
      outputs.map((o) => o.value),
      inputs,
    )
    return new Map(outputs.map((o, i) => [o.name, values[i]!]))
  }
  const first = new Map([
    ['params/w', Float64Array.of(0.5, -1, 2)],
    ['params/b', Float64Array.of(0.25)],
  ])
  let state: State = new Map([...first, ...run(initialState(of, params), first)])
  const states = [state]
  const logs: Readonly<Record<string, number>>[] = []
  for (const weights of batches) {
    const out = run(program, new Map([...state, ['batch/weights', Float64Array.from(weights)]]))
    const log = out.get('log')!
    logs.push(Object.fromEntries(logged.map((name, i) => [name, log[i]!])))
    out.delete('log')
    state = out
    states.push(state)
  }
  return { states, logs }
}

/** Parameters, moments and step count: everything but the scale. */
const withoutScaler = (state: State): readonly (readonly [string, readonly number[]])[] =>
  [...state]
    .filter(([name]) => !name.startsWith('optimizer/scaler/') && name !== 'optimizer/skipped')
    .map(([name, x]) => [name.replace('optimizer/inner/', 'optimizer/'), [...x]] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))

// Thousandths: next to the least double, a power of two does change bits.
const good = fc.array(
  fc.integer({ min: -4000, max: 4000 }).map((n) => n / 1000),
  { minLength: 3, maxLength: 3 },
)
const bad = fc.constantFrom([Infinity, 1, 1], [1, NaN, 1], [1e200, 1, 1]) // 1e200² is not finite
const rule: ScalerRule = { ...scalerFlavours.apex, init: 2 ** 12, window: 2 }

describe('training/scaling/loss-scaled', (test) => {
  test('a scale that is a power of two changes no bit of a run', () =>
    fc.assert(
      fc.property(fc.array(good, { minLength: 1, maxLength: 6 }), (batches) => {
        const plain = rollOut(optimizer, batches)
        const scaled = rollOut(lossScaled(rule, optimizer), batches)
        assert.equal(withoutScaler(scaled.states.at(-1)!), withoutScaler(plain.states.at(-1)!))
        for (const [i, { fit, loss: value, gradNorm }] of plain.logs.entries())
          assert.equal(
            [scaled.logs[i]!['fit'], scaled.logs[i]!['loss'], scaled.logs[i]!['gradNorm']],
            [fit, value, gradNorm],
          )
      }),
    ))

  test('steps that overflow leave no trace but in the scale: the run is the one without them', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            good.map((x) => ({ x, isBad: false })),
            bad.map((x) => ({ x, isBad: true })),
          ),
          {
            minLength: 1,
            maxLength: 8,
          },
        ),
        (drawn) => {
          const whole = rollOut(
            lossScaled(rule, optimizer),
            drawn.map(({ x }) => x),
          )
          const kept = rollOut(
            optimizer,
            drawn.filter(({ isBad }) => !isBad).map(({ x }) => x),
          )
          assert.equal(withoutScaler(whole.states.at(-1)!), withoutScaler(kept.states.at(-1)!))
          assert.equal(
            whole.logs.map((log) => log['skipped']),
            drawn.map(({ isBad }) => (isBad ? 1 : 0)),
          )
        },
      ),
    ))

  test('the log tells the scale that a step used; it halves after an overflow and doubles after a window', () => {
    const { logs } = rollOut(lossScaled(rule, optimizer), [
      [1, 2, 3],
      [Infinity, 1, 1],
      [1, 2, 3],
      [3, 2, 1],
      [1, 1, 1],
    ])
    assert.equal(
      logs.map((log) => [log['lossScale'], log['skipped'], log['exhausted']]),
      [
        [2 ** 12, 0, 0],
        [2 ** 12, 1, 0],
        [2 ** 11, 0, 0],
        [2 ** 11, 0, 0],
        [2 ** 12, 0, 0],
      ],
    )
  })

  test('at its least scale an overflow is told as one that the run cannot go on from', () => {
    const least: ScalerRule = { ...scalerFlavours.deepspeed, init: 1, hysteresis: 1 }
    const { logs } = rollOut(lossScaled(least, optimizer), [
      [1, 2, 3],
      [NaN, 1, 1],
    ])
    assert.equal(
      logs.map((log) => log['exhausted']),
      [0, 1],
    )
  })

  test('control: without a scale the same overflow ruins the parameters', () => {
    const { states } = rollOut(optimizer, [[NaN, 1, 1]])
    assert.ok(states.at(-1)!.get('params/b')!.some(Number.isNaN))
  })
})
