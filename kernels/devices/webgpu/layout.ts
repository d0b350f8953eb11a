import { byteSize } from '../../arena'
import { tileFor } from '../../emit/wgsl/matmul'
import type { Layout } from '../../layout'
import { allocatedBytes } from './memory'
import { buildProgram, type ProgramOptions } from './program'

/** Bytes of one block of the arena, where the GPU would allow more: larger ones are hard to place in its memory. */
export const largestBlock = 2 ** 30

/** What adapters for training have; memory hardly depends on it. */
const usual: ProgramOptions = { limits: { groupsPerAxis: 65535 }, mostBuffers: 8, block: largestBlock, tileOf: tileFor }

/** Memory as this device lays it out: buffers of whole grains, one arena, results over what was donated. */
export const webgpuLayout: Layout = {
  valueBytes: allocatedBytes,
  programBytes: (plan) => {
    const { homes, buffers, arenaBytes } = buildProgram(plan, usual)
    const all = (kind: 'output' | 'constant'): number =>
      homes.reduce(
        (sum, home, b) =>
          home?.kind === kind && !(home.kind === 'output' && home.over !== undefined)
            ? sum + allocatedBytes(byteSize(buffers[b]!))
            : sum,
        0,
      )
    return { work: allocatedBytes(arenaBytes), results: all('output'), kept: all('constant') }
  },
}
