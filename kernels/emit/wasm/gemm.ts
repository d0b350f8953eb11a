import { bytesOf, type DType } from '../../../core'
import {
  call,
  f32,
  f32x4,
  get,
  i32,
  i32x4,
  select,
  set,
  shuffle32,
  v128,
  when,
  whileLoop,
  type Code,
} from './instructions'
import { loadOne, loadVector } from './memory'
import type { FunctionBuilder, ModuleBuilder } from './module'
import { kernelSignature } from './kernel'

/**
 * C tile = A rows x B columns, in the manner of Goto and van de Geijn 2008 (doi:10.1145/1356052.1356053): panels of both are
 * packed into scratch that stays in the caches, and a register tile of 5 x 8 is summed over k at a time: as many sums as the registers
 * hold beside what feeds them (V8 moves loads to the top of a loop's body, so that body is one step of k). Places come from
 * tables (see contraction.ts), so every layout takes the same road; only packing asks whether elements lie side by side.
 */
export const tile = { m: 130, n: 256, k: 256, rows: 5, columns: 8 } as const

/** Words of the descriptor that `args` of a gemm points to: addresses are in bytes, places in elements. */
export const gemmField = {
  c: 0,
  a: 1,
  b: 2,
  cBatch: 3,
  cRow: 4,
  cColumn: 5,
  aBatch: 6,
  aRow: 7,
  aK: 8,
  bBatch: 9,
  bColumn: 10,
  bK: 11,
  m: 12,
  n: 13,
  k: 14,
  /** Whether groups of four k lie side by side in A, in B. */
  aKContiguous: 15,
  bKContiguous: 16,
  /** By row (column), a byte: the panel that begins there lies side by side. */
  aPanels: 17,
  bPanels: 18,
  cPanels: 19,
  size: 20,
} as const

/** Scratch of one worker, in bytes from its start. */
export const scratch = {
  tags: 0,
  edge: 256,
  edgeRows: 256 + tile.rows * tile.columns * 4,
  a: 1024,
  b: 1024 + tile.m * tile.k * 4,
  blocks: 4,
  size: 1024 + tile.m * tile.k * 4 + 4 * tile.k * tile.n * 4 + 64,
} as const
const blockBytes = tile.k * tile.n * 4

const field = (descriptor: number, name: keyof typeof gemmField): Code => i32.load(4 * gemmField[name], get(descriptor))
/** table[i] in bytes of elements of `bytes` each. */
const place = (table: Code, i: Code, bytes: number): Code =>
  i32.mul(i32.load(0, i32.add(table, i32.mul(i, i32.of(4)))), i32.of(bytes))
const least = (f: FunctionBuilder, x: Code, most: Code): Code => {
  const v = f.local('i32')
  return [set(v, x), select(i32.lt(get(v), most), get(v), most)]
}
const step = (local: number, by: number): Code => set(local, i32.add(get(local), i32.of(by)))

/** Rows of four by four, as columns. */
const transposed = (
  f: FunctionBuilder,
  rows: readonly Code[],
): { readonly setup: Code; readonly columns: readonly Code[] } => {
  const [r0, r1, r2, r3, a, b, c, d] = Array.from({ length: 8 }, () => f.local('v128')) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return {
    setup: [
      ...[r0, r1, r2, r3].map((r, i) => set(r, rows[i]!)),
      set(a, shuffle32([0, 4, 1, 5], get(r0), get(r1))),
      set(b, shuffle32([2, 6, 3, 7], get(r0), get(r1))),
      set(c, shuffle32([0, 4, 1, 5], get(r2), get(r3))),
      set(d, shuffle32([2, 6, 3, 7], get(r2), get(r3))),
    ],
    columns: [
      shuffle32([0, 1, 4, 5], get(a), get(c)),
      shuffle32([2, 3, 6, 7], get(a), get(c)),
      shuffle32([0, 1, 4, 5], get(b), get(d)),
      shuffle32([2, 3, 6, 7], get(b), get(d)),
    ],
  }
}

interface PackSide {
  readonly width: number
  readonly free: 'aRow' | 'bColumn'
  readonly along: 'aK' | 'bK'
  readonly count: 'm' | 'n'
  readonly kContiguous: 'aKContiguous' | 'bKContiguous'
  readonly panels: 'aPanels' | 'bPanels'
}
const sides: Readonly<Record<'a' | 'b', PackSide>> = {
  a: { width: tile.rows, free: 'aRow', along: 'aK', count: 'm', kContiguous: 'aKContiguous', panels: 'aPanels' },
  b: { width: tile.columns, free: 'bColumn', along: 'bK', count: 'n', kContiguous: 'bKContiguous', panels: 'bPanels' },
}

