import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  evaluateOne,
  evaluateRanks,
  input,
  leavesOf,
  mapTree,
  scalar,
  sizeOf,
  treeOf,
  type Aval,
  type Expr,
  type ExprTree,
  type InputValues,
  type Tree,
} from '../../../core'
import {
  adamW,
  chain,
  clipByGlobalNorm,
  constantRate,
  linearWarmupDecay,
  scaleByAdam,
  scaleByLearningRate,
  zeroSharded,
  type GradientTransformation,
} from '../../../training/optim'
import { bucketsFor, flatten, unflatten } from '../../../training/optim/flat'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { numbersOf, problems, type Problem } from './roll-out'

const adam = { b1: 0.9, b2: 0.98, eps: 1e-6 }
const rate = linearWarmupDecay(0.1, 2, 6)
/** What acts element by element, by the number of ranks that it is told of. */
const inners: { readonly [name: string]: (ranks: number) => GradientTransformation } = {
  adam: () => scaleByAdam(adam),
  adamW: () => adamW({ ...adam, weightDecay: 0.01, clipNorm: 0, rate }),
}
const clipped = (ranks: number): GradientTransformation =>
  chain({ clip: clipByGlobalNorm(1, ranks), adam: scaleByAdam(adam), rate: scaleByLearningRate(constantRate(0.1)) })

const steps = 2
const holes = (prefix: string, avals: Tree<Aval>): ExprTree =>
  mapTree<Aval, Expr>(avals, (a, path) => input(`${prefix}/${path}`, a.shape, a.dtype))
const avalsOf = (tree: ExprTree): Tree<Aval> => mapTree<Expr, Aval>(tree, (e) => e.aval)
const leafNames = (prefix: string, tree: ExprTree): readonly string[] =>
  leavesOf<Expr>(tree).map(([path]) => `${prefix}/${path}`)

/** Thirds of the drawn gradients, so that sums round: of rank r at step t. */
const thirds = ({ gradients }: Problem, at: number): readonly (readonly number[])[] =>
  leavesOf<Expr>(gradients[at]!).map(([, e]) => numbersOf(e).map((x) => x / 3))

/** Values of a run on some ranks, in step with each other, after its steps: by rank and name, `params/*` and `state/*`. */
const runOn = (
  ranks: number,
  transform: (rank: Expr) => GradientTransformation,
  problem: Problem,
  gradientOf: (rank: number, step: number) => readonly (readonly number[])[],
): readonly InputValues[] => {
  const avals = avalsOf(problem.params)
  const params = holes('params', avals)
  const own = transform(input('rank', [], 'i32'))
  const initial = own.init(params)
  const state = holes('state', avalsOf(initial))
  const gradients = holes('gradients', avals)
  const result = own.update(gradients, state, params)
  const updates = new Map(leavesOf<Expr>(result.updates))
  const next = leavesOf<Expr>(params).map(([path, p]) => add(p, updates.get(path)!))
  const names = [...leafNames('params', params), ...leafNames('state', state)]
  const roots = [...next, ...leavesOf<Expr>(result.state).map(([, e]) => e)]
  const first = new Map(leavesOf<Expr>(problem.params).map(([path, e]) => [`params/${path}`, numbersOf(e)] as const))
  const byRank = Array.from({ length: ranks }, (_, r) => new Map<string, ArrayLike<number>>([...first, ['rank', [r]]]))
  const named = (values: readonly ArrayLike<number>[], r: number): void =>
    names.slice(names.length - values.length).forEach((name, i) => byRank[r]!.set(name, values[i]!))
  evaluateRanks(leavesOf<Expr>(initial).map(([, e]) => e), byRank).forEach(named) // prettier-ignore
  for (let t = 0; t < steps; t += 1) {
    byRank.forEach((values, r) => {
      const g = gradientOf(r, t)
      leafNames('gradients', gradients).forEach((name, i) => values.set(name, g[i]!))
    })
    evaluateRanks(roots, byRank).forEach(named)
  }
  return byRank
}

const sharded = (ranks: number, inner: GradientTransformation, problem: Problem, most?: number) =>
  runOn(
    ranks,
    (rank) => zeroSharded({ ranks, rank }, most === undefined ? {} : { most })(inner),
    problem,
    (r, t) => thirds(problem, t * ranks + r),
  )
/** `inner` by itself on the sums over ranks, from the first on. */
const whole = (ranks: number, inner: GradientTransformation, problem: Problem) =>
  runOn(
    1,
    () => inner,
    problem,
    (_, t) =>
      Array.from({ length: ranks }, (_r, r) => thirds(problem, t * ranks + r)).reduce((sum, g) =>
        sum.map((leaf, i) => leaf.map((x, k) => x + g[i]![k]!)),
      ),
  )[0]!
