import type { Aval } from '../aval'
import { shapeError } from '../error'
import {
  asList,
  definePlainOp,
  erase,
  makeNode,
  type Batched,
  type Expr,
  type NoParams,
  type Op,
  type OpSpec,
  type Rules,
} from '../op'
import { alignBatch } from './structural'

/** y = x, through which no derivative passes. */
export const stopGradient: Op<NoParams, 1> = definePlainOp<1>({
  name: 'stopGradient',
  doc: 'y = x; no derivative passes',
  arity: 1,
  smoothness: 'none',
  shape: ([x]): Aval => x,
  jvp: null,
  vjp: null,
  batch: ([x]) => stopGradient(x.expr),
  eval: ([x]) => x,
  lower: ([x]) => ({ kind: 'map', at: x }),
})

/** y = x: a fresh node to differentiate with respect to. Known by identity, never by structure; compilers see through it. */
export const variable: Op<NoParams, 1> = definePlainOp<1>({
  name: 'variable',
  doc: 'y = x; what a derivative is taken with respect to',
  arity: 1,
  smoothness: 'smooth',
  shape: ([x]): Aval => x,
  jvp: 'linear',
  vjp: (ct) => [ct],
  batch: ([x]) => variable(x.expr),
  eval: ([x]) => x,
  lower: ([x]) => ({ kind: 'map', at: x }),
})

/**
 * y = x, not to be computed before `after` and not to be shared with x: what remat puts between a value and its second
 * computation, so that the plan does not undo it.
 */
export const fence: Op<NoParams, 2> = definePlainOp<2>({
  name: 'fence',
  doc: 'y = x, computed after the second input',
  arity: 2,
  smoothness: 'smooth',
  shape: ([x]): Aval => x,
  jvp: ([t]) => t,
  vjp: (ct) => [ct, null],
  batch: ([x, after], _, size) => {
    const [first] = alignBatch([x], size) as [Expr]
    return fence(first, after.expr)
  },
  eval: ([x]) => x,
  lower: ([x]) => ({ kind: 'map', at: x }),
})

/**
 * y = the first input, which was computed from the others by a region that autodiff computes again on the way back instead of
 * keeping its values. Made by `remat`.
 */
export const rematRegion: Op<NoParams, number> = definePlainOp<number>({
  name: 'remat',
  doc: 'y = first input; its region is recomputed for the derivative',
  arity: -1,
  smoothness: 'smooth',
  shape: ([x]): Aval => x ?? shapeError('remat', 'a value and the inputs of its region', []),
  jvp: ([t]) => t ?? null,
  // The reverse walk treats this op itself: it needs the region, which only a walk can see.
  vjp: (ct, { inputs }) => inputs.map((_, i) => (i === 0 ? ct : null)),
  batch: ([x, ...args], _, size) => rematRegion(alignBatch([x!], size)[0]!, ...args.map((a) => a.expr)),
  eval: ([x]) => x!,
  lower: ([x]) => ({ kind: 'map', at: x! }),
})

/**
 * `f` with its intermediate values dropped after use and computed again for the derivative (Chen et al. 2016,
 * arXiv:1604.06174): memory for time. Equals `f` in value and gradient. Name as arguments what the region reads.
 */
export const remat =
  (f: (...args: readonly Expr[]) => Expr) =>
  (...args: readonly Expr[]): Expr => {
    const held = args.map((arg) => variable(arg))
    return rematRegion(f(...held), ...held)
  }

/** Cotangents of a function's arguments, given that of its value. null where there is none. */
export type CustomVjp = (ct: Expr, args: readonly Expr[], out: Expr) => readonly (Expr | null)[]

/**
 * Give `f` a reverse rule of its own: `customVjp('name', f, rule)(...args)`. The node is an identity on f's value with an op
 * record made on the spot, so engines need not know of it. Forward mode differentiates f itself; vmap maps the rule.
 * The rule is checked like any other by `checkGradients` of emend/spec.
 */
export const customVjp =
  (name: string, f: (...args: readonly Expr[]) => Expr, rule: CustomVjp) =>
  (...args: readonly Expr[]): Expr =>
    makeNode(customVjpOp(name, rule), {}, [f(...args), ...args])

const customRules = new WeakMap<OpSpec, { readonly name: string; readonly rule: CustomVjp }>()

/** The rule behind a node made by `customVjp`; undefined for any other op. */
export const customRuleOf = (op: OpSpec): { readonly name: string; readonly rule: CustomVjp } | undefined =>
  customRules.get(op)

export const customVjpOp = (name: string, rule: CustomVjp): OpSpec => {
  const rules: Rules<NoParams, number> = {
    name: `customVjp:${name}`,
    doc: 'y = first input, with a reverse rule of its own',
    arity: -1,
    smoothness: 'smooth',
    shape: ([x]) => x ?? shapeError('customVjp', 'a value and the arguments of its function', []),
    jvp: ([t]) => t ?? null,
    vjp: (ct, { inputs, out }) => {
      const args = inputs.slice(1)
      const cts = rule(ct, args, out)
      if (cts.length !== args.length)
        shapeError(name, `${args.length} cotangents, one per argument`, `${cts.length} from its rule`)
      return [null, ...cts]
    },
    batch: (inputs, _, size) => makeNode(erase(rules), {}, alignBatch(asList<Batched, number>(inputs), size)),
    eval: ([x]) => x!,
    lower: ([x]) => ({ kind: 'map', at: x! }),
  }
  const op = erase(rules)
  customRules.set(op, { name, rule })
  return op
}

/**
 * Whether a node is its first input and nothing else once derivatives have been taken: the others steer them only. `fence` is
 * none: it orders what is computed.
 */
export const isMarker = (e: Expr): boolean =>
  e.op.name === 'variable' ||
  e.op.name === 'stopGradient' ||
  e.op.name === 'remat' ||
  e.op.name.startsWith('customVjp:')
