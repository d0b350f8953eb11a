import {
  evaluateOne,
  Expr,
  isMarker,
  makeNode,
  ops,
  sameNode,
  sameShape,
  sizeOf,
  topological,
  type Shape,
} from '../core'

/**
 * The graph as the plan wants it: markers gone, equal nodes shared, and what costs nothing to remove removed. Every rule
 * keeps every bit of the result (x + 0 is not x when x is -0, so it stays).
 */
export const simplify = (roots: readonly Expr[], maxInputs = Infinity): readonly Expr[] => {
  const interned = new Map<string, Expr[]>()
  const results = new Map<Expr, Expr>()
  const intern = (e: Expr): Expr => {
    const bucket = interned.get(e.hash)
    const found = bucket?.find((other) => sameNode(e, other))
    if (found !== undefined) return found
    if (bucket === undefined) interned.set(e.hash, [e])
    else bucket.push(e)
    return e
  }
  for (const e of topological(roots)) {
    const inputs = e.inputs.map((x) => results.get(x)!)
    const rebuilt = isMarker(e) ? inputs[0]! : relabel(e, inputs)
    results.set(e, intern(isMarker(e) ? rebuilt : reduceNode(rebuilt, intern, maxInputs)))
  }
  return roots.map((root) => results.get(root)!)
}

/** The node on other inputs, with the path it had. */
const relabel = (e: Expr, inputs: readonly Expr[]): Expr => {
  if (inputs.every((x, i) => x === e.inputs[i])) return e
  const made = makeNode(e.op, e.params, inputs)
  return new Expr(made.op, made.params, made.inputs, made.aval, made.hash, e.path)
}

type Intern = (e: Expr) => Expr

const reduceNode = (e: Expr, intern: Intern, maxInputs: number): Expr => {
  const [x] = e.inputs
  if (x === undefined) return e
  switch (e.op.name) {
    case 'reshape':
      if (sameShape(x.aval.shape, e.aval.shape)) return x
      if (x.op.name === 'reshape')
        return reduceNode(ops.reshape({ shape: e.aval.shape }, x.inputs[0]!), intern, maxInputs)
      return literalOf(e, x)
    case 'transpose': {
      const perm = e.params.perm as Shape
      if (perm.every((p, i) => p === i)) return x
      if (x.op.name === 'transpose') {
        const inner = x.params.perm as Shape
        return reduceNode(ops.transpose({ perm: perm.map((p) => inner[p]!) }, x.inputs[0]!), intern, maxInputs)
      }
      return literalOf(e, x)
    }
    case 'repeat':
    case 'slice':
      return sameShape(x.aval.shape, e.aval.shape) ? x : literalOf(e, x)
    case 'pad':
      return sameShape(x.aval.shape, e.aval.shape) ? x : e
    case 'reduceSum': {
      const axes = e.params.axes as Shape
      // A sum begins with 0: that of one -0 is 0.
      if (axes.length === 0) return foldLiterals(ops.add(x, ops.literal({ ...x.aval, value: 0 })))
      // Halves are rounded after each sum.
      if (x.op.name !== 'reduceSum' || x.aval.dtype !== 'f32') return e
      const inner = x.params.axes as Shape
      const kept = x.inputs[0]!.aval.shape.map((_, i) => i).filter((i) => !inner.includes(i))
      const all = [...inner, ...axes.map((a) => kept[a]!)].sort((a, b) => a - b)
      return ops.reduceSum({ axes: all }, x.inputs[0]!)
    }
    case 'reduceMax':
      return (e.params.axes as Shape).length === 0 ? x : e
    case 'cast':
      return x.aval.dtype === e.aval.dtype ? x : e
    case 'neg':
      return x.op.name === 'neg' ? x.inputs[0]! : foldLiterals(e)
    case 'mul': {
      const y = e.inputs[1]!
      if (isLiteral(y, 1)) return x
      if (isLiteral(x, 1)) return y
      return foldLiterals(e)
    }
    case 'div':
      return isLiteral(e.inputs[1]!, 1) ? x : foldLiterals(e)
    case 'sub':
      return isLiteral(e.inputs[1]!, 0) ? x : foldLiterals(e)
    case 'concat':
      return e.inputs.length > maxInputs ? splitConcat(e, intern, maxInputs) : e.inputs.length === 1 ? x : e
    default:
      return foldLiterals(e)
  }
}

/** -0 is not 0 here: x - (-0) and x - 0 differ for x = -0. */
const isLiteral = (e: Expr, value: number): boolean => e.op.name === 'literal' && Object.is(e.params.value, value)

/** A view of equal numbers is equal numbers. */
const literalOf = (e: Expr, x: Expr): Expr =>
  x.op.name === 'literal' ? makeNode(x.op, { ...x.params, shape: e.aval.shape }, []) : e

const foldable = new Set([
  'add',
  'sub',
  'mul',
  'div',
  'neg',
  'exp',
  'log',
  'sqrt',
  'max',
  'min',
  'not',
  'eq',
  'lt',
  'le',
  'abs',
])

/** Arithmetic on equal numbers, done once. Only where the result is a number that JSON can hold. */
const foldLiterals = (e: Expr): Expr => {
  if (!foldable.has(e.op.name) || !e.inputs.every((x) => x.op.name === 'literal') || sizeOf(e.aval.shape) === 0)
    return e
  const scalars = e.inputs.map((x) => makeNode(x.op, { ...x.params, shape: [] }, []))
  const [value] = evaluateOne(makeNode(e.op, e.params, scalars)) // rounded as halves are
  if (value === undefined || !Number.isFinite(value) || Object.is(value, -0)) return e
  return ops.literal({ value, shape: e.aval.shape, dtype: e.aval.dtype })
}

/** A concat of more arrays than a kernel can read, as a tree of narrower ones. */
const splitConcat = (e: Expr, intern: Intern, maxInputs: number): Expr => {
  const parts: Expr[] = []
  for (let i = 0; i < e.inputs.length; i += maxInputs) {
    const group = e.inputs.slice(i, i + maxInputs)
    parts.push(group.length === 1 ? group[0]! : intern(makeNode(e.op, e.params, group)))
  }
  const joined = makeNode(e.op, e.params, parts)
  return parts.length > maxInputs ? splitConcat(joined, intern, maxInputs) : joined
}
