import { sizeOf } from '../../../core'
import { formats, wordsOf } from './memory'
import { areThreads, shapeOf, type OpenPart, type ShaderGroup } from './parts'
import { ShaderText, type WgslLimits, type WgslProgram } from './program'
import { printRows } from './rows'
import { printThreads } from './threads'

/** Kernels that are no matrix products, as a shader. Its bindings are numbers of memories. */
export const emitGroup = (group: ShaderGroup, limits: WgslLimits): WgslProgram => {
  const parts = group.parts.map((part): OpenPart => {
    const shape = shapeOf(part.kernel)
    const size = sizeOf(part.kernel.output.shape)
    if (shape.flat.size !== size || size === 0)
      throw new Error(`internal: ${part.kernel.name}: expected ${size} > 0 points, got ${shape.flat.size}`)
    return { ...part, ...shape, width: size / group.rows }
  })
  const shader = new ShaderText(group.memories, undefined, {})
  if (areThreads(parts)) return printThreads(parts, group.memories, shader, limits)
  const [only] = parts
  if (parts.length > 1) return printRows(parts, group.rows, group.memories, shader, limits)
  // Alone, its rows are the words of its output: the last may have fewer elements than it holds.
  const { shape, dtype } = only!.kernel.output
  const alone = { ...only!, width: formats[dtype].perWord }
  return printRows([alone], wordsOf(shape, dtype), group.memories, shader, limits)
}
