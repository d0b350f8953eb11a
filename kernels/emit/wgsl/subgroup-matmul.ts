import type { Axis } from '../../../core'
import type { Kernel } from '../../kernel'
import type { Contraction, Operand } from '../contraction'
import type { Rewriter } from '../rebuild'
import type { MatrixLimits, MatrixUnit } from './matrix-unit'
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

/** Rows, columns and steps of k that a workgroup holds, and how its subgroups share the rows and columns. */
export interface MatrixTile {
  readonly rows: number
  readonly columns: number
  readonly depth: number
  readonly subgroups: readonly [down: number, across: number]
}

/** From the largest down; of two of a size, the one that more often suits first. */
export const matrixTiles: readonly MatrixTile[] = [
  { rows: 128, columns: 128, depth: 32, subgroups: [2, 4] },
  { rows: 128, columns: 128, depth: 32, subgroups: [2, 2] },
  { rows: 128, columns: 64, depth: 32, subgroups: [2, 2] },
  { rows: 64, columns: 64, depth: 32, subgroups: [2, 2] },
]

/** Elements between the lines of a tile, so that neighbours in a column meet other banks: 16 bytes, as matrices must be aligned. */
const gap = 2

/** Bytes of workgroup memory that a tile takes, at most. */
export const tileBytes = (
  { rows, columns, depth, subgroups: [down, across] }: MatrixTile,
  unit: MatrixLimits,
): number => {
  const quads = (size: number): number => Math.max(size * (depth / 4 + gap), depth * (size / 4 + gap))
  return 8 * (quads(rows) + quads(columns)) + 4 * (down * unit.m * across * unit.n)
}

/** Whether a unit can compute such tiles: whole matrices for each subgroup, whole shares for each thread, room. */
export const takesTile = (unit: MatrixLimits, tile: MatrixTile): boolean => {
  const { rows, columns, depth, subgroups } = tile
  const threads = subgroups[0] * subgroups[1] * unit.subgroupSize
  return (
    [rows % (subgroups[0] * unit.m), columns % (subgroups[1] * unit.n), depth % unit.k].every((rest) => rest === 0) &&
    // Places of matrices are multiples of 8 halves.
    [unit.m, unit.n, unit.k].every((size) => size % 8 === 0) &&
    [rows, columns].every((size) => ((size / 4) * depth) % threads === 0) &&
    threads <= unit.threads &&
    tileBytes(tile, unit) <= unit.bytes
  )
}

/**
 * A batched product of halves by matrices that a subgroup multiplies at once. As in emitMatmul the next tile is on its way while one is
 * multiplied; halves are copied as they lie, by fours where they lie side by side. Sums of one matrix's steps are made by the unit, in an
 * order and with a rounding of its own; the order of the matrices is that of k, whatever the tile.
 */