/** (descriptor, operand address, from, to, k0, k1, target): panels of rows (columns) [from, to) over k [k0, k1). */
const addPack = (m: ModuleBuilder, name: string, side: PackSide, dtype: DType): number =>
  m.add(name, { params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: [] }, (f) => {
    const [descriptor, operand, from, to, k0, k1, target] = [0, 1, 2, 3, 4, 5, 6] as const
    const { width } = side
    const bytes = bytesOf(dtype)
    const pointers = Array.from({ length: width }, () => f.local('i32'))
    const [panel, k, at, free, along, most, source] = Array.from({ length: 7 }, () => f.local('i32')) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const kPlace = place(get(along), get(k), bytes)
    const one = (p: number): Code => {
      const address = i32.add(get(p), get(source))
      return dtype === 'f32' ? f32.load(0, address) : f32x4.extract(0, loadOne(f, dtype, address))
    }
    const scalars: Code = [
      set(source, kPlace),
      pointers.map((p, i) => f32.store(4 * i, get(at), one(p))),
      step(at, 4 * width),
      step(k, 1),
    ]
    const rest = whileLoop(i32.lt(get(k), get(k1)), scalars)
    const four = (p: number): Code => loadVector(f, dtype, i32.add(get(p), get(source)), 0)
    const blocks: Code[] = []
    for (let i = 0; i + 4 <= width; i += 4) {
      const { setup, columns } = transposed(f, pointers.slice(i, i + 4).map(four))
      blocks.push(setup, ...columns.map((c, j) => v128.store(4 * (j * width + i), get(at), c)))
    }
    for (let i = width - (width % 4); i < width; i++) {
      const row = f.local('v128')
      blocks.push(set(row, four(pointers[i]!)))
      for (let j = 0; j < 4; j++) blocks.push(v128.store32Lane(j, 4 * (j * width + i), get(at), get(row)))
    }
    const byFours = whileLoop(i32.le(i32.add(get(k), i32.of(4)), get(k1)), [
      set(source, kPlace),
      blocks,
      step(at, 16 * width),
      step(k, 4),
    ])
    const first = i32.add(get(pointers[0]!), get(source))
    const sideBySide: Code[] = []
    for (let i = 0; i < width; i += 4) {
      const v = loadVector(f, dtype, first, i * bytes)
      sideBySide.push(width - i >= 4 ? v128.store(4 * i, get(at), v) : v128.store32Lane(0, 4 * i, get(at), v))
    }
    const byRows = whileLoop(i32.lt(get(k), get(k1)), [
      set(source, kPlace),
      sideBySide,
      step(at, 4 * width),
      step(k, 1),
    ])
    return [
      set(free, field(descriptor, side.free)),
      set(along, field(descriptor, side.along)),
      set(most, i32.sub(field(descriptor, side.count), i32.of(1))),
      set(at, get(target)),
      set(panel, get(from)),
      whileLoop(i32.lt(get(panel), get(to)), [
        // Past the end the last row is taken again: what comes of it is not stored.
        pointers.map((p, i) =>
          set(p, i32.add(get(operand), place(get(free), least(f, i32.add(get(panel), i32.of(i)), get(most)), bytes))),
        ),
        set(k, get(k0)),
        when(i32.load8(0, i32.add(field(descriptor, side.panels), get(panel))), byRows, [
          when(field(descriptor, side.kContiguous), byFours),
          rest,
        ]),
        step(panel, width),
      ]),
    ]
  })

/**
 * (a panel, b panel, steps of k, address of C, table of row places, whether to add to what C holds): 5 x 8 sums in registers.
 */
