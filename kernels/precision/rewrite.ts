import {
  cast,
  customRuleOf,
  customVjpOp,
  dependents,
  isFloat,
  makeNode,
  ops,
  roundBf16,
  roundF16,
  shapeError,
  topological,
  withPath,
  type CustomVjp,
  type DType,
  type Expr,
} from '../../core'
import type { Policy } from './policy'
import { functionPrecision, opPrecision, wider, type ComputeDType } from './rules'
import { scopeLookup } from './scopes'

export interface Rewriter {
  readonly rewrite: (roots: readonly Expr[]) => readonly Expr[]
  /** Scopes of the policy that no node was built in. */
  readonly unknownScopes: () => readonly string[]
}

/** Rewrites an expression by a policy. `params` are left as they are, and take the dtype of what they meet. */
export const rewriter = (policy: Policy, params: readonly Expr[]): Rewriter => {
  const scopes = scopeLookup(policy)
  const casts = castsOnce()
  const rewrite = rewriteFrom(scopes.computeOf, casts, new Map(params.map((p) => [p, p])), new Set(params))
  return { rewrite, unknownScopes: scopes.unused }
}

type Casts = (x: Expr, dtype: DType) => Expr
type ComputeOf = (e: Expr) => ComputeDType

/** Views under which a cast stands, so that all views of a value share it. */
const views = new Set(['reshape', 'transpose', 'repeat'])

/** Floats in a dtype: a cast that every user shares. One that takes back another is none: widening and rounding again is exact. */
const castsOnce = (): Casts => {
  const made = new Map<Expr, Map<DType, Expr>>()
  const casts: Casts = (x, dtype) => {
    if (x.aval.dtype === dtype || !isFloat(x.aval.dtype)) return x
    if (isLiteral(x)) return makeNode(x.op, { ...x.params, dtype }, []) // as written, not as another dtype has it
    if (x.op.name === 'cast' && x.aval.dtype === 'f32' && x.inputs[0]!.aval.dtype === dtype) return x.inputs[0]!
    const known = made.get(x) ?? new Map<DType, Expr>()
    made.set(x, known)
    const found = known.get(dtype)
    if (found !== undefined) return found
    const fresh = withPath(x.path, () =>
      views.has(x.op.name) ? makeNode(x.op, x.params, [casts(x.inputs[0]!, dtype)]) : cast(x, dtype),
    )
    known.set(dtype, fresh)
    return fresh
  }
  return casts
}

/**
 * A walk with inputs before users. `done` holds what is rewritten already; `weak` those results (constants, parameters, views of them) that
 * take the dtype of what they meet.
 */
const rewriteFrom = (computeOf: ComputeOf, casts: Casts, done: Map<Expr, Expr>, weak: Set<Expr>) => {
  const isWeak = (x: Expr): boolean => weak.has(x) || constantOf(x) !== undefined
  const regions = new Map<Expr, Region>()
  const regionOf = (e: Expr): Region => {
    const known = regions.get(e)
    if (known !== undefined) return known
    const region = findRegion(e)
    regions.set(e, region)
    return region
  }
  const inputsOf = (e: Expr): readonly Expr[] =>
    functionOf(e) === undefined ? e.inputs : [...e.inputs.slice(1), ...regionOf(e).outside]

  const rewriteNode = (e: Expr): Expr => {
    const custom = customRuleOf(e.op)
    if (functionOf(e) !== undefined) return wholeFunction(e)
    const inputs = e.inputs.map((x) => done.get(x)!)
    if (custom !== undefined) return followed(e, custom, inputs)
    const wanted = dtypeFor(e, inputs, computeOf(e), isWeak)
    const fitted = wanted === undefined ? inputs : inputs.map((x) => casts(x, wanted))
    const same = fitted.every((x, i) => x === e.inputs[i])
    if (e.op.name === 'cast' && isFloat(e.aval.dtype) && isFloat(inputs[0]!.aval.dtype) && !isLiteral(inputs[0]!))
      return casts(inputs[0]!, e.aval.dtype)
    const made = same ? e : makeNode(e.op, e.params, fitted)
    if (staysWeak(e, inputs, weak)) weak.add(made)
    return made
  }

  /** A function in f32 as a whole, whose result is rounded once or stays. */
  const wholeFunction = (e: Expr): Expr => {
    const { inside, outside, value } = regionOf(e)
    const args = e.inputs.slice(1)
    const exact = new Map<Expr, Expr>()
    for (const x of [...args, ...outside]) exact.set(x, casts(done.get(x)!, 'f32'))
    for (const x of inside) {
      if (exact.has(x)) continue
      const inputs = x.inputs.map((y) => casts(exact.get(y)!, 'f32'))
      exact.set(
        x,
        withPath(x.path, () => makeNode(x.op, x.params, inputs)),
      )
    }
    const rounds = functionPrecision[functionOf(e)!] === 'rounds'
    const result = casts(exact.get(value)!, rounds ? (isHalf(e) ? e.aval.dtype : computeOf(e)) : 'f32')
    const { name, rule } = customRuleOf(e.op)!
    return makeNode(customVjpOp(name, inF32(rule)), {}, [result, ...args.map((x) => done.get(x)!)])
  }

  /** A function of another kind: its ops by their rules, forward and backward. */
  const followed = (
    e: Expr,
    { name, rule }: { readonly name: string; readonly rule: CustomVjp },
    inputs: readonly Expr[],
  ): Expr => {
    const backward: CustomVjp = (ct, args, out) => {
      const given = [ct, ...args, out]
      const fixed = new Set(args.filter((_, i) => isWeak(inputs[i + 1]!)))
      const results = inDtypesOf(e, rule)(ct, args, out)
      const known = new Map(given.map((x) => [x, x]))
      const again = rewriteFrom(computeOf, casts, known, fixed)
      const some = results.filter((x): x is Expr => x !== null)
      const rewritten = new Map(again(some).map((x, i) => [some[i]!, x]))
      return results.map((x, i) => (x === null ? null : casts(rewritten.get(x)!, args[i]!.aval.dtype)))
    }
    const made = makeNode(customVjpOp(name, backward), {}, inputs)
    if (isWeak(inputs[0]!)) weak.add(made)
    return made
  }

  return (roots: readonly Expr[]): readonly Expr[] => {
    for (const e of topological(roots, (x) => done.has(x), inputsOf))
      if (!done.has(e))
        done.set(
          e,
          withPath(e.path, () => rewriteNode(e)),
        )
    return roots.map((root) => done.get(root)!)
  }
}

