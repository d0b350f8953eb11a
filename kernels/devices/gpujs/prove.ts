import { faultOf } from '../../device'
import { aval, axisIndex, binary, load, real } from '../../../core'
import { emitGpujs, type GpujsMode } from '../../emit/gpujs'
import type { Kernel } from '../../kernel'
import { Faulted, type Engine } from './engine'

const x = axisIndex('x', 5)
const doubled: Kernel = {
  name: 'prove',
  key: 'prove',
  inputs: [{ dtype: 'f32', size: 5 }],
  output: aval('f32', 5),
  axes: [{ tag: 'axis', name: 'x', size: 5 }],
  body: binary('add', binary('mul', load(0, x, 'real'), real(2)), real(0.5)),
  flops: 10,
}

/** Runs 2x + 1/2 and compares: an engine that resolves to zeros, or is another than asked for, is a fault. */
export const proveEngine = async <V>(engine: Engine<V>, device: string, mode: GpujsMode): Promise<Engine<V>> => {
  const built = engine.build(emitGpujs(doubled, mode))
  const given = engine.upload(Float32Array.of(1, -2, 3, 0, 7))
  const made = await built.run([given])
  const got = [...(await engine.read(made, 5))].join()
  engine.check()
  built.destroy()
  engine.free(given)
  engine.free(made)
  if (got !== '2.5,-3.5,6.5,0.5,14.5')
    throw new Faulted(faultOf(device, 'run a first kernel', '2.5,-3.5,6.5,0.5,14.5', got))
  return engine
}
