import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  allGather,
  allReduce,
  concat,
  evaluate,
  evaluateRanks,
  input,
  isCollective,
  mul,
  reduceScatter,
  sliceAxis,
  tanh,
  topological,
  type Expr,
  type InputValues,
} from '../../core'
import { compile, stagesOf, type Exchange, type Program, type Stage } from '../../kernels'
import * as E from 'fp-ts/Either'
import { describe } from '../harness'

const width = 3
const names = ['x', 'y', 'z']

/** Programs of vectors of one length, of which about a third is exchanged between ranks. */
const programs = (ranks: number): fc.Arbitrary<Program> =>
  fc
    .tuple(
      fc.array(fc.tuple(fc.nat(6), fc.nat(30), fc.nat(30)), { minLength: 1, maxLength: 14 }),
      fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
      fc.subarray(names),
    )
    .map(([steps, picked, donated]) => {
      const known: Expr[] = names.map((name) => input(name, [width]))
      const at = (i: number): Expr => known[i % known.length]!
      const copies = (e: Expr): Expr => concat(Array.from({ length: ranks }, (_, r) => mul(e, r + 1)))
      for (const [kind, i, j] of steps) {
        const [a, b] = [at(i), at(j)]
        known.push(
          [
            () => add(a, b),
            () => mul(a, b),
            () => tanh(a),
            () => add(mul(a, 0.5), 1),
            () => allReduce({ ranks }, a),
            () => reduceScatter({ ranks }, copies(a)),
            () => sliceAxis(allGather({ ranks }, a), 0, ranks * width - width, width),
          ][kind]!(),
        )
      }
      return { outputs: picked.map((i, k) => ({ name: `out${k}`, value: at(i) })), donated }
    })

/** Exchanges of host arrays: what a communicator does. */
const exchanged = ({ op, ranks }: Exchange, sent: readonly Float64Array[]): readonly Float64Array[] => {
  if (op === 'allGather') return sent.map(() => Float64Array.from(sent.flatMap((x) => [...x])))
  const total = sent.reduce((s, x) => s.map((v, i) => v + x[i]!))
  const part = total.length / ranks
  return sent.map((_, r) => (op === 'allReduce' ? total : total.slice(r * part, (r + 1) * part)))
}

/** Stage after stage on all ranks; what is given up is gone. */
const runStages = (
  stages: readonly Stage[],
  inputs: readonly InputValues[],
): readonly Map<string, ArrayLike<number>>[] => {
  const byRank = inputs.map((own) => new Map(own))
  for (const { program, exchanges } of stages) {
    for (const values of byRank) {
      const results = evaluate(program.outputs.map((o) => o.value), values) // prettier-ignore
      for (const name of program.donated ?? []) values.delete(name)
      program.outputs.forEach(({ name }, i) => values.set(name, results[i]!))
    }
    for (const exchange of exchanges) {
      const sent = byRank.map((values) => values.get(exchange.from) as Float64Array)
      exchanged(exchange, sent).forEach((x, r) => byRank[r]!.set(exchange.to, x))
      byRank.forEach((values) => values.delete(exchange.from))
    }
  }
  return byRank
}
const inputsOf = (ranks: number): readonly InputValues[] =>
  Array.from({ length: ranks }, (_, r) => new Map(names.map((name, k) => [name, Array.from({ length: width }, (_v, i) => ((r + 1) * (k + 2) + i) / 7)]))) // prettier-ignore

const cases = fc
  .integer({ min: 2, max: 4 })
  .chain((ranks) => programs(ranks).map((program) => [ranks, program] as const))
const holds = (law: (ranks: number, program: Program) => void): void =>
  fc.assert(fc.property(cases, ([ranks, program]) => law(ranks, program)), { seed: 20211202, numRuns: 300 }) // prettier-ignore

describe('kernels/stages', (test) => {
  test('stage after stage, with exchanges between them, is the program on all ranks, bit for bit', () =>
    holds((ranks, program) => {
      const want = evaluateRanks(program.outputs.map((o) => o.value), inputsOf(ranks)) // prettier-ignore
      const got = runStages(stagesOf(program), inputsOf(ranks))
      got.forEach((values, r) =>
        program.outputs.forEach(({ name }, i) => assert.equal([...Array.from(values.get(name)!)], [...want[r]![i]!])),
      )
    }))

  test('no stage has a collective, and each can be compiled', () =>
    holds((_, program) => {
      for (const stage of stagesOf(program)) {
        assert.not.ok(topological(stage.program.outputs.map((o) => o.value)).some(isCollective))
        assert.ok(E.isRight(compile(() => stage.program)))
      }
    }))

  test('what is given up is given up once; what is left at the end is outputs and inputs that were kept', () =>
    holds((ranks, program) => {
      const stages = stagesOf(program)
      const given = stages.flatMap((s) => s.program.donated ?? [])
      assert.is(new Set(given).size, given.length)
      const [left] = runStages(stages, inputsOf(ranks))
      const kept = names.filter((name) => !program.donated!.includes(name))
      assert.equal([...left!.keys()].sort(), [...new Set([...program.outputs.map((o) => o.name), ...kept])].sort())
    }))

  test('a program without collectives, or of one rank, is one stage: itself', () => {
    const x = input('x', [width])
    for (const value of [tanh(x), allReduce({ ranks: 1 }, tanh(x))]) {
      const [stage, ...more] = stagesOf({ outputs: [{ name: 'y', value }], donated: ['x'] })
      assert.equal([more.length, stage!.exchanges, stage!.program.donated], [0, [], ['x']])
      assert.is(stage!.program.outputs[0]!.value, value)
    }
  })

  test('what is made of inputs alone is made where it is read, not carried; what an exchange needs is', () => {
    const [x, m] = [input('x', [width]), input('m', [width])]
    const g = tanh(x)
    const late = add(mul(m, 0.9), mul(allReduce({ ranks: 2 }, g), 0.1))
    const [first, second] = stagesOf({ outputs: [{ name: 'm', value: late }, { name: 'g', value: mul(late, g) }], donated: ['x', 'm'] }) // prettier-ignore
    assert.equal(first!.program.outputs.map((o) => o.name), ['carried/0', 'sent/1']) // prettier-ignore
    assert.equal([first!.program.donated, [...second!.program.donated!].sort()], [['x'], ['carried/0', 'carried/1', 'm']]) // prettier-ignore
    assert.equal(first!.exchanges, [{ op: 'allReduce', ranks: 2, from: 'sent/1', to: 'carried/1' }])
  })
})
