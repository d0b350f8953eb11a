import {
  acc,
  addIndex,
  aval,
  binary,
  constIndex,
  dataIndex,
  divIndex,
  flatIndex,
  int,
  load,
  modIndex,
  ofIndex,
  real,
  select,
  threefryBits,
  unary,
  unflattenIndex,
  within,
} from '../../../core'
import { threefry2x32 } from '../../../core/threefry'
import { eighths, type Recipe } from './hand-made'

/** A kernel made by hand and what it is to give, worked out beside it in plain loops. */
export interface KernelCase {
  readonly title: string
  readonly recipe: Recipe
  readonly data: readonly Float32Array[]
  readonly want: () => ArrayLike<number>
  readonly tolerance: number
}

const of = (
  title: string,
  recipe: Recipe,
  data: readonly Float32Array[],
  want: () => ArrayLike<number>,
  tolerance = 0,
): KernelCase => ({ title, recipe, data, want, tolerance })

const a = eighths(3 * 5 * 7, 1)
const b = eighths(3 * 5 * 7, 2)
const negative = a.map((v) => v - 10)
const draws = (bits: { word: 0 | 1; shift: number; bits: number }, shape: readonly number[]): Recipe => ({
  inputs: [aval('i32', 4)],
  shape,
  dtype: 'i32',
  body: (out) =>
    threefryBits({ site: 0x9e3779b9, ...bits }, [
      ...[0, 1, 2, 3].map((k) => load(0, constIndex(k), 'int')),
      ofIndex(flatIndex(out, shape)),
    ]),
})

