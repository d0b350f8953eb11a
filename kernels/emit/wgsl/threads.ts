import { sizeOf } from '../../../core'
import type { GroupMemory, OpenPart } from './parts'
import { argumentsOf, declareElement, threads, type Printed } from './loops'
import { checkedLoad } from './load'
import { elementType, formats } from './memory'
import { foldGroups, type ShaderText, type WgslLimits, type WgslProgram } from './program'

/**
 * A thread for each word of the widest-packed output, through all parts: what one part makes of an element, the next has in a register.
 */
export const printThreads = (
  parts: readonly OpenPart[],
  memories: readonly GroupMemory[],
  shader: ShaderText,
  limits: WgslLimits,
): WgslProgram => {
  const madeBy = new Map(parts.map((p, i) => [p.writes, i]))
  const stored = parts.filter((p) => memories[p.writes]!.isBound)
  const printed = parts.map((part, i): Printed => {
    const made = [...new Set(part.reads)].filter((m) => (madeBy.get(m) ?? i) < i)
    const ofStorage = checkedLoad(part, memories, shader)
    return {
      kernel: part.kernel,
      flat: part.flat,
      suffix: parts.length === 1 ? '' : String(i),
      extra: made.map((m) => ({ name: `x${madeBy.get(m)}`, type: elementType(memories[m]!.dtype) })),
      load: (slot, place, text, print) => {
        const m = part.reads[slot]!
        return made.includes(m) ? `x${madeBy.get(m)}` : ofStorage(slot, place, text, print)
      },
    }
  })
  printed.forEach((p) => declareElement(p, shader))
  const size = sizeOf(parts[0]!.kernel.output.shape)
  const grain = Math.max(...stored.map((p) => formats[p.kernel.output.dtype].perWord))
  const items = Math.ceil(size / grain)
  const width = items < threads ? Math.max(32, 2 ** Math.ceil(Math.log2(items))) : threads
  const { groups, number } = foldGroups(Math.ceil(items / width), limits)
  const named = (text: string, i: number): string => text.replaceAll(/x(\d+)/g, `x$1_${i}`)
  const lines = Array.from({ length: grain }, (_, i) => [
    // The last word may have fewer elements than it holds: the last one again fills it.
    `let o${i} = ${placeOf(i, grain, size)};`,
    ...printed.map((p, k) => `let x${k}_${i} = element${p.suffix}(o${i}${named(argumentsOf(p), i)});`),
  ]).flat()
  const stores = stored.flatMap((p) => {
    const { perWord } = formats[p.kernel.output.dtype]
    const k = parts.indexOf(p)
    return Array.from({ length: grain / perWord }, (_, w) => {
      const at = grain === perWord ? 'item' : `item * ${grain / perWord} + ${w}`
      const store = shader.store(
        at,
        Array.from({ length: perWord }, (_, e) => `x${k}_${w * perWord + e}`),
        p.writes,
      )
      const isWhole = size % grain === 0 || w === 0
      return isWhole ? store : `if (${at} < ${Math.ceil(size / perWord)}) { ${store} }`
    })
  })
  return shader.program(
    [width, 1],
    groups,
    ['@builtin(workgroup_id) wg : vec3<u32>', '@builtin(local_invocation_index) lane : u32'],
    [
      `let item = ${number} * ${width} + i32(lane);`,
      ...(items % width === 0 && groups[0] * groups[1] * width === items ? [] : [`if (item >= ${items}) { return; }`]),
      ...lines,
      ...stores,
    ],
  )
}

const placeOf = (i: number, grain: number, size: number): string => {
  if (grain === 1) return 'item'
  const at = i === 0 ? `item * ${grain}` : `item * ${grain} + ${i}`
  return size % grain === 0 ? at : `min(${at}, ${size - 1})`
}
