import {
  exprLeaves,
  full,
  isFloat,
  mapExprs,
  ops,
  sameAval,
  shapeError,
  withPath,
  zipTree,
  type Expr,
  type ExprTree,
} from '../core'
import { pushforward } from './jvp'
import { pullback } from './vjp'

/**
 * A tree of fresh nodes in the place of the given ones: derivatives are taken with respect to these, so that a value that the
 * function also closes over does not count (perturbation confusion).
 */
const variables = <T extends ExprTree>(tree: T, caller: string): T =>
  mapExprs(tree, (leaf, path) =>
    isFloat(leaf.aval.dtype)
      ? ops.variable(leaf)
      : shapeError(
          caller,
          `float leaves to differentiate with respect to`,
          [leaf.aval],
          `at ${path === '' ? 'the root' : path}`,
        ),
  )

const orZeros = <T extends ExprTree>(cts: readonly (Expr | null)[], tree: T): T => {
  let i = 0
  return mapExprs(tree, (leaf) => cts[i++] ?? full(0, leaf.aval.shape, leaf.aval.dtype))
}

const oneLike = (out: Expr): Expr => full(1, out.aval.shape, out.aval.dtype)

const requireScalar = (caller: string, out: Expr): void => {
  if (out.aval.shape.length !== 0 || !isFloat(out.aval.dtype))
    withPath(out.path, () =>
      shapeError(
        caller,
        'a scalar float to differentiate (f32[])',
        [out.aval],
        'reduce it first: sum(x) or mean(x); or use vjp with a cotangent',
      ),
    )
}

/** Value and pullback of a function of one tree: `vjp : (a -> b) -> a -> (b, T b -> T a)`. */
export const vjp = <T extends ExprTree>(
  f: (x: T) => Expr,
  x: T,
): { readonly value: Expr; readonly pullback: (ct: Expr) => T } => {
  const vars = variables(x, 'vjp')
  const value = f(vars)
  return {
    value,
    pullback: (ct) => {
      if (!sameAval(ct.aval, value.aval))
        shapeError('vjp', `a cotangent like the value, ${value.aval.dtype}[${value.aval.shape.join(',')}]`, [ct.aval])
      return orZeros(pullback([value], exprLeaves(vars))([ct]), x)
    },
  }
}

/** Value and tangent of a function of one tree, along `tangent`: `jvp : (a -> b) -> (a, T a) -> (b, T b)`. */
export const jvp = <T extends ExprTree>(
  f: (x: T) => Expr,
  x: T,
  tangent: T,
): { readonly value: Expr; readonly tangent: Expr } => {
  zipTree<Expr, Expr, void>(x, tangent, (a, t, path) => {
    if (!sameAval(a.aval, t.aval))
      shapeError('jvp', 'a tangent like its primal', [a.aval, t.aval], `at ${path === '' ? 'the root' : path}`)
  })
  const vars = variables(x, 'jvp')
  const value = f(vars)
  const [out] = pushforward([value], exprLeaves(vars), exprLeaves(tangent))
  return { value, tangent: out ?? full(0, value.aval.shape, value.aval.dtype) }
}

/** Value and gradient of a scalar function with respect to its first argument. */
export const valueAndGrad =
  <T extends ExprTree, R extends readonly unknown[]>(f: (params: T, ...rest: R) => Expr) =>
  (params: T, ...rest: R): { readonly value: Expr; readonly grads: T } => {
    const { value, grads } = valueAndGradAux((p: T, ...more: R) => ({ loss: f(p, ...more), aux: null }))(
      params,
      ...rest,
    )
    return { value, grads }
  }

/** The same for a function that also returns what is not differentiated (metrics). */
export const valueAndGradAux =
  <T extends ExprTree, R extends readonly unknown[], A>(
    f: (params: T, ...rest: R) => { readonly loss: Expr; readonly aux: A },
  ) =>
  (params: T, ...rest: R): { readonly value: Expr; readonly grads: T; readonly aux: A } => {
    const vars = variables(params, 'grad')
    const { loss, aux } = f(vars, ...rest)
    requireScalar('grad', loss)
    return { value: loss, aux, grads: orZeros(pullback([loss], exprLeaves(vars))([oneLike(loss)]), params) }
  }

/** Gradient of a scalar function with respect to its first argument: an expression, so `grad(grad(f))` works. */
export const grad =
  <T extends ExprTree, R extends readonly unknown[]>(f: (params: T, ...rest: R) => Expr) =>
  (params: T, ...rest: R): T =>
    valueAndGrad(f)(params, ...rest).grads

/** Hessian-vector product of a scalar function, forward over reverse: cost of a few evaluations, no Hessian. */
export const hvp = <T extends ExprTree>(f: (x: T) => Expr, x: T, v: T): T => {
  zipTree<Expr, Expr, void>(x, v, (a, t, path) => {
    if (!sameAval(a.aval, t.aval))
      shapeError('hvp', 'a vector like the point', [a.aval, t.aval], `at ${path === '' ? 'the root' : path}`)
  })
  const vars = variables(x, 'hvp')
  return orZeros(pushforward(exprLeaves(grad(f)(vars)), exprLeaves(vars), exprLeaves(v)), x)
}
