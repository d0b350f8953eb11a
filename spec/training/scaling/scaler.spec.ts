import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluate, gt, input, leavesOf, scalar, type Expr } from '../../../core'
import { parseScaler, scalerFlavours, type ScalerRule } from '../../../training/scaling/flavours'
import { scalerNext, scalerStart, type ScalerState } from '../../../training/scaling/scaler'
import { describe } from '../../harness'
import { replays } from './replays'

const names = ['scale', 'good', 'left', 'exhausted'] as const
type Numbers = Readonly<Record<(typeof names)[number], number>>

const numbersOf = (state: ScalerState, inputs: ReadonlyMap<string, readonly number[]>): Numbers => {
  const values = evaluate(
    names.map((name) => state[name]),
    inputs,
  )
  return Object.fromEntries(names.map((name, i) => [name, values[i]![0]!])) as Numbers
}

/** The states of a rule over a sequence of overflows, the first included; the step is built once, as it is in a plan. */
const statesOf = (rule: ScalerRule, overflows: readonly boolean[]): readonly Numbers[] => {
  const holes = Object.fromEntries(names.map((name) => [name, input(name, [])])) as Record<string, Expr>
  const next = scalerNext(rule, holes as ScalerState, gt(input('finite', []), 0))
  const states = [numbersOf(scalerStart(rule), new Map())]
  for (const overflow of overflows) {
    const before = states.at(-1)!
    const inputs = new Map(names.map((name) => [name, [before[name]]] as const))
    states.push(numbersOf(next, new Map([...inputs, ['finite', [overflow ? 0 : 1]]])))
  }
  return states
}

const scalesOf = (rule: ScalerRule, overflows: readonly boolean[]): readonly number[] =>
  statesOf(rule, overflows).map((s) => s.scale)

/** `..!..`: a dot is a good step, a mark an overflow. */
const steps = (text: string): readonly boolean[] => Array.from(text, (c) => c === '!')

const small = { window: 3, init: 2 ** 10 } as const

describe('training/scaling/scaler', (test) => {
  test('fairseq: halves at once, grows after each window of good steps, fails below its least scale', () => {
    const rule = { ...scalerFlavours.fairseq, ...small, init: 2 ** -12 }
    assert.equal(
      scalesOf(rule, steps('...!..')),
      [-12, -12, -12, -11, -12, -12, -12].map((e) => 2 ** e),
    )
    const states = statesOf(rule, steps('!!.'))
    assert.equal(
      states.map((s) => [Math.log2(s.scale), s.exhausted]),
      [
        [-12, 0],
        [-13, 0], // 1.2e-4
        [-13, 1], // 6.1e-5 is below 1e-4
        [-13, 1],
      ],
    )
  })

  test('apex: counts good steps anew after growth, never beyond its greatest scale, no least one', () => {
    const rule = { ...scalerFlavours.apex, ...small, init: 2 ** 23 }
    assert.equal(
      scalesOf(rule, steps('......')),
      [23, 23, 23, 24, 24, 24, 24].map((e) => 2 ** e),
    )
    assert.is(scalesOf(rule, steps('!'.repeat(60))).at(-1), 2 ** -37)
  })

  test('deepspeed: the first of two overflows is forgiven until the next growth, fails at its least scale', () => {
    const rule = { ...scalerFlavours.deepspeed, ...small }
    assert.equal(
      scalesOf(rule, steps('!!!...!!')),
      [10, 10, 9, 8, 8, 8, 9, 9, 8].map((e) => 2 ** e),
    )
    const low = statesOf({ ...rule, init: 2 }, steps('!!!'))
    assert.equal(
      low.map((s) => [s.scale, s.exhausted]),
      [
        [2, 0],
        [2, 0],
        [1, 0],
        [1, 1],
      ],
    )
  })

  test('megatron: as deepspeed, but stays at its least scale', () => {
    const rule = { ...scalerFlavours.megatron, ...small }
    assert.equal(
      scalesOf(rule, steps('!!!...!!')),
      [10, 10, 9, 8, 8, 8, 9, 9, 8].map((e) => 2 ** e),
    )
    assert.ok(statesOf({ ...rule, init: 1 }, steps('!!!!')).every((s) => s.scale === 1 && s.exhausted === 0))
  })

  test('static: never moves', () => {
    assert.ok(scalesOf(scalerFlavours.static, steps('.!.!!....')).every((scale) => scale === 2 ** 16))
  })

  // The libraries' own update rules, transcribed in ./replays, on drawn sequences.
  for (const [name, replay] of Object.entries(replays))
    test(`${name}: the scales of the library's own rule, step by step`, () =>
      fc.assert(
        fc.property(
          fc.array(
            fc.boolean().chain((b) => (b ? fc.boolean() : fc.constant(false))),
            { maxLength: 60 },
          ),
          fc.integer({ min: 1, max: 6 }),
          fc.integer({ min: -2, max: 12 }),
          (overflows, window, exponent) => {
            const flavour = scalerFlavours[name as keyof typeof replays]
            const init = Math.max(2 ** exponent, flavour.min)
            const rule: ScalerRule = { ...flavour, window, init }
            const want = replay(rule, overflows)
            const got = statesOf(rule, overflows)
            for (const [i, scale] of want.entries()) {
              if (scale === 'error') {
                assert.is(got[i]!.exhausted, 1)
                return
              }
              assert.is(got[i]!.scale, scale, `after step ${i}`)
              assert.is(got[i]!.exhausted, 0)
            }
          },
        ),
      ))

  test('a state is four numbers', () => {
    assert.equal(
      leavesOf<Expr>(scalerStart(scalerFlavours.apex)).map(([path]) => path),
      [...names].sort(),
    )
    assert.is(scalerStart(scalerFlavours.apex).scale.aval.shape.length, scalar(0).aval.shape.length)
  })
})

describe('training/scaling/flavours', (test) => {
  const right = (text: string): ScalerRule | undefined => {
    const parsed = parseScaler(text)
    if (E.isLeft(parsed)) throw new Error(JSON.stringify(parsed.left))
    return parsed.right
  }
  const wrong = (text: string): string => {
    const parsed = parseScaler(text)
    return E.isLeft(parsed) ? `${parsed.left.key}: expected ${parsed.left.expected}, got ${parsed.left.got}` : 'right'
  }

  test('a name, with settings or without, and none', () => {
    assert.equal(right('fairseq'), scalerFlavours.fairseq)
    assert.equal(right('apex:init=2^10,window=50'), { ...scalerFlavours.apex, init: 1024, window: 50 })
    assert.equal(right('megatron:min=0.5,hysteresis=1'), { ...scalerFlavours.megatron, min: 0.5, hysteresis: 1 })
    assert.is(right('none'), undefined)
  })

  test('what is wrong is said with what would be right', () => {
    assert.is(wrong('fast'), 'lossScale: expected fairseq | apex | deepspeed | megatron | static | none, got "fast"')
    assert.match(wrong('none:init=2'), /got "none:init=2"/)
    assert.match(wrong('apex:size=2'), /lossScale: apex: expected settings init, .*max, got "size=2"/)
    assert.is(wrong('apex:init=0'), 'lossScale: apex: init: expected a number > 0, got "0"')
    assert.is(wrong('apex:window=1.5'), 'lossScale: apex: window: expected a whole number ≥ 0, got "1.5"')
    assert.is(wrong('apex:init='), 'lossScale: apex: init: expected a number > 0, got ""')
    assert.match(wrong('deepspeed:init=0.5'), /init: expected a number from min = 1 to max = Infinity, got 0.5/)
  })
})
