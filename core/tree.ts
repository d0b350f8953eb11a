/**
 * Nested readonly records with leaves of one kind: parameters, gradients, optimizer state. A branch is a plain object; all
 * else is a leaf, and so is an aval. Keys are taken in sorted order everywhere, so that a tree has one flat order.
 */
export type Tree<A> = A | { readonly [key: string]: Tree<A> }

type Branch<A> = { readonly [key: string]: Tree<A> }

export const isBranch = <A>(tree: Tree<A>): tree is Branch<A> => {
  if (typeof tree !== 'object' || tree === null) return false
  if ('dtype' in tree && 'shape' in tree && Array.isArray(tree.shape)) return false // an aval is a leaf
  const proto: unknown = Object.getPrototypeOf(tree)
  return proto === Object.prototype || proto === null
}

/** Trees whose branches differ; says where. */
export class TreeError extends Error {
  readonly _tag = 'TreeError'
}

const joined = (path: string, key: string): string => (path === '' ? key : `${path}/${key}`)
const sortedKeys = (branch: object): readonly string[] => Object.keys(branch).sort()

/** Leaves with their paths (`encoder/layer0/ffn/in/weight`), in sorted order. Paths are checkpoint keys. */
export const leavesOf = <A>(tree: Tree<A>, path = ''): readonly (readonly [string, A])[] =>
  isBranch(tree) ? sortedKeys(tree).flatMap((key) => leavesOf(tree[key]!, joined(path, key))) : [[path, tree]]

export const leafValues = <A>(tree: Tree<A>): readonly A[] => leavesOf(tree).map(([, leaf]) => leaf)

/** The same tree with every leaf mapped. `T` keeps its shape: a record of records stays one. */
export const mapTree = <A, B>(tree: Tree<A>, f: (leaf: A, path: string) => B, path = ''): Tree<B> =>
  isBranch(tree)
    ? Object.fromEntries(sortedKeys(tree).map((key) => [key, mapTree(tree[key]!, f, joined(path, key))]))
    : f(tree, path)

/** Leaves paired by name. Trees of different structure are refused: no leaf is ever missing or misplaced in silence. */
export const zipTree = <A, B, C>(a: Tree<A>, b: Tree<B>, f: (x: A, y: B, path: string) => C, path = ''): Tree<C> => {
  if (!isBranch(a) && !isBranch(b)) return f(a, b, path)
  const [ka, kb] = [isBranch(a) ? sortedKeys(a) : null, isBranch(b) ? sortedKeys(b) : null]
  if (ka === null || kb === null || ka.join('\n') !== kb.join('\n'))
    throw new TreeError(
      `zipTree: expected the same branches at ${path === '' ? 'the root' : path}, ` +
        `got ${ka === null ? 'a leaf' : `{${ka.join(', ')}}`} and ${kb === null ? 'a leaf' : `{${kb.join(', ')}}`}`,
    )
  const [ba, bb] = [a as Branch<A>, b as Branch<B>]
  return Object.fromEntries(ka.map((key) => [key, zipTree(ba[key]!, bb[key]!, f, joined(path, key))]))
}

/** A tree from leaves with paths: the inverse of `leavesOf`. */
export const treeOf = <A>(leaves: readonly (readonly [string, A])[]): Tree<A> => {
  if (leaves.length === 1 && leaves[0]![0] === '') return leaves[0]![1]
  const groups = new Map<string, (readonly [string, A])[]>()
  for (const [path, leaf] of leaves) {
    const cut = path.indexOf('/')
    const head = cut < 0 ? path : path.slice(0, cut)
    const group = groups.get(head) ?? []
    group.push([cut < 0 ? '' : path.slice(cut + 1), leaf])
    groups.set(head, group)
  }
  return Object.fromEntries([...groups].map(([key, group]) => [key, treeOf(group)]))
}
