import type { GroupMemory, GroupPart } from './parts'
import type { ShaderText } from './program'
import type { ValueContext } from './values'

/** Loads out of buffers, each proved to lie inside its own, or this throws: the kernel is wrong, not its data. */
export const checkedLoad =
  ({ kernel, reads }: GroupPart, memories: readonly GroupMemory[], shader: ShaderText): ValueContext['load'] =>
  (slot, x, text) => {
    const memory = reads[slot]
    const size = memory === undefined ? undefined : memories[memory]!.size
    if (memory === undefined || !(x.min >= 0 && x.max < size!))
      throw new Error(
        `internal: ${kernel.name}: reads slot ${slot} of ${size} elements at [${x.min}, ${x.max}] (${x.key})`,
      )
    return shader.load(memory, text)
  }
