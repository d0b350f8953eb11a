import type { ReduceFn, ScalarType } from '../../../core'
import { elementAddress, setCoordinates, type KernelFrame } from './frame'
import { f32x4, get, i32, i32x4, select, set, shuffle32, v128, when, whileLoop, type Code } from './instructions'
import { elementBytes, horizontal, storeLanes, storeVector } from './memory'
import { Values } from './values'

/** Vectors that one turn of a loop takes, so that sums do not wait for each other. */
const unroll = 4
/** Summands of one lane from which on a sum is taken in blocks, and how many make a block. */
const long = 256
const block = 64

/** Running state of a reduction in vector locals. */
interface Accumulator {
  readonly fn: ReduceFn
  readonly type: ScalarType
  readonly value: number
  /** argmax: where it stands. */
  readonly place: number
}

const accumulator = ({ f, kernel, shape }: KernelFrame): Accumulator => ({
  fn: kernel.reduce!.fn,
  type: shape.roots.reduced!.type,
  value: f.local('v128'),
  place: f.local('v128'),
})

const identity = ({ fn, type }: Accumulator): Code =>
  fn === 'sum' ? i32x4.of(0) : type === 'int' ? i32x4.of(-(2 ** 31)) : f32x4.of(-Infinity)

const reset = (a: Accumulator): Code => [
  set(a.value, identity(a)),
  ...(a.fn === 'argmax' ? [set(a.place, i32x4.of(0))] : []),
]

const combine = ({ fn, type }: Accumulator, x: Code, y: Code): Code =>
  fn === 'sum'
    ? type === 'int'
      ? i32x4.add(x, y)
      : f32x4.add(x, y)
    : type === 'int'
      ? i32x4.max(x, y)
      : f32x4.max(x, y)

/** One step: `place` is the position of each lane along the axis, for argmax. */
const step = (a: Accumulator, x: Code, place: Code, f: KernelFrame['f']): Code => {
  if (a.fn !== 'argmax') return set(a.value, combine(a, get(a.value), x))
  const [v, better] = [f.local('v128'), f.local('v128')]
  return [
    set(v, x),
    set(better, a.type === 'int' ? i32x4.gt(get(v), get(a.value)) : f32x4.gt(get(v), get(a.value))), // NaN is never best
    set(a.value, v128.choose(get(better), get(v), get(a.value))),
    set(a.place, v128.choose(get(better), place, get(a.place))),
  ]
}

/**
 * Where a long sum is cut into blocks, each added to a total with what rounding loses there (Knuth's TwoSum): a float that takes
 * thousands of summands one by one loses digits. A block is `every` steps of one of the reduced axes.
 */
interface Cut {
  readonly axis: number
  readonly every: number
}

/** `atOnce` elements are taken by a turn of the innermost loop. */
const cutOf = ({ kernel, shape }: KernelFrame, atOnce: number): Cut | undefined => {
  const sizes = shape.reduceAxes.map((a) => a.size)
  const summands = sizes.reduce((a, b) => a * b, 1) / atOnce
  if (kernel.reduce!.fn !== 'sum' || summands < long) return undefined
  const inside = (axis: number): number => sizes.slice(axis + 1).reduce((a, b) => a * b, 1)
  const axis = sizes.findIndex((_, i) => inside(i) <= block * atOnce)
  return { axis, every: Math.floor((block * atOnce) / inside(axis)) }
}

/** From 0 to `last` in blocks of `every`: `body` takes `local` from where it is to `stop`. */
const inBlocks = (local: number, stop: number, last: Code, every: number, body: Code, fold: Code): Code => [
  set(local, i32.of(0)),
  whileLoop(i32.lt(get(local), last), [
    set(stop, i32.add(get(local), i32.of(every))),
    set(stop, select(i32.lt(get(stop), last), get(stop), last)),
    body,
    fold,
  ]),
]