export const emitSubgroupMatmul = (
  kernel: Kernel,
  product: Contraction,
  limits: WgslLimits,
  sharing: Sharing,
  tile: MatrixTile,
  unit: MatrixUnit,
): WgslProgram => {
  const { m, n, k, axes } = product
  const shader = new ShaderText(kernel.inputs, kernel.output.dtype, sharing)
  const names = namesOf(product)
  const others = otherReads(product, sharing)
  const [down, across] = tile.subgroups
  const threads = down * across * unit.subgroupSize
  const common = { tile, k, threads, others }
  const left = sideOf({
    ...common,
    name: 'A',
    operand: product.a,
    free: axes.m,
    along: axes.k,
    size: tile.rows,
    extent: m,
  })
  const right = sideOf({
    ...common,
    name: 'B',
    operand: product.b,
    free: axes.n,
    along: axes.k,
    size: tile.columns,
    extent: n,
    start: left.quads,
  })
  // What one subgroup computes, in matrices, and what of C is staged at once: one matrix of each subgroup.
  const [high, wide] = [tile.rows / down / unit.m, tile.columns / across / unit.n]
  const staged = { rows: down * unit.m, columns: across * unit.n }

  unit.directives.forEach((d) => shader.direct(d))
  unit.uses.forEach(shader.uses)
  shader.declare(`var<workgroup> tiles : array<${unit.quad.type}, ${left.quads + right.quads}>;`)
  shader.declare(`var<workgroup> stage : array<f32, ${staged.rows * staged.columns}>;`)
  unit.declarations.forEach((d) => shader.declare(d))
  for (const side of [left, right]) declareSide(kernel, shader, side, names)
  declareFinish(kernel, shader, product, names)
  declareFlush(kernel, shader, product, {
    tile,
    threads,
    ...staged,
    rowOf: (r) => `row + ((${r}) / ${unit.m}) * ${high * unit.m} + (${r}) % ${unit.m}`,
    columnOf: (c) => `column + ((${c}) / ${unit.n}) * ${wide * unit.n} + (${c}) % ${unit.n}`,
    staged: (at) => `stage[${at}]`,
  })

  const grid = tileGrid(product, tile, limits)
  const each = <T>(count: number, f: (i: number) => T): readonly T[] => Array.from({ length: count }, (_, i) => f(i))
  const cells = each(high, (r) => each(wide, (c) => ({ r, c, name: `c${r}_${c}` }))).flat()
  const hasMore = k > tile.depth
  const lines: string[] = [
    ...unit.begin,
    ...grid.lines,
    `let sy = subgroup / ${across};`,
    `let sx = subgroup % ${across};`,
    ...cells.map(({ name }) => `var ${name} = ${unit.zeros};`),
    ...fetch(left, 'row', '0', true),
    ...fetch(right, 'column', '0', true),
    `for (var k0 = 0; k0 < ${k}; k0 += ${tile.depth}) {`,
    ...[...put(left, unit), ...put(right, unit)].map((l) => `  ${l}`),
    '  workgroupBarrier();',
    ...(hasMore
      ? [
          `  if (k0 + ${tile.depth} < ${k}) {`,
          ...fetch(left, 'row', `k0 + ${tile.depth}`, false).map((l) => `    ${l}`),
          ...fetch(right, 'column', `k0 + ${tile.depth}`, false).map((l) => `    ${l}`),
          '  }',
        ]
      : []),
    `  for (var kk = 0; kk < ${tile.depth}; kk += ${unit.k}) {`,
    ...each(high, (r) => `    let a${r} = ${matrixOf(left, unit, `sy * ${high * unit.m} + ${r * unit.m}`)};`),
    ...each(wide, (c) => `    let b${c} = ${matrixOf(right, unit, `sx * ${wide * unit.n} + ${c * unit.n}`)};`),
    ...cells.map(({ r, c, name }) => `    ${name} = ${unit.multiplyAdd(`a${r}`, `b${c}`, name)};`),
    '  }',
    '  workgroupBarrier();',
    '}',
  ]
  const corner = `sy * ${unit.m * staged.columns} + sx * ${unit.n}`
  cells.forEach(({ r, c, name }, i) => {
    lines.push(unit.store(name, corner, staged.columns), 'workgroupBarrier();')
    lines.push(`flush(b, row + ${r * unit.m}, column + ${c * unit.n}, i32(lane));`)
    if (i < cells.length - 1) lines.push('workgroupBarrier();')
  })
  return shader.program(
    [threads, 1],
    grid.groups,
    ['@builtin(workgroup_id) wg : vec3<u32>', '@builtin(local_invocation_index) lane : u32'],
    lines,
  )
}

/** One operand's part of workgroup memory: lines of fours that lie as the operand does, along k or along its rows (columns). */
interface Side {
  readonly name: 'A' | 'B'
  readonly operand: Operand
  readonly alongK: boolean
  /** Fours of a line lie side by side in memory too. */
  readonly isVector: boolean
  /** Rows (columns) of the tile and of the operand, and steps of both. */
  readonly size: number
  readonly extent: number
  readonly depth: number
  readonly k: number
  /** Fours in a line, from one line to the next, in all lines, and before the first. */
  readonly width: number
  readonly stride: number
  readonly quads: number
  readonly start: number
  readonly threads: number
}

