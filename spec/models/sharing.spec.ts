import * as assert from 'uvu/assert'
import { evaluate, exprLeaves, leavesOf, type Expr, type Tree } from '../../core'
import { valueAndGrad } from '../../autodiff'
import {
  countParameters,
  initParameters,
  pairConfig,
  parameterSpecs,
  type PairConfig,
  type PairParams,
  type ParameterSpec,
  type Sharing,
} from '../../models'
import { tNlrV5 } from '../../training'
import { describe } from '../harness'
import { asInputs, drawPair, hostBatch, pair, runKey } from '../training/objectives/specimens'

const sized = (sharing: Sharing, positions: PairConfig['positions'] = 'relative'): PairConfig => ({
  ...pair,
  dropout: 0,
  attentionDropout: 0,
  sharing,
  positions,
})
const pathsOf = (config: PairConfig): readonly string[] =>
  leavesOf<ParameterSpec>(parameterSpecs(config)).map(([p]) => p)

/** Gradients of a term by path. */
const gradientsOf = (config: PairConfig, term: 'mlm' | 'clm' | 'rtd'): ReadonlyMap<string, readonly number[]> => {
  const batch = asInputs(hostBatch(0, 2))
  const { grads } = valueAndGrad((p: PairParams) => tNlrV5(config)(p, batch, runKey).metrics[term]!)(
    drawPair(config, 1),
  )
  const arrays = evaluate(exprLeaves(grads))
  return new Map(leavesOf<Expr>(grads as Tree<Expr>).map(([path], i) => [path, [...arrays[i]!]]))
}
const isMoved = (x: readonly number[] | undefined): boolean => x!.some((v) => v !== 0)

describe('models: sharing', (test) => {
  const own = ['embedding/norm/bias', 'embedding/norm/weight', 'embedding/position']
  for (const [sharing, aux, main] of [
    ['none', [...own, 'embedding/token'], own],
    ['token', own, own],
    ['token-pos', own.slice(0, 2), own],
    ['token-pos-norm', [], own],
    ['gdes', own, ['embedding/difference', ...own]],
  ] as const)
    test(`${sharing}: what each model has of its own`, () => {
      const paths = pathsOf(sized(sharing))
      const of = (model: string): readonly string[] =>
        paths.filter((p) => p.startsWith(`${model}/embedding/`)).map((p) => p.slice(model.length + 1))
      assert.equal(of('aux'), [...aux].sort())
      assert.equal(of('main'), [...main].sort())
      assert.ok(paths.includes('embedding/token'))
    })

  test('none: masked LM leaves the main table alone, and the corrective LM the auxiliary', () => {
    const [mlm, clm] = [gradientsOf(sized('none'), 'mlm'), gradientsOf(sized('none'), 'clm')]
    assert.not(isMoved(mlm.get('embedding/token')))
    assert.ok(isMoved(mlm.get('aux/embedding/token')))
    assert.ok(isMoved(clm.get('embedding/token')))
    for (const [path, g] of clm) if (path.startsWith('aux/')) assert.not(isMoved(g), path)
  })

  for (const sharing of ['token', 'token-pos', 'token-pos-norm'] as const)
    test(`${sharing}: masked LM moves what is shared, wherever it lies`, () => {
      const g = gradientsOf(sized(sharing), 'mlm')
      assert.ok(isMoved(g.get('embedding/token')))
      assert.is(isMoved(g.get('main/embedding/position')), sharing !== 'token')
      assert.is(isMoved(g.get('main/embedding/norm/weight')), sharing === 'token-pos-norm')
      for (const [path, x] of g) if (path.startsWith('main/layers')) assert.not(isMoved(x), path)
    })

  test('gdes: the shared table learns from the masked LM alone, the difference from the main model alone', () => {
    const config = sized('gdes')
    for (const term of ['mlm', 'clm', 'rtd'] as const) {
      const g = gradientsOf(config, term)
      assert.is(isMoved(g.get('embedding/token')), term === 'mlm', term)
      assert.is(isMoved(g.get('main/embedding/difference')), term !== 'mlm', term)
    }
    assert.ok(
      initParameters(config, 1)
        .get('main/embedding/difference')!
        .every((x) => x === 0),
    )
  })

  test('tupe: the table of places is shared, its projections are not', () => {
    const paths = pathsOf(sized('token-pos', 'tupe-a'))
    assert.not(paths.includes('aux/tupe/table'))
    assert.ok(paths.includes('aux/tupe/query/weight') && paths.includes('main/tupe/table'))
    const g = gradientsOf(sized('token-pos', 'tupe-a'), 'mlm')
    assert.ok(isMoved(g.get('main/tupe/table')))
    assert.not(isMoved(g.get('main/tupe/query/weight')))
  })

  test('the recipe: base has 184M parameters, large 434M, xl 1.56B, whatever the two models share', () => {
    for (const sharing of ['none', 'token', 'token-pos', 'token-pos-norm'] as const)
      for (const [name, millions] of [
        ['base', 184],
        ['large', 434],
        ['xl', 1557],
      ] as const) {
        const { main, parts, total } = countParameters({ ...pairConfig(name, 128_000, 512), sharing })
        assert.ok(Math.abs(main / 1e6 - millions) < 0.5, `${name}: ${main}`)
        assert.is(
          parts.reduce((n, p) => n + p.parameters, 0),
          total,
        )
      }
  })
})