/** The total of a sum's blocks, and what it lost by rounding. */
interface Total extends Accumulator {
  readonly lost: number
}

const totalOf = (frame: KernelFrame): Total => ({ ...accumulator(frame), lost: frame.f.local('v128') })
const resetTotal = (t: Total): Code => [reset(t), set(t.lost, f32x4.of(0))]

/** Adds what has been summed to a total, and begins anew. */
const moveTo = (total: Total, part: Accumulator, f: KernelFrame['f']): Code => {
  if (total.type === 'int') return [set(total.value, combine(total, get(total.value), get(part.value))), reset(part)]
  const [next, taken] = [f.local('v128'), f.local('v128')]
  const [a, b] = [get(total.value), get(part.value)]
  return [
    set(next, f32x4.add(a, b)),
    set(taken, f32x4.sub(get(next), a)),
    set(
      total.lost,
      f32x4.add(get(total.lost), f32x4.add(f32x4.sub(a, f32x4.sub(get(next), get(taken))), f32x4.sub(b, get(taken)))),
    ),
    set(total.value, get(next)),
    reset(part),
  ]
}

/** The total with what it lost, unless that is not a number: then the total is an infinity or none itself. */
const settle = (t: Total): Code =>
  t.type === 'int'
    ? []
    : set(t.value, v128.choose(f32x4.eq(get(t.lost), get(t.lost)), f32x4.add(get(t.value), get(t.lost)), get(t.value)))

const accType = ({ kernel, shape }: KernelFrame): ScalarType =>
  kernel.reduce!.fn === 'argmax' ? 'int' : shape.roots.reduced!.type

// ------------------------------------------------------------------------------------------------ four outputs at a time

/** Reductions whose lanes are neighbouring outputs: sums over rows, segments. */
export const reduceAcross = (frame: KernelFrame, rowValues: Values, c: number, stop: number, target: number): Code => {
  const wide = (frame.shape.axes.at(-1)?.size ?? 1) >= 4 * unroll
  const groups = (n: number): Code => acrossGroup(frame, rowValues, c, stop, target, n)
  const fits = i32.le(i32.add(get(c), i32.of(4 * unroll)), get(stop))
  return [...(wide ? [whileLoop(fits, groups(unroll))] : []), whileLoop(i32.lt(get(c), get(stop)), groups(1))]
}

const acrossGroup = (
  frame: KernelFrame,
  rowValues: Values,
  c: number,
  stop: number,
  target: number,
  vectors: number,
): Code => {
  const { f, kernel, shape, scope } = frame
  const { reduced, count } = shape.roots
  const copies: Values[] = []
  for (let u = 0; u < vectors; u++) copies.push(new Values(scope, 2, rowValues, 4 * u, copies[0] ?? null))
  const accs = copies.map(() => accumulator(frame))
  const axes = shape.reduceAxes
  const only = axes[0]
  const steps = copies.map((values, u) =>
    step(
      accs[u]!,
      values.vector(reduced!),
      only === undefined ? i32x4.of(0) : i32x4.splat(get(scope.axes.get(only.name)!)),
      f,
    ),
  )
  const bound = count === undefined ? undefined : boundOf(frame, copies[0]!, only?.size ?? 1)
  const cut = cutOf(frame, 1)
  const totals = cut === undefined ? [] : accs.map(() => totalOf(frame))
  const done = cut === undefined ? accs : totals
  const stopAt = f.local('i32')
  let inner: Code = steps
  for (let i = axes.length - 1; i >= 0; i--) {
    const local = scope.axes.get(axes[i]!.name)!
    const last = i === 0 && bound !== undefined ? get(bound.local) : i32.of(axes[i]!.size)
    const upTo = (end: Code): Code =>
      whileLoop(i32.lt(get(local), end), [
        ...copies.flatMap((v) => v.at(3 + i)),
        inner,
        set(local, i32.add(get(local), i32.of(1))),
      ])
    inner =
      cut?.axis === i
        ? inBlocks(
            local,
            stopAt,
            last,
            cut.every,
            upTo(get(stopAt)),
            accs.map((a, u) => moveTo(totals[u]!, a, f)),
          )
        : [set(local, i32.of(0)), upTo(last)]
  }
  if (axes.length === 0 && bound !== undefined) inner = when(i32.gt(get(bound.local), i32.of(0)), inner)
  if (kernel.reduce!.axes.some((a) => a.size === 0)) inner = []
  const results = copies.map((values, u) => {
    values.setAcc(get(done[u]!.fn === 'argmax' ? done[u]!.place : done[u]!.value), true)
    return values.vector(shape.roots.body)
  })
  const left = f.local('i32')
  const address = elementAddress(target, c, kernel)
  const stores = results.map((result, u) =>
    vectors === 1
      ? [set(left, i32.sub(get(stop), get(c))), storeLanes(f, kernel.output.dtype, address, left, result)]
      : storeVector(f, kernel.output.dtype, address, 4 * u * elementBytes(kernel.output.dtype), result),
  )
  return [
    ...copies.flatMap((v) => v.at(2)),
    ...(bound === undefined ? [] : [bound.code]),
    ...accs.map(reset),
    ...totals.map(resetTotal),
    inner,
    ...totals.map(settle),
    ...copies.flatMap((v, u) => [...v.after, stores[u]!]),
    set(c, i32.add(get(c), i32.of(4 * vectors))),
  ]
}