export const kernelCases: readonly KernelCase[] = [
  of(
    'elementwise over three axes',
    {
      inputs: [aval('f32', 3, 5, 7), aval('f32', 3, 5, 7)],
      shape: [3, 5, 7],
      body: (out) =>
        binary('add', load(0, flatIndex(out, [3, 5, 7]), 'real'), load(1, flatIndex(out, [3, 5, 7]), 'real')),
    },
    [a, b],
    () => a.map((v, i) => v + b[i]!),
  ),
  of(
    'a row and a column are broadcast, four axes',
    {
      inputs: [aval('f32', 7), aval('f32', 5)],
      shape: [2, 3, 5, 7],
      body: ([, , j, k]) => binary('mul', load(0, k!, 'real'), load(1, j!, 'real')),
    },
    [a.slice(0, 7), b.slice(0, 5)],
    () => Float32Array.from({ length: 210 }, (_, i) => a[i % 7]! * b[Math.floor(i / 7) % 5]!),
  ),
  of(
    'transpose of four axes',
    {
      inputs: [aval('f32', 2, 3, 4, 5)],
      shape: [5, 3, 2, 4],
      body: ([p, q, r, s]) => load(0, flatIndex([r!, q!, s!, p!], [2, 3, 4, 5]), 'real'),
    },
    [eighths(120)],
    () => {
      const x = eighths(120)
      const want: number[] = []
      for (let p = 0; p < 5; p++)
        for (let q = 0; q < 3; q++)
          for (let r = 0; r < 2; r++) for (let s = 0; s < 4; s++) want.push(x[((r * 3 + q) * 4 + s) * 5 + p]!)
      return want
    },
  ),
  of(
    'padding with select reads inside',
    {
      inputs: [aval('f32', 3, 5)],
      shape: [6, 9],
      body: ([i, j]) => {
        const [y, x] = [addIndex(i!, constIndex(-2)), addIndex(j!, constIndex(-1))]
        const inside = binary('and', within(y, 0, 3), within(x, 0, 5))
        const at = flatIndex([dataIndex(ofIndex(y), 3), modIndex(addIndex(x, constIndex(5)), 5)], [3, 5])
        return select(inside, load(0, at, 'real'), real(-0.5))
      },
    },
    [a.slice(0, 15)],
    () =>
      Float32Array.from({ length: 54 }, (_, n) => {
        const [y, x] = [Math.floor(n / 9) - 2, (n % 9) - 1]
        return y >= 0 && y < 3 && x >= 0 && x < 5 ? a[y * 5 + x]! : -0.5
      }),
  ),
  of(
    'reshape across unequal factors divides exactly',
    {
      inputs: [aval('f32', 35, 3)],
      shape: [3, 7, 5],
      body: (out) =>
        load(0, flatIndex(unflattenIndex(divIndex(flatIndex(out, [3, 7, 5]), 2), [7, 8]), [7, 15]), 'real'),
    },
    [a],
    () =>
      Float32Array.from(
        { length: 105 },
        (_, n) => a[(Math.floor(Math.floor(n / 2) / 8) * 15 + (Math.floor(n / 2) % 8)) % 105]!,
      ),
  ),
  of(
    'matmul with a bias, and a value that no loop changes',
    {
      inputs: [aval('f32', 6, 11), aval('f32', 11, 5), aval('f32', 5)],
      shape: [6, 5],
      reduce: {
        fn: 'sum',
        sizes: [11],
        body: ([i, j], [k]) =>
          binary('mul', load(0, flatIndex([i!, k!], [6, 11]), 'real'), load(1, flatIndex([k!, j!], [11, 5]), 'real')),
      },
      body: ([, j]) => binary('add', acc('real'), load(2, j!, 'real')),
    },
    [a.slice(0, 66), b.slice(0, 55), b.slice(60, 65)],
    () =>
      Float32Array.from({ length: 30 }, (_, n) => {
        let sum = b[60 + (n % 5)]!
        for (let k = 0; k < 11; k++) sum += a[Math.floor(n / 5) * 11 + k]! * b[k * 5 + (n % 5)]!
        return sum
      }),
  ),
  of(
    'two reduction axes that do not merge',
    {
      inputs: [aval('f32', 3, 5, 7)],
      shape: [5],
      reduce: {
        fn: 'sum',
        sizes: [3, 7],
        body: ([j], [i, k]) => load(0, flatIndex([i!, j!, k!], [3, 5, 7]), 'real'),
      },
      body: () => acc('real'),
    },
    [a],
    () =>
      Float32Array.from({ length: 5 }, (_, j) => {
        let sum = 0
        for (let i = 0; i < 3; i++) for (let k = 0; k < 7; k++) sum += a[(i * 5 + j) * 7 + k]!
        return sum
      }),
  ),
  ...([1500, 70000] as const).map((n) =>
    of(
      `loops of ${n}`,
      {
        inputs: [aval('f32', 2, n)],
        shape: [2],
        reduce: { fn: 'sum', sizes: [n], body: ([i], [k]) => load(0, flatIndex([i!, k!], [2, n]), 'real') },
        body: () => acc('real'),
      },
      [Float32Array.from({ length: 2 * n }, (_, i) => (i % 3) + (i < n ? 0 : 1))],
      () => {
        const sums = [0, 0]
        for (let i = 0; i < 2 * n; i++) sums[i < n ? 0 : 1]! += (i % 3) + (i < n ? 0 : 1)
        return sums
      },
    ),
  ),
  of(
    'max of negative numbers, and of none',
    {
      inputs: [aval('f32', 15, 7)],
      shape: [15],
      reduce: { fn: 'max', sizes: [7], body: ([i], [k]) => load(0, flatIndex([i!, k!], [15, 7]), 'real') },
      body: () => acc('real'),
    },
    [negative],
    () => Float32Array.from({ length: 15 }, (_, i) => Math.max(...negative.slice(i * 7, i * 7 + 7))),
  ),
  of(
    'max over an empty axis is -Infinity',
    { shape: [2], reduce: { fn: 'max', sizes: [0], body: () => real(1) }, body: () => acc('real') },
    [],
    () => [-Infinity, -Infinity],
  ),
  of(
    'argmax takes the first of equals',
    {
      inputs: [aval('f32', 4, 6)],
      shape: [4],
      dtype: 'i32',
      reduce: { fn: 'argmax', sizes: [6], body: ([i], [k]) => load(0, flatIndex([i!, k!], [4, 6]), 'real') },
      body: () => acc('int'),
    },
    [Float32Array.of(1, 3, 3, 2, 3, 0, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 9, -Infinity, -5, -Infinity, -5, 0, 0)],
    () => [1, 0, 5, 4],
  ),
  of(
    'count ends the loop, per output',
    {
      inputs: [aval('i32', 4), aval('f32', 9)],
      shape: [3, 2],
      reduce: {
        fn: 'sum',
        sizes: [9],
        count: ([i]) => binary('sub', load(0, addIndex(i!, constIndex(1)), 'int'), load(0, i!, 'int')),
        body: ([i], [k]) => load(1, dataIndex(binary('add', load(0, i!, 'int'), ofIndex(k!)), 9), 'real'),
      },
      body: ([, j]) => binary('add', acc('real'), ofIndex(j!)),
    },
    [Float32Array.of(0, 2, 2, 9), a.slice(0, 9)],
    () => {
      const sum = (from: number, to: number): number => a.slice(from, to).reduce((s, v) => s + v, 0)
      return [sum(0, 2), sum(0, 2) + 1, 0, 1, sum(2, 9), sum(2, 9) + 1]
    },
  ),
  of(
    'gather by data, clamped to the table',
    {
      inputs: [aval('i32', 6), aval('f32', 5, 3)],
      shape: [6, 3],
      body: ([s, r]) => load(1, flatIndex([dataIndex(load(0, s!, 'int'), 5), r!], [5, 3]), 'real'),
    },
    [Float32Array.of(4, 0, 2, 2, -7, 99), a.slice(0, 15)],
    () => Float32Array.from({ length: 18 }, (_, n) => a[[4, 0, 2, 2, 0, 4][Math.floor(n / 3)]! * 3 + (n % 3)]!),
  ),
  ...(
    [
      { word: 0, shift: 8, bits: 24 },
      { word: 1, shift: 0, bits: 16 },
      { word: 0, shift: 16, bits: 16 },
    ] as const
  ).map((bits) =>
    of(
      `threefry word ${bits.word} bits ${bits.shift}+${bits.bits}`,
      draws(bits, [7, 13]),
      [Float32Array.of(0x1234, 0xfedc, 0x8001, 0xffff)],
      () =>
        Array.from({ length: 91 }, (_, n) => {
          const words = threefry2x32(0xfedc1234, 0x9e3779b9, n, 0xffff8001)
          return (words[bits.word] >>> bits.shift) & (2 ** bits.bits - 1)
        }),
    ),
  ),
  ...(
    [
      [16, 0x6b20],
      [0, 0x0159],
    ] as const
  ).map(([shift, want]) =>
    of(
      `threefry gives the published vector, bits from ${shift}`,
      {
        ...draws({ word: 0, shift, bits: 16 }, [1]),
        body: () =>
          threefryBits(
            { site: 0, word: 0, shift, bits: 16 },
            [0, 0, 0, 0, 0].map((v) => int(v)),
          ),
        inputs: [],
      },
      [],
      () => [want],
    ),
  ),
  of(
    'truth values: stored, combined, selected, turned into numbers',
    {
      inputs: [aval('f32', 8), aval('bool', 8)],
      shape: [8],
      dtype: 'bool',
      body: ([i]) => {
        const [x, t] = [load(0, i!, 'real'), load(1, i!, 'bool')]
        const small = binary('lt', x, real(1))
        const either = binary('or', binary('and', small, unary('not', t)), binary('eq', x, real(2)))
        return select(binary('le', real(3), x), unary('isTrue', x), either)
      },
    },
    [Float32Array.of(0, 0.5, 1, 2, 3, -1, NaN, 0), Float32Array.of(1, 0, 0, 1, 0, 1, 0, 0)],
    () => [0, 1, 0, 1, 1, 0, 0, 1],
  ),
  of(
    'select gives the chosen value beside NaN and Infinity',
    {
      inputs: [aval('f32', 4)],
      shape: [4],
      body: ([i]) => {
        const x = load(0, i!, 'real')
        return select(binary('lt', real(0), x), unary('log', x), real(-1))
      },
    },
    [Float32Array.of(1, 0, -1, 1)],
    () => [0, -1, -1, 0],
    1e-6,
  ),
]