const isHalf = ({ aval: { dtype } }: Expr): boolean => dtype === 'f16' || dtype === 'bf16'

/** A rule as its author wrote it: in the dtypes that the function had, its results in those of the arguments. */
const inDtypesOf =
  (e: Expr, rule: CustomVjp): CustomVjp =>
  (ct, args, out) => {
    const written = args.map((x, i) => cast(x, e.inputs[i + 1]!.aval.dtype))
    return likeArgs(rule(cast(ct, e.aval.dtype), written, cast(out, e.aval.dtype)), args)
  }

/** A rule in f32, its results in the dtypes of the arguments. It makes f32 values again from halves: only those are kept from the way forward. */
const inF32 =
  (rule: CustomVjp): CustomVjp =>
  (ct, args, out) => {
    const wide = args.map((x) => (isHalf(x) ? cast(ops.fence(x, ct), 'f32') : x))
    return likeArgs(rule(cast(ct, 'f32'), wide, cast(out, 'f32')), args)
  }

const likeArgs = (cts: readonly (Expr | null)[], args: readonly Expr[]): readonly (Expr | null)[] =>
  cts.map((x, i) => (x === null ? null : cast(x, args[i]!.aval.dtype)))

/** The name of a function that is computed as a whole; undefined for any other node. */
const functionOf = (e: Expr): string | undefined => {
  const name = customRuleOf(e.op)?.name
  return name !== undefined && name in functionPrecision ? name : undefined
}

interface Region {
  readonly value: Expr
  /** Nodes between the arguments and the value, inputs before users. */
  readonly inside: readonly Expr[]
  /** What they read beside the arguments. */
  readonly outside: readonly Expr[]
}

const findRegion = (e: Expr): Region => {
  const [value, ...args] = e.inputs as readonly [Expr, ...Expr[]]
  const order = topological([value], (x) => args.includes(x))
  const isInside = dependents(order, args)
  const inside = order.filter((x) => isInside(x) && !args.includes(x))
  const outside = [...new Set([value, ...inside.flatMap((x) => x.inputs)])].filter(
    (x) => !args.includes(x) && !isInside(x),
  )
  return { value, inside, outside }
}

/** The dtype that an op's float inputs are wanted in; undefined: as they are. */
const dtypeFor = (
  e: Expr,
  inputs: readonly Expr[],
  compute: ComputeDType,
  isWeak: (x: Expr) => boolean,
): DType | undefined => {
  const rule = opPrecision[e.op.name]
  const floats = inputs.filter((x) => isFloat(x.aval.dtype))
  if (rule === undefined)
    return shapeError('withPolicy', 'an op that kernels/precision/rules.ts has a rule for', e.op.name)
  if (floats.length === 0 || rule === 'moves' || rule === 'own') return undefined
  if (rule === 'compute') return compute
  if (rule === 'f32') return 'f32'
  const strong = floats.filter((x) => !isWeak(x))
  const met = (strong.length > 0 ? strong : floats).map((x) => x.aval.dtype).reduce(wider)
  const widest = compute === 'f32' ? 'f32' : met
  return floats.every((x) => holds(widest, x)) ? widest : 'f32'
}

/** Whether a dtype has a constant's number, or one near it: neither infinite nor 0 in its place. */
const holds = (dtype: DType, x: Expr): boolean => {
  const value = constantOf(x)
  if (typeof value !== 'number' || value === 0) return true
  const rounded = dtype === 'f16' ? roundF16(value) : dtype === 'bf16' ? roundBf16(value) : value
  return Number.isFinite(rounded) && rounded !== 0
}

const isLiteral = (x: Expr): boolean => x.op.name === 'literal'

/** The value of a literal, or of a view of one; undefined for anything else. */
const constantOf = (x: Expr): unknown => {
  let at = x
  while (opPrecision[at.op.name] === 'moves' && at.inputs.length > 0) at = at.inputs[0]!
  return isLiteral(at) ? at.params.value : undefined
}

/**
 * Whether a result takes the dtype of what it meets, as parameters do: it was moved from such, or made of nothing else. What is made of
 * constants alone does not: a mask of -1e9 has to stay what it is.
 */
const staysWeak = (e: Expr, inputs: readonly Expr[], weak: ReadonlySet<Expr>): boolean => {
  const rule = opPrecision[e.op.name]
  if (!isFloat(e.aval.dtype)) return false
  if (rule === 'moves') return weak.has(inputs[0]!)
  const floats = inputs.filter((x) => isFloat(x.aval.dtype))
  return (
    rule === 'widest' &&
    floats.some((x) => weak.has(x)) &&
    floats.every((x) => weak.has(x) || constantOf(x) !== undefined)
  )
}