const pick = (values: InputValues, prefix: string): readonly number[] =>
  [...values].filter(([name]) => name.startsWith(prefix)).flatMap(([, x]) => [...Array.from(x)])

const cases = fc.integer({ min: 1, max: 8 }).chain((ranks) => problems(ranks * steps).map((p) => [ranks, p] as const))
const holds = (law: (ranks: number, problem: Problem) => void, numRuns = 60): void =>
  fc.assert(
    fc.property(cases, ([ranks, problem]) => law(ranks, problem)),
    { seed: 20211202, numRuns },
  )

describe('training/optim/zero', (test) => {
  for (const [name, inner] of Object.entries(inners)) {
    test(`${name}: on any number of ranks bit for bit what it is on the sum of their gradients`, () =>
      holds((ranks, problem) => {
        const want = pick(whole(ranks, inner(ranks), problem), 'params/')
        for (const values of sharded(ranks, inner(ranks), problem)) assert.equal(pick(values, 'params/'), want)
      }))

    test(`${name}: in buckets of any size as well`, () =>
      holds((ranks, problem) => {
        const want = pick(whole(ranks, inner(ranks), problem), 'params/')
        for (const most of [1, 3, 7])
          assert.equal(pick(sharded(ranks, inner(ranks), problem, most)[0]!, 'params/'), want)
      }, 20))
  }

  test('clipping by the norm of all ranks: to rounding, as sums go another way', () =>
    holds((ranks, problem) => {
      const want = pick(whole(ranks, clipped(1), problem), 'params/')
      for (const values of sharded(ranks, clipped(ranks), problem))
        assertClose(pick(values, 'params/'), want, { label: 'params', tolerance: 1e-11 })
    }))

  test('control: a norm of its own part alone is another optimizer, and ranks part', () => {
    const differing = fc.sample(cases, { seed: 3, numRuns: 60 }).filter(([ranks, problem]) => {
      const want = pick(whole(ranks, clipped(1), problem), 'params/')
      return sharded(ranks, clipped(1), problem).some((values) =>
        pick(values, 'params/').some((x, i) => Math.abs(x - want[i]!) > 1e-6),
      )
    })
    assert.ok(differing.length > 20, `${differing.length} of 60`)
    assert.ok(differing.every(([ranks]) => ranks > 1))
  })

  test('state is 1/N of the padded size on each rank, padding stays zero, and parts make up the whole', () =>
    holds((ranks, problem) => {
      const adamOf = scaleByAdam(adam)
      const got = sharded(ranks, adamOf, problem)
      const size = leavesOf<Expr>(problem.params).reduce((n, [, e]) => n + sizeOf(e.aval.shape), 0)
      const padded = ranks * Math.ceil(size / ranks)
      const want = whole(ranks, adamOf, problem)
      for (const part of ['state/m', 'state/v']) {
        for (const values of got) assert.is(pick(values, part).length, padded / ranks)
        const all = got.flatMap((values) => pick(values, part))
        assert.equal(all.slice(0, size), pick(want, part))
        assert.ok(all.slice(size).every((x) => x === 0))
      }
    }))

  test('what is flattened comes back; dtypes do not mix; a leaf that is too large has a bucket of its own', () => {
    holds((ranks, problem) => {
      const avals = avalsOf(problem.params)
      for (const most of [1, 5, 1000]) {
        const buckets = bucketsFor(avals, { multiple: ranks, most })
        const back = unflatten(buckets, flatten(buckets, problem.params))
        assert.equal(numbersOf(back), numbersOf(problem.params))
        for (const { places, size } of buckets) {
          const own = places.reduce((n, p) => n + p.size, 0)
          assert.ok(size % ranks === 0 && size - own < ranks && (own <= most || places.length === 1))
        }
      }
    }, 30)
    const mixed = treeOf<Aval>([
      ['a', { dtype: 'f32', shape: [3] }],
      ['b', { dtype: 'f16', shape: [2, 2] }],
      ['c', { dtype: 'f32', shape: [] }],
    ])
    assert.equal(
      bucketsFor(mixed, { multiple: 4 }).map(({ name, size, places }) => [name, size, places.map((p) => p.path)]),
      [
        ['f16-000', 4, ['b']],
        ['f32-001', 4, ['a', 'c']],
      ],
    )
  })

  test('the loss scale is that of the inner one', () => {
    const inner: GradientTransformation = { ...scaleByAdam(adam), lossScale: () => scalar(1024) }
    const own = zeroSharded({ ranks: 2, rank: input('rank', [], 'i32') })(inner)
    assert.equal([...evaluateOne(own.lossScale!({}))], [1024])
  })
})
