import type { ReduceFn, ScalarType } from '../../../core'
import { elementAddress, setCoordinates, type KernelFrame } from './frame'
import { f32x4, get, i32, i32x4, select, set, shuffle32, v128, when, whileLoop, type Code } from './instructions'
import { elementBytes, horizontal, storeLanes, storeVector } from './memory'
import { Values } from './values'

/** Vectors that one turn of a loop takes, so that sums do not wait for each other. */
const unroll = 4
/** Elements after which a long sum is added to its total: a single float loses digits. */
const longest = 8192

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
  let inner: Code = steps
  for (let i = axes.length - 1; i >= 0; i--) {
    const local = scope.axes.get(axes[i]!.name)!
    const last = i === 0 && bound !== undefined ? get(bound.local) : i32.of(axes[i]!.size)
    inner = [
      set(local, i32.of(0)),
      whileLoop(i32.lt(get(local), last), [
        ...copies.flatMap((v) => v.at(3 + i)),
        inner,
        set(local, i32.add(get(local), i32.of(1))),
      ]),
    ]
  }
  if (axes.length === 0 && bound !== undefined) inner = when(i32.gt(get(bound.local), i32.of(0)), inner)
  if (kernel.reduce!.axes.some((a) => a.size === 0)) inner = []
  const results = copies.map((values, u) => {
    values.setAcc(get(accs[u]!.fn === 'argmax' ? accs[u]!.place : accs[u]!.value), true)
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
    inner,
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
  const isLong = kernel.reduce!.fn === 'sum' && fastest.size > 2 * longest
  const sum = accumulator(frame)
  const fold = (to: number): Code => accs.slice(1).map((a) => [set(to, combine(a, get(to), get(a.value))), reset(a)])
  const inner: Code = isLong
    ? [
        set(c, i32.of(0)),
        whileLoop(i32.lt(get(c), last), [
          set(stop, i32.add(get(c), i32.of(longest))),
          set(stop, select(i32.lt(get(stop), last), get(stop), last)),
          sweep,
          fold(total.value),
          set(sum.value, combine(total, get(sum.value), get(total.value))),
          reset(total),
        ]),
      ]
    : [set(c, i32.of(0)), set(stop, last), sweep]
  let nest: Code = inner
  for (let i = axes.length - 2; i >= 0; i--) {
    const local = scope.axes.get(axes[i]!.name)!
    nest = [
      set(local, i32.of(0)),
      whileLoop(i32.lt(get(local), i32.of(axes[i]!.size)), [
        ...level(2 + i),
        nest,
        set(local, i32.add(get(local), i32.of(1))),
      ]),
    ]
  }
  if (kernel.reduce!.axes.some((a) => a.size === 0)) nest = []
  const done = isLong ? sum : total
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
      ...(isLong ? [reset(sum)] : []),
      nest,
      fold(total.value),
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
