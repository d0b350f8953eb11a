import { sizeOf, threefry2x32, type Aval, type Params, type Shape } from '../../../core'
import { bfloat16, binary16, nearestHalf } from '../half-patterns'

/** An array as mathematics sees it: a number at every place. */
export interface Nd {
  readonly shape: Shape
  readonly at: (coords: readonly number[]) => number
}

export const nd = (shape: Shape, data: ArrayLike<number>): Nd => ({
  shape,
  at: (coords) => {
    let flat = 0
    coords.forEach((c, i) => {
      if (!(c >= 0 && c < shape[i]!)) throw new RangeError(`[${coords.join()}] is not in [${shape.join()}]`)
      flat = flat * shape[i]! + c
    })
    return data[flat]!
  },
})

/** Every place of a shape, in row-major order. */
export const places = (shape: Shape): readonly (readonly number[])[] =>
  shape.reduce<readonly (readonly number[])[]>(
    (all, n) => all.flatMap((c) => Array.from({ length: n }, (_, i) => [...c, i])),
    [[]],
  )

/** The element at a place of the result, from its definition: written by hand, one formula an op. */
type Meaning = (params: never, ...xs: readonly Nd[]) => (coords: readonly number[], out: Shape) => number

const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0)
const without = (coords: readonly number[], axes: readonly number[]): readonly number[] =>
  coords.filter((_, i) => !axes.includes(i))
const put = (coords: readonly number[], axes: readonly number[], along: readonly number[]): readonly number[] => {
  const out = [...coords]
  axes.forEach((a, i) => out.splice(a, 0, along[i]!))
  return out
}
const sizesOf = (x: Nd, axes: readonly number[]): Shape => axes.map((a) => x.shape[a]!)

const map1 =
  (f: (a: number) => number): Meaning =>
  (_, x) =>
  (c) =>
    f(x.at(c))
const map2 =
  (f: (a: number, b: number) => number | boolean): Meaning =>
  (_, x, y) =>
  (c) =>
    Number(f(x.at(c), y.at(c)))

/** 2/√π ∫₀ˣ e^{-t²} dt by Simpson's rule. */
const integral = (x: number): number => {
  const n = 2000
  const h = x / n
  const g = (i: number): number => Math.exp(-((i * h) ** 2))
  const inner = sum(range(n - 1).map((i) => (i % 2 === 0 ? 4 : 2) * g(i + 1)))
  return ((2 / Math.sqrt(Math.PI)) * h * (g(0) + inner + g(n))) / 3
}

type Axes = { readonly axes: readonly number[] }
type Axis = { readonly axis: number }

