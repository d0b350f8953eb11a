import type { Axis } from '../../../core'
import type { Kernel } from '../../kernel'
import type { Contraction, Operand } from '../contraction'
import type { Rewriter } from '../rebuild'
import {
  areSideBySide,
  declareFinish,
  declareFlush,
  declareRead,
  movesAlong,
  namesOf,
  otherReads,
  tileGrid,
} from './product'
import { ShaderText, type Sharing, type WgslLimits, type WgslProgram } from './program'

/** Rows, columns and steps of k that a workgroup holds, and the rows and columns of them that one thread computes. */
export interface TileShape {
  readonly rows: number
  readonly columns: number
  readonly depth: number
  readonly perThread: readonly [rows: number, columns: number]
}

/** From the largest down. A tile is read once for all its products: the larger, the less memory is waited for. */
export const tileShapes: readonly TileShape[] = [
  { rows: 128, columns: 128, depth: 8, perThread: [8, 8] },
  { rows: 64, columns: 64, depth: 16, perThread: [4, 4] },
  { rows: 32, columns: 32, depth: 16, perThread: [4, 4] },
]

/** Workgroups that a GPU should have to do at least. */
const enough = 128

/** The largest tile that leaves work for all of a GPU. */
export const tileFor = ({ m, n, batch }: Contraction): TileShape =>
  tileShapes.find(
    (t) => Math.ceil(m / t.rows) * Math.ceil(n / t.columns) * batch >= enough && m > t.rows / 2 && n > t.columns / 2,
  ) ?? tileShapes.at(-1)!

/**
 * A batched matrix product by tiles in workgroup memory: while one tile is multiplied the next is on its way in registers. Transposes
 * are places, not copies.
 */
export const emitMatmul = (
  kernel: Kernel,
  product: Contraction,
  limits: WgslLimits,
  sharing: Sharing = {},
  tile: TileShape = tileFor(product),
): WgslProgram => {
  const { m, n, k, axes } = product
  const shader = new ShaderText(kernel.inputs, kernel.output.dtype, sharing)
  const names = namesOf(product)
  const others = otherReads(product, sharing)
  const [tm, tn] = tile.perThread
  const across = tile.columns / tn
  const threads = across * (tile.rows / tm)
  const left = sideOf(product.a, axes.m, axes.k, 'a', tile.rows, m, 0, tile.depth, threads)
  const behind = tile.depth * left.stride
  const right = sideOf(product.b, axes.n, axes.k, 'b', tile.columns, n, behind, tile.depth, threads)
  shader.declare(`var<workgroup> tiles : array<vec4<f32>, ${right.start + tile.depth * right.stride}>;`)
  for (const [side, free] of [
    [left, axes.m],
    [right, axes.n],
  ] as const)
    declareSide(kernel, shader, side, names, k, areSideBySide(4, side.operand, free, others))
  declareFinish(kernel, shader, product, names)

  const grid = tileGrid(product, tile, limits)
  const quadsDown = tm / 4
  const quadsAcross = tn / 4
  const each = <T>(count: number, f: (i: number) => T): readonly T[] => Array.from({ length: count }, (_, i) => f(i))
  const rowsOfThread = each(tm, (r) => ({ quad: Math.floor(r / 4), lane: r % 4, name: r }))

  const lines: string[] = [
    ...grid.lines,
    `let tx = i32(lane) % ${across};`,
    `let ty = i32(lane) / ${across};`,
    ...rowsOfThread.flatMap(({ name }) => each(quadsAcross, (q) => `var c${name}_${q} = vec4<f32>();`)),
    ...prefetch(left, 'row', '0', true),
    ...prefetch(right, 'column', '0', true),
    `for (var k0 = 0; k0 < ${k}; k0 += ${tile.depth}) {`,
    ...[...put(left), ...put(right)].map((l) => `  ${l}`),
    '  workgroupBarrier();',
    ...(k > tile.depth
      ? [
          `  if (k0 + ${tile.depth} < ${k}) {`,
          ...[
            ...prefetch(left, 'row', `k0 + ${tile.depth}`, false),
            ...prefetch(right, 'column', `k0 + ${tile.depth}`, false),
          ].map((l) => `    ${l}`),
          '  }',
        ]
      : []),
    `  for (var kk = 0; kk < ${tile.depth}; kk++) {`,
    ...each(quadsDown, (q) => `    let x${q} = tiles[kk * ${left.stride} + ty + ${q * (tile.rows / 4 / quadsDown)}];`),
    ...each(
      quadsAcross,
      (q) =>
        `    let y${q} = tiles[kk * ${right.stride} + tx + ${right.start + q * (tile.columns / 4 / quadsAcross)}];`,
    ),
    ...rowsOfThread.flatMap(({ quad, lane, name }) =>
      each(quadsAcross, (q) => `    c${name}_${q} = fma(vec4<f32>(x${quad}[${lane}]), y${q}, c${name}_${q});`),
    ),
    '  }',
    '  workgroupBarrier();',
    '}',
  ]
  declareFlush(kernel, shader, product, {
    tile,
    threads,
    rows: tile.rows / tm,
    columns: tile.columns,
    rowOf: (r) => `row + (${r}) * 4`,
    columnOf: (c) => `column + ${c}`,
    staged: (at) => `tiles[(${at}) / 4][(${at}) % 4]`,
  })
  rowsOfThread.forEach(({ quad, lane, name }) => {
    // One row of every thread at a time goes through workgroup memory, so that neighbours in C are written by neighbours.
    for (let q = 0; q < quadsAcross; q++)
      lines.push(`tiles[ty * ${tile.columns / 4} + tx + ${q * (tile.columns / 4 / quadsAcross)}] = c${name}_${q};`)
    lines.push('workgroupBarrier();', `flush(b, row + ${quad * (tile.rows / quadsDown) + lane}, column, i32(lane));`)
    if (name < tm - 1) lines.push('workgroupBarrier();')
  })
  return shader.program(
    [threads, 1],
    grid.groups,
    ['@builtin(workgroup_id) wg : vec3<u32>', '@builtin(local_invocation_index) lane : u32'],
    lines,
  )
}