const addMicro = (m: ModuleBuilder, name: string, fused: boolean): number =>
  m.add(name, { params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: [] }, (f) => {
    const [a, b, count, c, rowTable, adds] = [0, 1, 2, 3, 4, 5] as const
    const sums = Array.from({ length: tile.rows }, () => [f.local('v128'), f.local('v128')] as const)
    const [b0, b1, x] = [f.local('v128'), f.local('v128'), f.local('v128')]
    const row = f.local('i32')
    const madd = (s: number, y: number): Code =>
      set(s, fused ? f32x4.relaxedMadd(get(x), get(y), get(s)) : f32x4.add(get(s), f32x4.mul(get(x), get(y))))
    const turn: Code = [
      set(b0, v128.load(0, get(b))),
      set(b1, v128.load(16, get(b))),
      sums.map(([s0, s1], i) => [set(x, v128.load32Splat(4 * i, get(a))), madd(s0, b0), madd(s1, b1)]),
      step(a, tile.rows * 4),
      step(b, tile.columns * 4),
      step(count, -1),
    ]
    const out = (i: number): Code => set(row, i32.add(get(c), place(get(rowTable), i32.of(i), 4)))
    return [
      sums.flatMap(([s0, s1]) => [set(s0, i32x4.of(0)), set(s1, i32x4.of(0))]),
      whileLoop(get(count), turn),
      when(
        get(adds),
        sums.map(([s0, s1], i) => [
          out(i),
          v128.store(0, get(row), f32x4.add(v128.load(0, get(row)), get(s0))),
          v128.store(16, get(row), f32x4.add(v128.load(16, get(row)), get(s1))),
        ]),
        sums.map(([s0, s1], i) => [out(i), v128.store(0, get(row), get(s0)), v128.store(16, get(row), get(s1))]),
      ),
    ]
  })

/**
 * The gemm of a worker for operands of two dtypes: (args, block, first row, end of rows, scratch) computes one tile, of at
 * most tile.m rows; blocks number the columns of a batch entry by tile.n. Blocks of
 * B that the scratch already holds for this step are not packed again (`tags` are cleared when a step begins).
 */
