import {
  add,
  cast,
  concat,
  evaluate,
  full,
  input,
  isFloat,
  mul,
  ops,
  reshape,
  sameAval,
  showAval,
  sizeOf,
  sum,
  type Aval,
  type Expr,
} from '../../../core'
import { grad, pullback, pushforward, remat, vjp, vmap } from '../../../autodiff'
import { firstDifference, showNumber } from '../assert-close'
import { build, directionsOf, dot, valuesAt, type Moving } from './build'
import { tolerances } from './gradient'
import { LawError, noise, type Problem } from './problem'

/** Two programs that should compute the same numbers. */
const requireSame = (
  p: Problem,
  fault: { readonly law: string; readonly statement: string },
  what: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
): void => {
  const at = firstDifference(got, want, { tolerance: tolerances.sameProgram })
  if (at === null) return
  const show = (data: ArrayLike<number>): string => (data[at] === undefined ? 'nothing' : showNumber(data[at]))
  throw new LawError({ ...fault, where: `element ${at} of ${what}`, got: show(got), want: show(want) }, p)
}

/** Runs `f` over the stack of all points by vmap, and at one after another. Inputs that are `shared` are closed over. */
const overPoints = (
  p: Problem,
  fault: { readonly law: string; readonly statement: string },
  f: (args: readonly Expr[]) => Expr,
): void => {
  const size = p.args[0]!.points.length
  const args = p.args.map((a, i) => ({ ...a, shared: a.shared && p.args.slice(0, i).some((b) => !b.shared) }))
  const batched = args.some((a) => !a.shared) ? args : args.map((a, i) => (i === 0 ? { ...a, shared: false } : a))
  const inputs = batched.map((a) => input(a.name, a.shared ? a.aval.shape : [size, ...a.aval.shape], a.aval.dtype))
  const stacked = Object.fromEntries(
    inputs.flatMap((e, i): readonly (readonly [string, Expr])[] => (batched[i]!.shared ? [] : [[String(i), e]])),
  )
  const out = vmap((x: Moving) => f(inputs.map((e, i) => x[String(i)] ?? e)))(stacked)
  const [got] = evaluate([out], new Map(batched.map((a) => [a.name, a.shared ? a.points[0]! : a.points.flat()])))
  const one = f(batched.map((a) => input(a.name, a.aval.shape, a.aval.dtype)))
  const aval: Aval = { shape: [size, ...one.aval.shape], dtype: one.aval.dtype }
  if (!sameAval(out.aval, aval))
    throw new LawError({ ...fault, where: 'its shape', got: showAval(out.aval), want: showAval(aval) }, p)
  const n = sizeOf(one.aval.shape)
  for (let point = 0; point < size; point++) {
    const [want] = evaluate([one], valuesAt({ ...p, args: batched }, point))
    const names = batched.map((a) => `${a.name}${a.shared ? ' shared' : ''}`).join(', ')
    const what = `entry ${point} of a stack of ${size} (${names})`
    requireSame(p, fault, what, got!.subarray(point * n, (point + 1) * n), want!)
  }
}

/** vmap(f)(stack of xs) = stack of f(x), whichever inputs are batched. Holds for integers and truth values too. */
export const mapsOverStacks = (p: Problem): void =>
  overPoints(p, { law: 'vmap', statement: 'vmap(f)(stack of xs) = stack of f(x)' }, (args) => p.f(...args))

/** The same of the gradient: vmap(vjp f)(stack of xs) = stack of vjp f(x). */
export const mapsGradientsOverStacks = (p: Problem): void => {
  const fault = { law: 'vmap of the gradient', statement: 'vmap(grad f)(stack of xs) = stack of grad f(x)' }
  overPoints(p, fault, (args) => {
    const vars = args.map((e) => ops.variable(e))
    const out = p.f(...vars)
    const moving = vars.filter((e, i) => isFloat(e.aval.dtype) && !p.args[i]!.fixed)
    const cts = pullback([out], moving)([add(mul(out, 0.5), 0.75)]) // a cotangent that differs from entry to entry
    return concat(cts.map((c, i) => reshape(c ?? full(0, moving[i]!.aval.shape), [-1])))
  })
}