/** How many steps of the only axis take part, at most its size. */
const boundOf = (
  { f, shape }: KernelFrame,
  values: Values,
  size: number,
): { readonly local: number; readonly code: Code } => {
  const local = f.local('i32')
  const wanted = values.single(shape.roots.count!)
  return {
    local,
    code: [set(local, wanted), set(local, select(i32.lt(get(local), i32.of(size)), get(local), i32.of(size)))],
  }
}

// ------------------------------------------------------------------------------------------------ four steps at a time

/** Reductions whose lanes are neighbouring steps of the innermost reduced axis: one output after another. */
export const reduceAlong = (frame: KernelFrame, from: number, to: number): Code => {
  const { f, kernel, shape, scope, top, out } = frame
  const { reduced, count } = shape.roots
  const [at, row, stop, left] = [1, 2, 3, 4].map(() => f.local('i32')) as [number, number, number, number]
  const element = new Values(scope, 1, top)
  const axes = shape.reduceAxes
  const fastest = axes.at(-1)!
  const depth = 1 + axes.length
  const c = scope.axes.get(fastest.name)!
  const total = accumulator(frame)
  const bound = count === undefined ? undefined : boundOf(frame, element, fastest.size)
  const last = bound === undefined ? i32.of(fastest.size) : get(bound.local)
  // argmax keeps one vector: which of several came first would be lost.
  const vectors = kernel.reduce!.fn === 'argmax' || fastest.size < 4 * unroll ? 1 : unroll

  const copies: Values[] = []
  for (let u = 0; u < vectors; u++) copies.push(new Values(scope, 2, element, 4 * u, copies[0] ?? null))
  const accs = copies.map((_, u) => (u === 0 ? total : accumulator(frame)))
  const rest = new Values(scope, 2, element)
  const iota = f.local('v128')
  const setIota = set(iota, i32x4.add(i32x4.splat(get(c)), i32x4.lanes(0, 1, 2, 3)))
  const steps = copies.map((values, u) => step(accs[u]!, values.vector(reduced!), get(iota), f))
  const value = rest.vector(reduced!)
  const masked = v128.choose(i32x4.lt(get(iota), i32x4.splat(get(stop))), value, identity(total))
  const restStep = [setIota, step(total, masked, get(iota), f)]

  const level = (d: number): readonly Code[] => [...copies.flatMap((v) => v.at(d)), ...rest.at(d)]
  const sweep: Code = [
    whileLoop(i32.le(i32.add(get(c), i32.of(4 * vectors)), get(stop)), [
      ...copies.flatMap((v) => v.at(depth)),
      ...(kernel.reduce!.fn === 'argmax' ? [setIota] : []),
      steps,
      set(c, i32.add(get(c), i32.of(4 * vectors))),
    ]),
    whileLoop(i32.lt(get(c), get(stop)), [...rest.at(depth), restStep, set(c, i32.add(get(c), i32.of(4)))]),
  ]
  const cut = cutOf(frame, 4 * vectors)
  const sum = totalOf(frame)
  const fold = (to: number): Code => accs.slice(1).map((a) => [set(to, combine(a, get(to), get(a.value))), reset(a)])
  const move: Code = [...fold(total.value), moveTo(sum, total, f)]
  let nest: Code =
    cut?.axis === axes.length - 1
      ? inBlocks(c, stop, last, cut.every, sweep, move)
      : [set(c, i32.of(0)), set(stop, last), sweep]
  const stopAt = f.local('i32')
  for (let i = axes.length - 2; i >= 0; i--) {
    const local = scope.axes.get(axes[i]!.name)!
    const upTo = (end: Code): Code =>
      whileLoop(i32.lt(get(local), end), [...level(2 + i), nest, set(local, i32.add(get(local), i32.of(1)))])
    const size = i32.of(axes[i]!.size)
    nest =
      cut?.axis === i
        ? inBlocks(local, stopAt, size, cut.every, upTo(get(stopAt)), move)
        : [set(local, i32.of(0)), upTo(size)]
  }
  if (kernel.reduce!.axes.some((a) => a.size === 0)) nest = []
  const done = cut === undefined ? total : sum
  element.setAcc(...accOf(frame, done))
  const result = element.vector(shape.roots.body)
  return [
    set(at, get(from)),
    whileLoop(i32.lt(get(at), get(to)), [
      set(row, get(at)),
      setCoordinates(shape.axes, scope.axes, row),
      ...element.at(1),
      ...(bound === undefined ? [] : [bound.code]),
      ...accs.map(reset),
      ...(cut === undefined ? [] : [resetTotal(sum)]),
      nest,
      fold(total.value),
      ...(cut === undefined ? [] : [settle(sum)]),
      finish(frame, done),
      ...element.after,
      set(left, i32.of(1)),
      storeLanes(f, kernel.output.dtype, elementAddress(out, at, kernel), left, result),
      set(at, i32.add(get(at), i32.of(1))),
    ]),
  ]
}