export const addGemm = (m: ModuleBuilder, a: DType, b: DType, fused: boolean): void => {
  const packA = addPack(m, `packA:${a}:${b}`, sides.a, a)
  const packB = addPack(m, `packB:${a}:${b}`, sides.b, b)
  const micro = addMicro(m, `micro:${a}:${b}`, fused)
  m.add(`gemm:${a}:${b}`, kernelSignature, (f) => {
    const [d, block, m0, m1, space] = [0, 1, 2, 3, 4] as const
    const names = [
      'batch',
      'n0',
      'n1',
      'K',
      'k0',
      'k1',
      'packed',
      'i',
      'j',
      'pa',
      'pb',
      'aAt',
      'bAt',
      'cAt',
      'rows',
      'tag',
      'r',
      's',
      'cEdge',
    ] as const
    const v = Object.fromEntries(names.map((n) => [n, f.local('i32')])) as Record<(typeof names)[number], number>
    const callMicro = (c: Code, rows: Code, adds: Code): Code =>
      call(micro, get(v.pa), get(v.pb), i32.sub(get(v.k1), get(v.k0)), c, rows, adds)
    const element = (local: number): Code =>
      i32.add(
        get(v.cAt),
        i32.add(
          place(get(v.rows), i32.add(get(v.i), get(v.r)), 4),
          place(field(d, 'cColumn'), i32.add(get(v.j), get(local)), 4),
        ),
      )
    const edgeAt = i32.add(
      get(space),
      i32.add(i32.mul(get(v.r), i32.of(4 * tile.columns)), i32.mul(get(v.s), i32.of(4))),
    )
    const edge = f32.load(scratch.edge, edgeAt)
    const notFirst = i32.gt(get(v.k0), i32.of(0))
    /** All ones where C holds an earlier part of the sum. */
    const earlier = i32.sub(i32.of(0), notFirst)
    const wholeColumns = i32.and(
      i32.le(i32.add(get(v.j), i32.of(tile.columns)), get(v.n1)),
      i32.load8(0, i32.add(field(d, 'cPanels'), get(v.j))),
    )
    const whole = i32.and(i32.le(i32.add(get(v.i), i32.of(tile.rows)), get(m1)), wholeColumns)
    const count = (from: number, to: number, most: number): Code => least(f, i32.sub(get(to), get(from)), i32.of(most))
    const throughEdge: Code = [
      callMicro(i32.add(get(space), i32.of(scratch.edge)), i32.add(get(space), i32.of(scratch.edgeRows)), i32.of(0)),
      set(v.r, i32.of(0)),
      whileLoop(i32.lt(get(v.r), count(v.i, m1, tile.rows)), [
        set(v.s, i32.of(0)),
        when(
          wholeColumns,
          [
            set(v.cEdge, element(v.s)),
            [0, 16].map((o) =>
              v128.store(
                o,
                get(v.cEdge),
                f32x4.add(
                  v128.load(scratch.edge + o, edgeAt),
                  v128.and(v128.load(o, get(v.cEdge)), i32x4.splat(earlier)),
                ),
              ),
            ),
          ],
          whileLoop(i32.lt(get(v.s), count(v.j, v.n1, tile.columns)), [
            set(v.cEdge, element(v.s)),
            when(
              notFirst,
              f32.store(0, get(v.cEdge), f32.add(f32.load(0, get(v.cEdge)), edge)),
              f32.store(0, get(v.cEdge), edge),
            ),
            step(v.s, 1),
          ]),
        ),
        step(v.r, 1),
      ]),
    ]
    const tagWord = (i: number): Code => i32.add(i32.add(get(space), i32.of(4 * i)), i32.mul(get(v.tag), i32.of(16)))
    const isPacked = i32.and(
      i32.and(i32.eq(i32.load(0, tagWord(0)), get(d)), i32.eq(i32.load(0, tagWord(1)), get(block))),
      i32.eq(i32.load(0, tagWord(2)), i32.add(get(v.k0), i32.of(1))),
    )
    const blocks = i32.div(i32.add(field(d, 'n'), i32.of(tile.n - 1)), i32.of(tile.n))
    return [
      set(v.batch, i32.div(get(block), blocks)),
      set(v.n0, i32.mul(i32.rem(get(block), blocks), i32.of(tile.n))),
      set(v.n1, least(f, i32.add(get(v.n0), i32.of(tile.n)), field(d, 'n'))),
      set(v.K, field(d, 'k')),
      set(v.rows, field(d, 'cRow')),
      set(v.aAt, i32.add(field(d, 'a'), place(field(d, 'aBatch'), get(v.batch), bytesOf(a)))),
      set(v.bAt, i32.add(field(d, 'b'), place(field(d, 'bBatch'), get(v.batch), bytesOf(b)))),
      set(v.cAt, i32.add(field(d, 'c'), place(field(d, 'cBatch'), get(v.batch), 4))),
      // The edge tile's rows, in elements: 0, 8, 16 …
      Array.from({ length: tile.rows }, (_, i) =>
        i32.store(scratch.edgeRows + 4 * i, get(space), i32.of(i * tile.columns)),
      ),
      set(v.k0, i32.of(0)),
      whileLoop(i32.lt(get(v.k0), get(v.K)), [
        set(v.k1, least(f, i32.add(get(v.k0), i32.of(tile.k)), get(v.K))),
        set(v.tag, i32.rem(i32.div(get(v.k0), i32.of(tile.k)), i32.of(scratch.blocks))),
        set(v.packed, i32.add(i32.add(get(space), i32.of(scratch.b)), i32.mul(get(v.tag), i32.of(blockBytes)))),
        when(i32.eqz(isPacked), [
          call(packB, get(d), get(v.bAt), get(v.n0), get(v.n1), get(v.k0), get(v.k1), get(v.packed)),
          i32.store(0, tagWord(0), get(d)),
          i32.store(0, tagWord(1), get(block)),
          i32.store(0, tagWord(2), i32.add(get(v.k0), i32.of(1))),
        ]),
        call(packA, get(d), get(v.aAt), get(m0), get(m1), get(v.k0), get(v.k1), i32.add(get(space), i32.of(scratch.a))),
        set(v.j, get(v.n0)),
        set(v.pb, get(v.packed)),
        whileLoop(i32.lt(get(v.j), get(v.n1)), [
          set(v.i, get(m0)),
          set(v.pa, i32.add(get(space), i32.of(scratch.a))),
          whileLoop(i32.lt(get(v.i), get(m1)), [
            when(
              whole,
              callMicro(
                i32.add(get(v.cAt), place(field(d, 'cColumn'), get(v.j), 4)),
                i32.add(get(v.rows), i32.mul(get(v.i), i32.of(4))),
                notFirst,
              ),
              throughEdge,
            ),
            set(v.pa, i32.add(get(v.pa), i32.mul(i32.sub(get(v.k1), get(v.k0)), i32.of(4 * tile.rows)))),
            step(v.i, tile.rows),
          ]),
          set(v.pb, i32.add(get(v.pb), i32.mul(i32.sub(get(v.k1), get(v.k0)), i32.of(4 * tile.columns)))),
          step(v.j, tile.columns),
        ]),
        set(v.k0, get(v.k1)),
      ]),
    ]
  })
}