export const meanings: Readonly<Record<string, Meaning>> = {
  literal: (p: { readonly value: number; readonly dtype: string }) => () => p.value,
  constant:
    ({ data, shape }: { readonly data: readonly number[]; readonly shape: Shape }) =>
    (c) =>
      nd(shape, data).at(c),
  iota:
    ({ axis }: Axis) =>
    (c) =>
      c[axis]!,
  neg: map1((a) => 0 - a),
  exp: map1((a) => Math.exp(a)),
  log: map1((a) => Math.log(a)),
  tanh: map1((a) => (Math.exp(a) - Math.exp(-a)) / (Math.exp(a) + Math.exp(-a))),
  erf: map1(integral),
  sqrt: map1((a) => a ** 0.5),
  sin: map1((a) => Math.sin(a)),
  cos: map1((a) => Math.cos(a)),
  abs: map1((a) => (a < 0 ? -a : a)),
  floor: map1((a) => a - (((a % 1) + 1) % 1)),
  sign: map1((a) => (a > 0 ? 1 : a < 0 ? -1 : 0)),
  add: map2((a, b) => a + b),
  sub: map2((a, b) => a - b),
  mul: map2((a, b) => a * b),
  div: map2((a, b) => a / b),
  max: map2((a, b) => (a > b ? a : b)),
  min: map2((a, b) => (a < b ? a : b)),
  eq: map2((a, b) => a === b),
  lt: map2((a, b) => a < b),
  le: map2((a, b) => a <= b),
  and: map2((a, b) => a === 1 && b === 1),
  or: map2((a, b) => a === 1 || b === 1),
  not: map1((a) => 1 - a),
  where: (_, cond, x, y) => (c) => (cond.at(c) === 1 ? x.at(c) : y.at(c)),
  cast:
    ({ dtype }: { readonly dtype: string }, x) =>
    (c) => {
      const v = x.at(c)
      return dtype === 'bool' ? Number(v !== 0) : dtype === 'i32' ? v - (v % 1) : v
    },
  threefry:
    (p: { readonly site: number; readonly word: 0 | 1; readonly shift: number; readonly bits: number }, ...xs) =>
    (c) => {
      const [seedLo, seedHi, streamLo, streamHi, element] = xs.map((x) => x.at(c)) as [
        number,
        number,
        number,
        number,
        number,
      ]
      const word = threefry2x32(seedLo + 65536 * seedHi, p.site, element, streamLo + 65536 * streamHi)[p.word]
      return Math.floor(word / 2 ** p.shift) % 2 ** p.bits
    },
  reduceSum:
    ({ axes }: Axes, x) =>
    (c) =>
      sum(places(sizesOf(x, axes)).map((r) => x.at(put(c, axes, r)))),
  reduceMax:
    ({ axes }: Axes, x) =>
    (c) =>
      Math.max(...places(sizesOf(x, axes)).map((r) => x.at(put(c, axes, r)))),
  argmax:
    ({ axis }: Axis, x) =>
    (c) => {
      const row = range(x.shape[axis]!).map((i) => x.at(put(c, [axis], [i])))
      return row.indexOf(Math.max(...row))
    },
  repeat:
    ({ axes }: Axes, x) =>
    (c) =>
      x.at(without(c, axes)),
  reshape: (_, x) => (c, out) => x.at(places(x.shape)[places(out).findIndex((o) => o.join() === c.join())]!),
  transpose:
    ({ perm }: { readonly perm: readonly number[] }, x) =>
    (c) =>
      x.at(range(perm.length).map((a) => c[perm.indexOf(a)]!)),
  slice:
    ({ start }: { readonly start: readonly number[] }, x) =>
    (c) =>
      x.at(c.map((i, a) => i + start[a]!)),
  pad:
    ({ before }: { readonly before: readonly number[] }, x) =>
    (c) => {
      const inner = c.map((i, a) => i - before[a]!)
      return inner.every((i, a) => i >= 0 && i < x.shape[a]!) ? x.at(inner) : 0
    },
  concat:
    ({ axis }: Axis, ...xs) =>
    (c) => {
      let i = c[axis]!
      const part = xs.find((x) => {
        if (i < x.shape[axis]!) return true
        i -= x.shape[axis]!
        return false
      })
      return part!.at(c.map((v, a) => (a === axis ? i : v)))
    },
  matmul: (_, x, y) => (c) => {
    const [i, j] = c.slice(-2) as [number, number]
    const batch = c.slice(0, -2)
    return sum(range(x.shape.at(-1)!).map((k) => x.at([...batch, i, k]) * y.at([...batch, k, j])))
  },
  gather: (_, table, ids) => (c) => {
    const s = ids.shape.length
    return table.at([ids.at(c.slice(0, s)), ...c.slice(s)])
  },
  sortRank: (_, x) => (c) => {
    const [lead, i] = [c.slice(0, -1), c.at(-1)!]
    const others = range(x.shape.at(-1)!)
    return others.filter((j) => {
      const [a, b] = [x.at([...lead, j]), x.at(c)]
      return a < b || (a === b && j < i)
    }).length
  },
  invertPermutation: (_, p) => (c) => range(p.shape.at(-1)!).find((i) => p.at([...c.slice(0, -1), i]) === c.at(-1))!,
  searchSorted: (_, x, queries) => (c) => range(x.shape[0]!).filter((i) => x.at([i]) < queries.at(c)).length,
  countLess: (_, x, z) => (c) => range(x.shape.at(-1)!).filter((i) => x.at([...c, i]) < z.at([...c, i])).length,
  segmentSum:
    (_, x, order, starts) =>
    ([v, d]) =>
      sum(
        range(order.shape[0]!)
          .filter((r) => r >= starts.at([v!]) && r < starts.at([v! + 1]))
          .map((r) => x.at([order.at([r]), d!])),
      ),
  allReduce: (_, x) => (c) => x.at(c), // of one rank
  reduceScatter: (_, x) => (c) => x.at(c),
  allGather: (_, x) => (c) => x.at(c),
  stopGradient: map1((a) => a),
  variable: map1((a) => a),
  fence: (_, x) => (c) => x.at(c),
  remat: (_, x, y) => (c) => Math.tanh(x.at(c)) * y.at(c), // of the region that calls are drawn with
}

/** What an op makes of its inputs, by its formula: rounded where it is stored in 16 bits. */
export const meaningOf = (op: string, params: Params, xs: readonly Nd[], out: Aval): Float64Array => {
  const element = meanings[op]!(params as never, ...xs)
  const stored = (x: number): number => {
    if (out.dtype === 'f16') return nearestHalf(binary16, x)
    if (out.dtype === 'bf16') return nearestHalf(bfloat16, x)
    return out.dtype === 'i32' ? x - (x % 1) : out.dtype === 'bool' ? Number(x !== 0) : x
  }
  const all = places(out.shape)
  if (all.length !== sizeOf(out.shape)) throw new Error('places of a shape are as many as its size')
  return Float64Array.from(all, (c) => stored(element(c, out.shape)))
}
