import { asTuple, bytesOf, sizeOf, type Access, type Expr, type Lowered } from '../core'

/**
 * Which nodes get a buffer. All others are computed inside the kernels that read them: element-wise chains into each other,
 * element-wise prologues into reductions, and epilogues onto the one reduction a kernel may hold.
 */
export interface Fusion {
  readonly isStored: (e: Expr) => boolean
  readonly lowered: (e: Expr, inputs: readonly Access[]) => Lowered
}

export interface FusionLimits {
  /** Arrays that one kernel may read. */
  readonly maxInputs: number
  /** Work of a kernel's body, in additions, above which chains are cut. */
  readonly maxWeight: number
}

const views = new Set(['reshape', 'transpose', 'slice', 'repeat', 'fence'])
/** What a node's elements are made of: a fence is its first input, and only waits for the second. */
const readsIn = (e: Expr): readonly Expr[] => (e.op.name === 'fence' ? e.inputs.slice(0, 1) : e.inputs)
/** Ops that read their inputs in an order of their own: what they read is stored, unless it is a view or costs nothing. */
const scattered = new Set(['segmentSum', 'searchSorted', 'sortRank', 'invertPermutation', 'countLess'])
/** Work of one element in additions, measured roughly on CPU and GPU alike; 1 where not named. */
const weights: Readonly<Record<string, number>> = {
  exp: 8,
  log: 8,
  tanh: 10,
  erf: 12,
  sqrt: 4,
  sin: 8,
  cos: 8,
  div: 4,
  threefry: 100,
  reshape: 0,
  transpose: 0,
  slice: 0,
  repeat: 0,
  literal: 0,
  iota: 0,
  fence: 0,
  cast: 0,
  input: 0,
  constant: 0,
}
const weightOf = (e: Expr): number => weights[e.op.name] ?? 1

export const kindOf = (e: Expr): Lowered['kind'] =>
  lower(
    e,
    e.inputs.map(() => unread),
  ).kind

const unread: Access = () => {
  throw new Error('internal: a lowering read its inputs before it was asked for an element')
}

export const lower = (e: Expr, inputs: readonly Access[]): Lowered =>
  e.op.lower(asTuple<Access, number>(inputs), { avals: e.inputs.map((x) => x.aval), params: e.params, aval: e.aval })

/** Extent of a reduction; 1 for a map. */
const trips = (l: Lowered): number => (l.kind === 'reduce' ? sizeOf(l.sizes) : 1)

const isBuffer = (e: Expr): boolean => e.op.name === 'input' || e.op.name === 'constant'
const isFree = (e: Expr): boolean => e.op.name === 'literal' || e.op.name === 'iota'

interface Facts {
  readonly lowered: Lowered
  readonly size: number
  readonly users: readonly Expr[]
}

export const fuse = (order: readonly Expr[], outputs: ReadonlySet<Expr>, limits: FusionLimits): Fusion => {
  const facts = collectFacts(order)
  const demand = demands(order, outputs, facts)
  const stored = new Set<Expr>(order.filter((e) => isBuffer(e) || (outputs.has(e) && !isBuffer(e))))
  const weight = new Map<Expr, number>()
  const reads = new Map<Expr, ReadonlySet<Expr>>()
  /** The reduction that a node's value still hangs on, if that has no buffer yet. */
  const open = new Map<Expr, Expr>()

  const store = (e: Expr): void => {
    if (isFree(e)) return
    const chain = chainFrom(e, (x) => stored.has(x) || isFree(x))
    const narrowest = chain.reduce((best, x) => (bytesOf(x.aval.dtype) < bytesOf(best.aval.dtype) ? x : best), e)
    stored.add(narrowest)
    open.delete(narrowest)
    // What lies above the buffer is made from it wherever it is read.
    for (const x of chain.slice(0, chain.indexOf(narrowest)).reverse()) {
      open.delete(x)
      weight.set(x, weightOf(x) + readsIn(x).reduce((sum, y) => sum + weightIn(y), 0))
      reads.set(x, unionOf(readsIn(x), readsOf))
    }
  }
  const weightIn = (x: Expr): number => (stored.has(x) ? 1 : weight.get(x)!)
  const readsOf = (x: Expr): ReadonlySet<Expr> => (stored.has(x) ? new Set([x]) : reads.get(x)!)

  for (const e of order) {
    const { lowered, size, users } = facts.get(e)!
    if (isBuffer(e)) {
      weight.set(e, 1)
      reads.set(e, new Set([e]))
      continue
    }
    closeOpenInputs(e, lowered, facts, open, store)
    if (scattered.has(e.op.name) || e.op.name === 'gather')
      e.inputs.forEach((x, i) => {
        if ((scattered.has(e.op.name) || i === 0) && weightIn(x) > 1) store(x)
      })
    // A product reads each element many times, and finds it ready only in a buffer.
    if (e.op.name === 'matmul') for (const x of e.inputs) storeCastUnder(x, stored, store)
    let arrays = unionOf(readsIn(e), readsOf)
    while (arrays.size > limits.maxInputs) {
      const widest = readsIn(e)
        .filter((x) => !stored.has(x))
        .sort((a, b) => readsOf(b).size - readsOf(a).size)[0]
      if (widest === undefined || readsOf(widest).size <= 1) break
      store(widest)
      arrays = unionOf(readsIn(e), readsOf)
    }
    const total = weightOf(e) + readsIn(e).reduce((sum, x) => sum + weightIn(x), 0)
    weight.set(e, isFree(e) ? 0 : total)
    reads.set(e, arrays)
    const [hangs] = readsIn(e).flatMap((x) => (!stored.has(x) && open.has(x) ? [open.get(x)!] : []))
    if (lowered.kind === 'reduce') {
      if (stored.has(e)) continue
      if (users.length === 1 && limits.maxWeight > 0) open.set(e, e)
      else store(e)
      continue
    }
    if (isFree(e) || stored.has(e)) continue
    const extra = (demand.get(e)! / Math.max(1, size) - 1) * (total - 1)
    if (extra > 2 || total > limits.maxWeight || (hangs !== undefined && users.length !== 1)) store(e)
    else if (hangs !== undefined) open.set(e, hangs)
  }
  return { isStored: (e) => stored.has(e), lowered: lower }
}

