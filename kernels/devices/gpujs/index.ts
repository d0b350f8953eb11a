import { faultOf } from '../../device'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { sameAval, showAval, sizeOf } from '../../../core'
import type { Device, DeviceFault, Executable, Resident } from '../../device'
import type { Plan } from '../../plan'
import type { GpujsMode } from '../../emit/gpujs'
import { fromStored, toStored } from './convert'
import { Faulted, type Engine } from './engine'
import { hostEngine, type HostMode } from './host-engine'
import { proveEngine } from './prove'
import { Held, KernelCache, isEmpty, release, runSteps, uploadConstants } from './runner'

/**
 * Opens a mode of gpu.js as a device. A small kernel is run first: a mode that falls back to another, or computes wrongly,
 * is a fault.
 */
export const gpujsDevice = (mode: HostMode): TE.TaskEither<DeviceFault, Device> => {
  const name = `gpujs:${mode}`
  return engineDevice(name, mode, () => hostEngine(name, mode))
}

/** The device over an engine, which runs a small kernel first. */
export const engineDevice = <V>(
  name: string,
  mode: GpujsMode,
  open: () => Promise<Engine<V>>,
): TE.TaskEither<DeviceFault, Device> =>
  door(name, `open ${name}`, async () => deviceOver(await proveEngine(await open(), name, mode), name, mode))

/** Runs a task; what the device or gpu.js throws becomes a fault. Our own bugs (`internal:`) stay exceptions. */
const door =
  <T>(device: string, what: string, task: () => Promise<T>): TE.TaskEither<DeviceFault, T> =>
  async () => {
    try {
      return E.right(await task())
    } catch (error) {
      if (error instanceof Faulted) return E.left(error.fault)
      const message = error instanceof Error ? error.message : String(error)
      if (message.startsWith('internal:')) throw error
      return E.left(faultOf(device, what, 'it to succeed', message))
    }
  }

const deviceOver = <V>(engine: Engine<V>, name: string, mode: GpujsMode): Device => {
  const cache = new KernelCache(engine, name, mode)

  const mine = (what: string, value: Resident): Held<V> => {
    const held = value instanceof Held && value.device === name ? (value as Held<V>) : undefined
    if (held === undefined) throw new Faulted(faultOf(name, what, `a value of ${name}`, `one of ${value.device}`))
    if (held.cell === null)
      throw new Faulted(faultOf(name, what, 'a live value', `${showAval(value.aval)}, which was freed`))
    return held
  }

  const compile = (plan: Plan): Executable => {
    const kernels = plan.kernels.map((kernel) => (isEmpty(kernel) ? null : cache.take(kernel)))
    const constants = uploadConstants(engine, plan)
    const run = async (inputs: readonly Resident[]): Promise<readonly Resident[]> => {
      if (inputs.length !== plan.inputs.length)
        throw new Faulted(faultOf(name, 'run', `${plan.inputs.length} inputs`, `${inputs.length}`))
      const held = inputs.map((value, i) => {
        const { name: input, buffer } = plan.inputs[i]!
        const { aval } = plan.buffers[buffer]!
        if (!sameAval(aval, value.aval))
          throw new Faulted(faultOf(name, `run, input ${input}`, showAval(aval), showAval(value.aval)))
        return mine(`run, input ${input}`, value)
      })
      const results = await runSteps(engine, name, plan, kernels, constants, held)
      engine.check()
      return results
    }
    let disposed = false
    const dispose = (): void => {
      if (disposed) return
      disposed = true
      plan.kernels.forEach((kernel) => cache.give(kernel))
      for (const cell of constants.values()) release(engine, cell)
    }
    return { plan, run: (inputs) => door(name, 'run', () => run(inputs)), dispose }
  }

  return {
    name,
    backend: engine.backend,
    maxInputs: engine.maxInputs,
    compile: (plan) => door(name, 'compile', () => Promise.resolve().then(() => compile(plan))),
    upload: (data, aval) =>
      door(name, `upload ${showAval(aval)}`, () =>
        Promise.resolve().then(() => {
          const stored = toStored(name, data, aval)
          return new Held<V>(aval, name, { value: stored.length === 0 ? null : engine.upload(stored), holders: 1 })
        }),
      ),
    read: (value) =>
      door(name, `read ${showAval(value.aval)}`, async () => {
        const { value: stored } = mine('read', value).cell!
        const flat = stored === null ? new Float32Array(0) : await engine.read(stored, sizeOf(value.aval.shape))
        engine.check()
        return fromStored(flat, value.aval)
      }),
    free: (values) => {
      for (const value of values) {
        if (!(value instanceof Held) || value.cell === null) continue
        release(engine, (value as Held<V>).cell!)
        value.cell = null
      }
    },
    ...(engine.memory === undefined ? {} : { memory: engine.memory }),
    close: () => engine.close(),
  }
}