const sideOf = ({
  name,
  operand,
  free,
  along,
  size,
  extent,
  tile: { depth },
  k,
  threads,
  others,
  start = 0,
}: {
  readonly name: 'A' | 'B'
  readonly operand: Operand
  readonly free: readonly Axis[]
  readonly along: readonly Axis[]
  readonly size: number
  readonly extent: number
  readonly tile: MatrixTile
  readonly k: number
  readonly threads: number
  readonly others: ReadonlySet<number>
  readonly start?: number
}): Side => {
  const alongK = movesAlong(operand, along) && !movesAlong(operand, free)
  const isVector = areSideBySide(4, operand, alongK ? along : free, others)
  const width = (alongK ? depth : size) / 4
  const stride = width + gap
  const quads = (alongK ? size : depth) * stride
  return { name, operand, alongK, isVector, size, extent, depth, k, width, stride, quads, start, threads }
}

/** `quadA(b, i, k)` and `quadB(b, j, k)`: four halves as two words, zeros beyond the edges. */
const declareSide = (kernel: Kernel, shader: ShaderText, side: Side, names: Rewriter): void => {
  const { name, operand, alongK, isVector, size, extent, depth, k } = side
  const free = name === 'A' ? 'i' : 'j'
  declareRead(kernel, shader, name, operand, names, isVector ? 'vec2<u32>' : 'u32', (slot, place) =>
    isVector ? shader.loadQuadBits(slot, place) : shader.loadBits(slot, place),
  )
  const edges = [
    { at: free, extent, isWhole: extent % size === 0, last: extent - (isVector && !alongK ? 4 : 1) },
    { at: 'k', extent: k, isWhole: k % depth === 0, last: k - (isVector && alongK ? 4 : 1) },
  ]
  const inside = edges.flatMap((e) => (e.isWhole ? [] : [`${e.at} < ${e.extent}`])).join(' && ')
  const places = edges.map((e) => (e.isWhole ? e.at : `min(${e.at}, ${e.last})`)).join(', ')
  const element = `read${name}(b, ${places})`
  const type = isVector ? 'vec2<u32>' : 'u32'
  const parameters = `b : i32, ${free} : i32, k : i32`
  shader.declare(
    [
      `fn ${isVector ? 'quad' : 'half'}${name}(${parameters}) -> ${type} {`,
      `  return ${inside === '' ? element : `select(${type}(), ${element}, ${inside})`};`,
      '}',
    ].join('\n'),
  )
  if (isVector) return
  const half = (i: number): string => {
    const plus = i === 0 ? '' : ` + ${i}`
    return `half${name}(b, ${alongK ? `${free}, k${plus}` : `${free}${plus}, k`})`
  }
  shader.declare(
    [
      `fn quad${name}(${parameters}) -> vec2<u32> {`,
      `  return vec2<u32>(${half(0)} | (${half(1)} << 16u), ${half(2)} | (${half(3)} << 16u));`,
      '}',
    ].join('\n'),
  )
}

/** What a thread brings in each of its turns: a line, and a four of it. */
const shares = ({ size, depth, width, threads }: Side): readonly { readonly line: string; readonly quad: string }[] =>
  Array.from({ length: ((size / 4) * depth) / threads }, (_, turn) => {
    const q = turn === 0 ? 'i32(lane)' : `(i32(lane) + ${turn * threads})`
    return { line: `${q} / ${width}`, quad: `${q} % ${width}` }
  })

const fetch = (side: Side, from: string, k0: string, declared: boolean): readonly string[] =>
  shares(side).map(({ line, quad }, turn) => {
    const place = side.alongK ? `${from} + ${line}, ${k0} + (${quad}) * 4` : `${from} + (${quad}) * 4, ${k0} + ${line}`
    return `${declared ? 'var ' : ''}next${side.name}${turn} = quad${side.name}(b, ${place});`
  })

const put = (side: Side, unit: MatrixUnit): readonly string[] =>
  shares(side).map(({ line, quad }, turn) => {
    const place = `${side.start} + (${line}) * ${side.stride} + ${quad}`
    return `tiles[${place}] = ${unit.quad.of(`next${side.name}${turn}`)};`
  })

/** The matrix of a side from row (column) `at` and step kk on. */
const matrixOf = ({ name, alongK, stride, start }: Side, unit: MatrixUnit, at: string): string => {
  const place = alongK ? `${start} + (${at}) * ${stride} + kk / 4` : `${start} + kk * ${stride} + (${at}) / 4`
  return name === 'A'
    ? unit.load('left', place, stride, alongK ? 'row_major' : 'col_major')
    : unit.load('right', place, stride, alongK ? 'col_major' : 'row_major')
}