/** Work, in additions, that may be done again at each reader for the sake of a narrower buffer. */
const cheapWork = 3

/**
 * e and what it was made of element by element from one array and single numbers, cheaply: a wide copy of halves is worth no buffer. Ends
 * with the first that is stored.
 */
const chainFrom = (e: Expr, isStored: (x: Expr) => boolean): readonly Expr[] => {
  const chain = [e]
  let work = 0
  for (let at = e; !isStored(at) || at === e;) {
    const arrays = [...new Set(at.inputs.filter((x) => sizeOf(underViews(x).aval.shape) !== 1))]
    const [next] = arrays
    work += weightOf(at)
    if (arrays.length !== 1 || work > cheapWork || !inPlace.has(at.op.name)) break
    chain.push(next!)
    at = next!
  }
  return chain
}
const inPlace = new Set(['cast', 'mul', 'add', 'sub', 'neg', 'abs'])

const underViews = (x: Expr): Expr => {
  let at = x
  while (views.has(at.op.name)) at = at.inputs[0]!
  return at
}

/** A cast that is read through views only, if it has no buffer yet, gets one. */
const storeCastUnder = (x: Expr, stored: ReadonlySet<Expr>, store: (e: Expr) => void): void => {
  const at = underViews(x)
  if (at.op.name === 'cast' && !stored.has(at)) store(at)
}

/** Before a node joins its inputs in one kernel: at most one open reduction may remain, of the node's own size. */
const closeOpenInputs = (
  e: Expr,
  lowered: Lowered,
  facts: ReadonlyMap<Expr, Facts>,
  open: Map<Expr, Expr>,
  store: (x: Expr) => void,
): void => {
  const hanging = [...new Set(readsIn(e))].filter((x) => open.has(x))
  if (hanging.length === 0) return
  const work = (x: Expr): number => {
    const reduction = facts.get(open.get(x)!)!
    return reduction.size * trips(reduction.lowered)
  }
  const mayKeep =
    lowered.kind === 'map' &&
    e.op.name !== 'gather' &&
    e.op.name !== 'concat' &&
    e.op.name !== 'pad' &&
    e.op.name !== 'searchSorted'
  const size = facts.get(e)!.size
  const [best] = hanging.sort((a, b) => work(b) - work(a))
  for (const x of hanging)
    if (!mayKeep || x !== best || facts.get(open.get(x)!)!.size !== size || !isSteady(e, x)) store(x)
}

/** Whether each element of e reads x once, in place: then a reduction under x is not run again for it. */
const isSteady = (e: Expr, x: Expr): boolean =>
  e.op.name === 'reshape' ||
  e.op.name === 'transpose' ||
  (!views.has(e.op.name) && sizeOf(e.aval.shape) === sizeOf(x.aval.shape))

const unionOf = (inputs: readonly Expr[], readsOf: (x: Expr) => ReadonlySet<Expr>): ReadonlySet<Expr> => {
  const all = new Set<Expr>()
  for (const x of inputs) for (const r of readsOf(x)) all.add(r)
  return all
}

const collectFacts = (order: readonly Expr[]): ReadonlyMap<Expr, Facts> => {
  const users = new Map<Expr, Expr[]>()
  for (const e of order)
    for (const x of new Set(readsIn(e))) {
      const list = users.get(x)
      if (list === undefined) users.set(x, [e])
      else list.push(e)
    }
  return new Map(
    order.map((e) => [
      e,
      {
        lowered: lower(
          e,
          e.inputs.map(() => unread),
        ),
        size: sizeOf(e.aval.shape),
        users: users.get(e) ?? [],
      },
    ]),
  )
}

/** How many of its elements each node is asked for in all, if chains of cheap nodes were computed in place. */
const demands = (
  order: readonly Expr[],
  outputs: ReadonlySet<Expr>,
  facts: ReadonlyMap<Expr, Facts>,
): ReadonlyMap<Expr, number> => {
  const demand = new Map<Expr, number>()
  for (let i = order.length - 1; i >= 0; i--) {
    const e = order[i]!
    const { users, size } = facts.get(e)!
    let total = outputs.has(e) ? size : 0
    for (const u of users) {
      const user = facts.get(u)!
      if (user.lowered.kind === 'reduce') total += user.size * trips(user.lowered)
      else {
        const asked = demand.get(u)!
        const likelyStored = outputs.has(u) || (!views.has(u.op.name) && (user.users.length > 1 || asked > user.size))
        total += likelyStored ? user.size : asked
      }
    }
    demand.set(e, total)
  }
  return demand
}
