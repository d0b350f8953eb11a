import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  aval,
  isBranch,
  leafValues,
  leavesOf,
  mapExprs,
  mapTree,
  tensor,
  TreeError,
  treeOf,
  zerosLikeTree,
  zipTree,
  inputsLike,
  type Tree,
} from '../../core'
import { trees } from '../kit'
import { describe } from '../harness'

const settings = { seed: 12, numRuns: 200 }
const numbers = trees(fc.integer())

const message = (run: () => void): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof TreeError) return error.message
    throw error
  }
  return 'nothing thrown'
}

describe('core/tree', (test) => {
  test('treeOf is the inverse of leavesOf', () =>
    fc.assert(
      fc.property(numbers, (tree) => assert.equal(treeOf(leavesOf(tree)), tree)),
      settings,
    ))

  test('leaves come in sorted order of keys at every branch, whatever the order they were written in', () => {
    const reversed = (tree: Tree<number>): Tree<number> =>
      isBranch(tree)
        ? Object.fromEntries(
            Object.entries(tree)
              .reverse()
              .map(([key, child]) => [key, reversed(child)]),
          )
        : tree
    fc.assert(
      fc.property(numbers, (tree) => assert.equal(leavesOf(reversed(tree)), leavesOf(tree))),
      settings,
    )
    const paths = leavesOf({ b: 1, a: { y: 2, x: 3 }, B: 4, a0: 5 }).map(([path]) => path)
    assert.equal(paths, ['B', 'a/x', 'a/y', 'a0', 'b'])
  })

  test('mapTree: identity, composition, and the paths of leavesOf', () =>
    fc.assert(
      fc.property(numbers, (tree) => {
        const [f, g] = [(n: number) => n + 1, (n: number) => n * 3]
        assert.equal(
          mapTree(tree, (n: number) => n),
          tree,
        )
        assert.equal(
          mapTree(mapTree(tree, f), g),
          mapTree(tree, (n: number) => g(f(n))),
        )
        const seen: (readonly [string, number])[] = []
        mapTree(tree, (n: number, path) => seen.push([path, n]))
        assert.equal(seen, leavesOf(tree))
      }),
      settings,
    ))

  test('zipTree pairs by name, not by order', () => {
    fc.assert(
      fc.property(numbers, (tree) => {
        const doubled = zipTree(tree, mapTree(tree, String), (n: number, s: string) => [n, Number(s)])
        assert.ok(leafValues<readonly number[]>(doubled).every(([a, b]) => a === b))
      }),
      settings,
    )
    assert.equal(
      zipTree({ a: 1, b: 2 }, { b: 20, a: 10 }, (x: number, y: number) => x + y),
      { a: 11, b: 22 },
    )
  })

  test('zipTree refuses other structures and says where', () => {
    const pair = (x: number, y: number): number => x + y
    assert.is(
      message(() => zipTree({ a: { w: 1, b: 2 } }, { a: { w: 1 } }, pair)),
      'zipTree: expected the same branches at a, got {b, w} and {w}',
    )
    assert.is(
      message(() => zipTree({ a: 1 }, 1, pair)),
      'zipTree: expected the same branches at the root, got {a} and a leaf',
    )
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const same =
          leavesOf(a)
            .map(([path]) => path)
            .join() ===
          leavesOf(b)
            .map(([path]) => path)
            .join()
        assert.is(message(() => zipTree(a, b, pair)) === 'nothing thrown', same)
      }),
      settings,
    )
  })

  test('records are branches; avals, arrays, expressions and other objects are leaves', () => {
    assert.ok(isBranch({}))
    assert.ok(isBranch(Object.create(null) as Tree<number>))
    for (const leaf of [aval('f32', 2), [1, 2], tensor([1]), new Float32Array(2), null, 3, 'x', new Map()])
      assert.not.ok(isBranch(leaf), JSON.stringify(leaf))
  })

  test('trees of expressions: zeros and inputs in the place of leaves, named by path', () => {
    const tree = { ffn: { weight: tensor([[1, 2]]), ids: tensor([1], 'i32') } }
    assert.equal(
      mapTree(zerosLikeTree(tree), (e) => [e.op.name, e.aval.dtype, e.params.value] as const),
      {
        ffn: { weight: ['literal', 'f32', 0], ids: ['literal', 'i32', 0] },
      },
    )
    assert.equal(
      leafValues(inputsLike('params', tree)).map((e) => e.params.name),
      ['params/ffn/ids', 'params/ffn/weight'],
    )
    assert.is(mapExprs(tensor(2), (e) => e).aval.shape.length, 0)
  })
})
