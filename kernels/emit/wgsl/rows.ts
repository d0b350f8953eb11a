import { modIndex } from '../../../core'
import type { GroupMemory, OpenPart } from './parts'
import { declareElement, declareReduction, lanesAlong, threads, type Printed } from './loops'
import { checkedLoad } from './load'
import { elementType, formats } from './memory'
import { foldGroups, type ShaderText, type WgslLimits, type WgslProgram } from './program'

/** Bytes of workgroup memory for what parts hand on. With what reductions take it stays below the least that a device has. */
const mostLocal = 12288

/** How rows are shared out. */
export interface RowCut {
  /** Threads of a row. */
  readonly lanes: number
  /** Rows of a workgroup. */
  readonly together: number
  /** What the group reads again and has a place for in workgroup memory: elements by number of the memory. */
  readonly locals: ReadonlyMap<number, number>
}

export const cutRows = (parts: readonly OpenPart[], rows: number): RowCut => {
  const lanes = Math.max(...parts.map((p) => lanesAlong(p.lanes > 1 ? p.flat.length : p.width)))
  let together = threads / lanes
  while (rows % together !== 0) together /= 2
  const locals = new Map<number, number>()
  let bytes = 0
  const again = parts.filter((p, i) => isReadAgain(p, parts.slice(i + 1)))
  for (const { writes, width } of again.sort((a, b) => a.width - b.width)) {
    bytes += 4 * width * together
    if (bytes > mostLocal) break
    locals.set(writes, width * together)
  }
  return { lanes, together, locals }
}

/**
 * A few rows to a workgroup, `lanes` threads to a row, through all parts. What one part makes of a row lies in workgroup memory for the
 * next, or in the buffer that it goes to.
 */
export const printRows = (
  parts: readonly OpenPart[],
  rows: number,
  memories: readonly GroupMemory[],
  shader: ShaderText,
  limits: WgslLimits,
): WgslProgram => {
  const { lanes, together, locals } = cutRows(parts, rows)
  for (const [m, count] of locals) shader.shared(`row${m}`, `array<${elementType(memories[m]!.dtype)}, ${count}>`)
  const lines = parts.flatMap((part, i): readonly string[] => {
    const made = new Map(parts.slice(0, i).map((p) => [p.writes, p]))
    const ofStorage = checkedLoad(part, memories, shader)
    const printed: Printed = {
      kernel: part.kernel,
      flat: part.flat,
      suffix: parts.length === 1 ? '' : String(i),
      extra: locals.size === 0 ? [] : [{ name: 'r', type: 'i32' }],
      load: (slot, place, text, print) => {
        const m = part.reads[slot]!
        const from = made.get(m)
        if (from === undefined || !locals.has(m)) return ofStorage(slot, place, text, print)
        const inRow = print(modIndex(place, from.width))
        return `row${m}[${from.width === 1 ? 'r' : `r * ${from.width} + ${inRow}`}]`
      },
    }
    const waits = part.reads.some((m) => made.has(m)) ? barriers(part, made, locals) : []
    return [...waits, '{', ...printPart(part, printed, lanes, memories, locals, shader).map((l) => `  ${l}`), '}']
  })
  const groupCount = rows / together
  const { groups, number } = foldGroups(groupCount, limits)
  return shader.program(
    [lanes * together, 1],
    groups,
    ['@builtin(workgroup_id) wg : vec3<u32>', '@builtin(local_invocation_index) thread : u32'],
    [
      `let group = ${number};`,
      ...(groups[0] * groups[1] === groupCount ? [] : [`if (group >= ${groupCount}) { return; }`]),
      'let lane = i32(thread);',
      ...(together === 1
        ? ['let r = 0;', 'let turn = lane;', 'let row = group;']
        : [`let r = lane / ${lanes};`, `let turn = lane % ${lanes};`, `let row = group * ${together} + r;`]),
      ...lines,
    ],
  )
}

const isReadAgain = ({ writes }: OpenPart, later: readonly OpenPart[]): boolean =>
  later.some((p) => p.reads.includes(writes))

/** What has to be waited for before a part reads what others made. */
const barriers = (
  { reads }: OpenPart,
  made: ReadonlyMap<number, OpenPart>,
  locals: ReadonlyMap<number, number>,
): readonly string[] => [
  ...(reads.some((m) => made.has(m) && !locals.has(m)) ? ['storageBarrier();'] : []),
  'workgroupBarrier();',
]

const printPart = (
  part: OpenPart,
  printed: Printed,
  lanes: number,
  memories: readonly GroupMemory[],
  locals: ReadonlyMap<number, number>,
  shader: ShaderText,
): readonly string[] => {
  const { width, writes, kernel, flat } = part
  const { isBound } = memories[writes]!
  const perWord = isBound ? formats[kernel.output.dtype].perWord : 1
  const count = width / perWord
  const more = printed.extra.length > 0 ? ', r' : ''
  const each = Array.from({ length: perWord }, (_, e) => e)
  const at = (e: number): string => {
    const text = width === 1 ? 'row' : `row * ${width} + ${perWord === 1 ? 'e' : `e * ${perWord} + ${e}`}`
    return flat.size % perWord === 0 ? text : `min(${text}, ${flat.size - 1})`
  }
  const keep = [
    ...(isBound
      ? [
          shader.store(
            count === 1 ? 'row' : `row * ${count} + e`,
            each.map((e) => `x${e}`),
            writes,
          ),
        ]
      : []),
    ...(locals.has(writes)
      ? each.map((e) => `row${writes}[r * ${width} + ${perWord === 1 ? 'e' : `e * ${perWord} + ${e}`}] = x${e};`)
      : []),
  ]
  if (part.lanes > 1) {
    declareReduction(printed, lanes, shader)
    const s = printed.suffix
    const body = [
      ...each.flatMap((e) => [`let o${e} = ${at(e)};`, `let r${e} = reduced${s}(o${e}, lane, turn${more});`]),
      'if (turn == 0) {',
      ...each.map((e) => `  let x${e} = finished${s}(o${e}, r${e}${more});`),
      ...keep.map((l) => `  ${l}`),
      '}',
    ]
    return count === 1
      ? ['let e = 0;', ...body]
      : [`for (var e = 0; e < ${count}; e++) {`, ...body.map((l) => `  ${l}`), '}']
  }
  declareElement(printed, shader)
  const body = [...each.map((e) => `let x${e} = element${printed.suffix}(${at(e)}${more});`), ...keep]
  return [`for (var e = turn; e < ${count}; e += ${lanes}) {`, ...body.map((l) => `  ${l}`), '}']
}
