import * as assert from 'uvu/assert'
import { GpuMemory, OutOfMemory } from '../../../kernels/devices/webgpu/memory'
import type { GpuBuffer } from '../../../kernels/devices/webgpu/standard'
import { describe } from '../../harness'

type Allocator = ConstructorParameters<typeof GpuMemory>[0]

/** A GPU with so many bytes, and what it gave. */
const gpuOf = (
  room: number,
): { readonly device: Allocator; readonly taken: () => number; grow: (by: number) => void } => {
  let [left, error] = [room, null as { message: string } | null]
  const device: Allocator = {
    pushErrorScope: () => {
      error = null
    },
    popErrorScope: () => Promise.resolve(error),
    createBuffer: ({ size }: { readonly size: number }): GpuBuffer => {
      const fits = size <= left
      if (fits) left -= size
      else error = { message: 'no room' }
      return {
        size,
        destroy: () => {
          if (fits) left += size
        },
      } as GpuBuffer
    },
  }
  return { device, taken: () => room - left, grow: (by) => void (left += by) }
}

const refused = (task: Promise<unknown>): Promise<boolean> =>
  task.then(
    () => false,
    (error: unknown) => error instanceof OutOfMemory,
  )

describe('kernels/devices/webgpu: memory', (test) => {
  test('an arena that cannot grow leaves nothing behind, and one of before can be had again', async () => {
    const gpu = gpuOf(4096)
    const memory = new GpuMemory(gpu.device, 1024)
    await memory.growArena(2048)
    assert.is(memory.arenaBytes, 2048)
    assert.ok(await refused(memory.growArena(8192)))
    assert.is(memory.arenaBytes, 0)
    assert.equal([gpu.taken(), memory.inUse], [0, 0])
    await memory.growArena(2048)
    assert.equal([memory.arenaBytes, gpu.taken(), memory.inUse], [2048, 2048, 2048])
  })

  test('what does not fit takes nothing; what was freed is taken again', async () => {
    const gpu = gpuOf(1024)
    const memory = new GpuMemory(gpu.device, 4096)
    const one = await memory.allocate(1000)
    assert.ok(await refused(memory.allocate(1)))
    assert.equal([memory.inUse, memory.peak], [1024, 1024])
    memory.release(one)
    assert.is((await memory.allocate(800)).buffer, one.buffer)
  })
})