/** One operand: how its tile is read, and how it lies in workgroup memory, as vectors of four rows (columns) for each step of k. */
interface Side {
  readonly name: 'a' | 'b'
  readonly operand: Operand
  readonly extent: number
  readonly quads: number
  /** Where its vectors begin. */
  readonly start: number
  /** Vectors from one step of k to the next: one more than are there, so that threads which write several steps meet other banks. */
  readonly stride: number
  /** Vectors that each thread brings. */
  readonly perThread: number
  readonly threads: number
  /** Neighbouring threads read along k. */
  readonly alongK: boolean
  readonly depth: number
}

const sideOf = (
  operand: Operand,
  free: readonly Axis[],
  along: readonly Axis[],
  name: 'a' | 'b',
  size: number,
  extent: number,
  start: number,
  depth: number,
  threads: number,
): Side => {
  const quads = size / 4
  return {
    name,
    operand,
    extent,
    quads,
    start,
    stride: quads + 1,
    perThread: (quads * depth) / threads,
    threads,
    alongK: movesAlong(operand, along) && !movesAlong(operand, free),
    depth,
  }
}

const upper = (name: 'a' | 'b'): 'A' | 'B' => (name === 'a' ? 'A' : 'B')

const declareSide = (
  kernel: Kernel,
  shader: ShaderText,
  side: Side,
  names: Rewriter,
  k: number,
  isVector: boolean,
): void => {
  const { name, operand, extent, depth } = side
  const [type, load] = isVector
    ? (['vec4<f32>', (slot: number, place: string) => shader.loadQuad(slot, place)] as const)
    : (['f32', (slot: number, place: string) => shader.load(slot, place)] as const)
  declareRead(kernel, shader, upper(name), operand, names, type, load)
  const at = (c: number, last: number): string => {
    const place = c === 0 ? 'at' : `at + ${c}`
    return `read${upper(name)}(b, ${extent % (side.quads * 4) === 0 ? place : `min(${place}, ${last})`}, step)`
  }
  const quad = isVector ? at(0, extent - 4) : `vec4<f32>(${[0, 1, 2, 3].map((c) => at(c, extent - 1)).join(', ')})`
  // Rows beyond the last are read again and never written; steps beyond the last must add nothing.
  shader.declare(
    [
      `fn quad${upper(name)}(b : i32, at : i32, k : i32) -> vec4<f32> {`,
      ...(k % depth === 0
        ? ['  let step = k;', `  return ${quad};`]
        : [`  let step = min(k, ${k - 1});`, `  return select(vec4<f32>(), ${quad}, k < ${k});`]),
      '}',
    ].join('\n'),
  )
}

/** Which vector of the tile a thread brings in its turn: its four rows and its step. */
const share = (
  { alongK, quads, threads, depth }: Side,
  turn: number,
): { readonly quad: string; readonly step: string } => {
  const q = turn === 0 ? 'i32(lane)' : `(i32(lane) + ${turn * threads})`
  return alongK
    ? { quad: `${q} / ${depth}`, step: `${q} % ${depth}` }
    : { quad: `${q} % ${quads}`, step: `${q} / ${quads}` }
}

const prefetch = (side: Side, from: string, k0: string, declared: boolean): readonly string[] =>
  Array.from({ length: side.perThread }, (_, turn) => {
    const { quad, step } = share(side, turn)
    return `${declared ? 'var ' : ''}next${upper(side.name)}${turn} = quad${upper(side.name)}(b, ${from} + (${quad}) * 4, ${k0} + ${step});`
  })

const put = (side: Side): readonly string[] =>
  Array.from({ length: side.perThread }, (_, turn) => {
    const { quad, step } = share(side, turn)
    return `tiles[(${step}) * ${side.stride} + ${quad}${side.start === 0 ? '' : ` + ${side.start}`}] = next${upper(side.name)}${turn};`
  })
