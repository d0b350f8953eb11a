import { Expr } from './op'
import { leavesOf, mapTree, zipTree, type Tree } from './tree'
import { full, input } from './sugar'

/** Parameters, gradients, batches: trees of expressions. Declare their types by `type`, not `interface`. */
export type ExprTree = Tree<Expr>

/** The same tree of expressions with every leaf mapped; its type is kept. */
export const mapExprs = <T extends ExprTree>(tree: T, f: (leaf: Expr, path: string) => Expr): T =>
  mapTree<Expr, Expr>(tree, f) as T

/** Two trees of one structure, leaf by leaf. */
export const zipExprs = <T extends ExprTree>(a: T, b: T, f: (x: Expr, y: Expr, path: string) => Expr): T =>
  zipTree<Expr, Expr, Expr>(a, b, f) as T

export const exprLeaves = (tree: ExprTree): readonly Expr[] => leavesOf<Expr>(tree).map(([, leaf]) => leaf)

/** Zeros in the place of every leaf. */
export const zerosLikeTree = <T extends ExprTree>(tree: T): T =>
  mapExprs(tree, (e) => full(0, e.aval.shape, e.aval.dtype))

/** Inputs in the place of every leaf, named by path after a prefix: the holes of a program over this tree. */
export const inputsLike = <T extends ExprTree>(prefix: string, tree: T): T =>
  mapExprs(tree, (e, path) => input(path === '' ? prefix : `${prefix}/${path}`, e.aval.shape, e.aval.dtype))

export const isExpr = (x: unknown): x is Expr => x instanceof Expr