/** remat(f) = f, in value and in gradient. */
export const equalsItsRemat = (p: Problem): void => {
  const fault = { law: 'remat', statement: 'remat(f) = f in value and gradient' }
  const both = [p.f, remat(p.f)].map((f) => {
    const { f: g, x, moving } = build({ ...p, f })
    const { value, pullback: back } = vjp(g, x)
    const cts = back(input('#cotangent', value.aval.shape, value.aval.dtype))
    const w = noise(p.salt, 100, sizeOf(value.aval.shape))
    return {
      names: moving.map((a) => a.name),
      all: evaluate([value, ...moving.map((a) => cts[a.name]!)], valuesAt(p, 0).set('#cotangent', w)),
    }
  })
  const [plain, again] = both as [(typeof both)[0], (typeof both)[0]]
  again.all.forEach((got, i) =>
    requireSame(p, fault, i === 0 ? 'the value' : `the cotangent of ${again.names[i - 1]!}`, got, plain.all[i]!),
  )
}

/** A gradient transform: what perturbation confusion is a fault of. */
export type Grad = (f: (x: Moving) => Expr) => (x: Moving) => Moving

/**
 * A derivative inside another does not see the outer variable, though both stand for the same value: with φ = <w, f>,
 * d/dx [<t, x> <u, d/dy (φ(y) + <t, x>)>] at x = y is t <u, ∇φ>.
 */
export const keepsPerturbationsApart = (p: Problem, gradient: Grad = grad): void => {
  const { f, x, moving } = build(p)
  const [t, u] = [directionsOf(p, moving, 0), directionsOf(p, moving, 50)]
  const aval = f(x).aval
  const values = valuesAt(p, 0).set('#cotangent', noise(p.salt, 100, sizeOf(aval.shape)))
  moving.forEach(({ name }) => values.set(`#t/${name}`, t[name]!).set(`#u/${name}`, u[name]!))
  const along = (letter: string, y: Moving): Expr =>
    moving.reduce<Expr>(
      (total, a) => {
        const direction = input(`#${letter}/${a.name}`, a.aval.shape, a.aval.dtype)
        return add(total, sum(mul(y[a.name]!, direction)))
      },
      full(0, []),
    )
  const phi = (y: Moving): Expr => sum(mul(f(y), input('#cotangent', aval.shape, aval.dtype)))
  const inner = (outer: Moving): Moving => gradient((y) => add(phi(y), along('t', outer)))(x)
  const got = gradient((outer) => mul(along('t', outer), along('u', inner(outer))))(x)
  const plain = gradient(phi)(x)
  const results = evaluate([...moving.map((a) => got[a.name]!), ...moving.map((a) => plain[a.name]!)], values)
  const slope = dot(results.slice(moving.length), Object.values(u)).sum
  const fault = {
    law: 'perturbation confusion',
    statement: 'd/dx [<t, x> <u, d/dy (φ(y) + <t, x>)>] = t <u, ∇φ>',
  }
  moving.forEach(({ name }, k) => {
    const want = t[name]!.map((ti) => ti * slope)
    requireSame(p, fault, `the derivative along ${name}`, results[k]!, want)
  })
}

/**
 * No derivative passes: no cotangent comes back and no tangent comes out, in whatever way the inputs depend on floats.
 * The law of ops whose rules are null.
 */
export const dropsDerivatives = (p: Problem): void => {
  const vars = p.args.map((a) => ops.variable(input(a.name, a.aval.shape)))
  const out = p.f(...vars.map((e, i) => cast(e, p.args[i]!.aval.dtype)))
  const ones = vars.map((e) => full(1, e.aval.shape))
  const cts = pullback([out], vars)([full(1, out.aval.shape, out.aval.dtype)])
  const [tangent] = pushforward([out], vars, ones)
  const fault = { law: 'no derivative', statement: 'no cotangent comes back, no tangent comes out' }
  const show = (e: Expr): string => `${e.op.name} ${showAval(e.aval)}`
  cts.forEach((ct, i) => {
    if (ct !== null)
      throw new LawError({ ...fault, where: `the cotangent of ${p.args[i]!.name}`, got: show(ct), want: 'none' }, p)
  })
  if (tangent !== null && tangent !== undefined)
    throw new LawError({ ...fault, where: 'the tangent', got: show(tangent), want: 'none' }, p)
}
