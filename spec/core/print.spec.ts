import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  evaluateOne,
  exp,
  hashText,
  input,
  mul,
  printProgram,
  scope,
  softmax,
  sum,
  tensor,
  type Expr,
} from '../../core'
import { grad } from '../../autodiff'
import { calls } from '../kit'
import { describe } from '../harness'

const program = (): readonly Expr[] => {
  const x = input('x', [2, 3])
  const e = exp(x)
  return [sum(mul(e, add(exp(x), 1)), -1), e]
}

describe('core/print', (test) => {
  test('0 and -0 are different programs', () => {
    assert.is.not(tensor([0]).hash, tensor([-0]).hash)
    const [plus, minus] = [exp(tensor(0)), exp(tensor(-0))]
    assert.is.not(plus.hash, minus.hash)
    assert.is(exp(tensor(-0)).hash, minus.hash)
  })

  test('one node a line in order of computation, equal nodes once, parameters as JSON', () =>
    assert.is(
      printProgram(program()),
      [
        '%0 = input {"name":"x"} : f32[2,3]',
        '%1 = exp %0 : f32[2,3]',
        '%2 = literal {"value":1} : f32[]',
        '%3 = repeat %2 {"axes":[0,1],"sizes":[2,3]} : f32[2,3]',
        '%4 = add %1 %3 : f32[2,3]',
        '%5 = mul %1 %4 : f32[2,3]',
        '%6 = reduceSum %5 {"axes":[1]} : f32[2]',
        'return %6 %1',
      ].join('\n'),
    ))

  test('the text of a program is the same each time it is built, in whatever scope', () => {
    assert.is(
      scope('encoder', () => printProgram(program())),
      printProgram(program()),
    )
    const loss = (p: { readonly w: Expr }): Expr => sum(softmax(mul(p.w, p.w)))
    const text = (): string => printProgram([grad(loss)({ w: input('w', [4]) }).w])
    assert.is(text(), text())
  })

  test('equal calls hash equal and calls that print differently do not', () => {
    const nodes = new Map<string, string>()
    fc.assert(
      fc.property(calls, (call) => {
        const make = (): Expr => call.f(...call.args.map((a) => input(a.name, a.aval.shape, a.aval.dtype)))
        assert.is(make().hash, make().hash)
        const text = printProgram([make()])
        const before = nodes.get(make().hash)
        if (before !== undefined) assert.is(before, text)
        nodes.set(make().hash, text)
      }),
      { seed: 3, numRuns: 500 },
    )
    assert.ok(nodes.size > 300, String(nodes.size))
  })

  test('a hundred thousand short texts have as many hashes', () => {
    const hashes = new Set<string>()
    for (let i = 0; i < 100000; i++) hashes.add(hashText(`%${i}`))
    assert.is(hashes.size, 100000)
  })

  test('a long constant is cut in print, not in meaning', () => {
    const long = tensor(Array.from({ length: 100 }, (_, i) => i))
    assert.ok(printProgram([long]).split('\n')[0]!.length < 160)
    assert.is(evaluateOne(long)[99], 99)
  })
})