const accOf = (frame: KernelFrame, a: Accumulator): [Code, boolean] =>
  accType(frame) === 'int'
    ? [i32x4.extract(0, get(a.fn === 'argmax' ? a.place : a.value)), false]
    : [get(a.value), true]

/** Lanes into one, in pairs: the result stands in all of them. */
const finish = ({ f }: KernelFrame, a: Accumulator): Code => {
  if (a.fn !== 'argmax')
    return set(
      a.value,
      horizontal(f, get(a.value), (x, y) => combine(a, x, y), shuffle32),
    )
  const [v, p, better] = [f.local('v128'), f.local('v128'), f.local('v128')]
  const [gt, eq] = a.type === 'int' ? [i32x4.gt, i32x4.eq] : [f32x4.gt, f32x4.eq]
  return [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ].map((lanes) => [
    set(v, shuffle32(lanes, get(a.value), get(a.value))),
    set(p, shuffle32(lanes, get(a.place), get(a.place))),
    // Of equal values the first place.
    set(better, v128.or(gt(get(v), get(a.value)), v128.and(eq(get(v), get(a.value)), i32x4.lt(get(p), get(a.place))))),
    set(a.value, v128.choose(get(better), get(v), get(a.value))),
    set(a.place, v128.choose(get(better), get(p), get(a.place))),
  ])
}
