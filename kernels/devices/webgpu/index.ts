import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { bytesOf, sameAval, showAval, sizeOf, type Aval } from '../../../core'
import { faultOf, type Device, type DeviceFault, type Executable, type HostArray, type Resident } from '../../device'
import type { Plan } from '../../plan'
import type { Contraction } from '../../emit/contraction'
import { gpuMatrixUnit, type MatrixUnit } from '../../emit/wgsl/matrix-unit'
import { matrixTiles, takesTile, type MatrixTile } from '../../emit/wgsl/subgroup-matmul'
import type { WgslLimits } from '../../emit/wgsl/program'
import { isMatrixTile, likelyTile, mayTake, type ProductTile } from '../../emit/wgsl/tiles'
import { Faulted, loadGpujs } from '../gpujs/engine'
import { readHost, writeHost } from '../host'
import { acquireWebgpu, type OpenWebgpu } from './context'
import { largestBlock } from './layout'
import { LoadedProgram, type Machine } from './loaded'
import { GpuMemory, OutOfMemory } from './memory'
import { proveDevice } from './prove'
import { proveMatrixUnit } from './prove-matrix'
import { lostFault, reportsOf, type GpuReports } from './reports'
import { buildProgram } from './program'
import { ShaderCache } from './shader-cache'
import { mapModeRead, usage } from './standard'
import { fileStore, type TileStore } from './tile-store'
import { productsOf, Tuner } from './tuner'
import { GpuValue, release } from './value'

const device = 'gpujs:webgpu'
const fault = (what: string, expected: string, got: string, help?: string): DeviceFault =>
  faultOf(device, what, expected, got, help)

export interface WebgpuOptions {
  /** The tile of all matrix products: to measure and to test them. By default each product's own. */
  readonly tile?: ProductTile
  /**
   * Whether f16 products go to the GPU's matrix unit: true: a GPU without one that works is a fault; false: never. By default where there
   * is one that works; `backend.detail` says so, and why not where one is offered and not used.
   */
  readonly matrix?: boolean
  /** Measure tiles on this GPU, and where to remember them (a folder; by default the user's cache). Default: on a real GPU. */
  readonly tune?: boolean | { readonly folder: string }
  /** Measure every dispatch by the GPU's clock: `timings` of an executable then tells where its runs' time went. */
  readonly timed?: boolean
}

/** gpu.js on WebGPU: shaders of ours on its device. Values stay on the GPU; a run is submitted, and only reading waits for it. */
export const webgpuDevice = (options: WebgpuOptions = {}): TE.TaskEither<DeviceFault, Device> =>
  webgpuDeviceWith(options, undefined)

/** With another matrix unit in the place of the GPU's: to test it where there is none. */
export const webgpuDeviceWith =
  (options: WebgpuOptions, unit: MatrixUnit | undefined): TE.TaskEither<DeviceFault, Device> =>
  async () => {
    const opened = await attempt(`open ${device}`, undefined, async () => {
      const gpujs = await loadGpujs()
      const open = await acquireWebgpu(device, gpujs)
      const gpu = new gpujs.GPU({ mode: 'webgpu' })
      const { limits } = open.context.device
      const most = Math.min(limits['maxStorageBufferBindingSize'] ?? 2 ** 27, limits['maxBufferSize'] ?? 2 ** 28)
      if (options.timed === true && !open.context.device.features.has('timestamp-query'))
        throw new Faulted(
          fault(`open ${device}`, 'a GPU with timestamp-query', 'one without', 'measure with timed: false'),
        )
      const machine: Machine = {
        name: device,
        device: open.context.device,
        memory: new GpuMemory(open.context.device, Math.floor(most / 256) * 256),
        shaders: new ShaderCache(gpujs, gpu, open.context.device),
        timed: options.timed ?? false,
      }
      const tuning = options.tune ?? !open.software
      const folder = typeof tuning === 'object' ? tuning.folder : undefined
      const store = options.tile !== undefined || tuning === false ? undefined : await fileStore(open.detail, folder)
      const closeAll = async (): Promise<void> => {
        // Exiting with work in flight can crash the process.
        await machine.device.queue.onSubmittedWorkDone()
        machine.memory.close()
        await gpu.destroy()
      }
      const offered = unit ?? (open.matrix === undefined ? undefined : gpuMatrixUnit(open.matrix))
      const tile = options.tile !== undefined && isMatrixTile(options.tile) ? options.tile : matrixTiles.at(-1)!
      const prove = async (matrix: MatrixUnit): Promise<E.Either<string, void>> => {
        // A refused shader is an answer here: it need not be printed.
        machine.device.pushErrorScope('validation')
        const proved = await proveMatrixUnit(deviceOf(machine, open, { tile, store: undefined, matrix }, closeAll))
        const error = await machine.device.popErrorScope()
        return error === null || E.isLeft(proved) ? proved : E.left(error.message)
      }
      const { matrix, said } = await chooseUnit(offered, options.matrix, tile, prove)
      const detail = [open.detail, ...said].join(', ')
      return deviceOf(machine, { ...open, detail }, { tile: options.tile, store, matrix }, closeAll)
    })
    return E.isLeft(opened) ? opened : proveDevice(opened.right)
  }

/** The unit that is used, and what is said of it. One that is offered is used only once it is proved by a tile. */
const chooseUnit = async (
  offered: MatrixUnit | undefined,
  wanted: boolean | undefined,
  tile: MatrixTile,
  prove: (unit: MatrixUnit) => Promise<E.Either<string, void>>,
): Promise<{ readonly matrix: MatrixUnit | undefined; readonly said: readonly string[] }> => {
  const refuse = (got: string): Faulted =>
    new Faulted(fault(`open ${device}`, 'a GPU whose matrix unit multiplies f16', got, 'take matrix: false'))
  if (offered === undefined) {
    if (wanted === true) throw refuse('one without')
    return { matrix: undefined, said: [] }
  }
  if (wanted === false) return { matrix: undefined, said: ['matrix unit not asked for'] }
  const proved = takesTile(offered, tile)
    ? await prove(offered)
    : E.left('it has no room for a tile, or no parts of one')
  const { m, n, k } = offered
  if (E.isRight(proved)) return { matrix: offered, said: [`matrix unit ${m}x${n}x${k}`] }
  if (wanted === true) throw refuse(proved.left)
  return { matrix: undefined, said: [`matrix unit not used: ${proved.left}`] }
}

/** What the GPU or gpu.js throws, and what the GPU reported beside, as a fault. Our own bugs (`internal:`) stay exceptions. */
const attempt = async <T>(
  what: string,
  reports: GpuReports | undefined,
  body: () => Promise<T>,
): Promise<E.Either<DeviceFault, T>> => {
  try {
    const result = await body()
    reports?.check(what)
    return E.right(result)
  } catch (error) {
    if (error instanceof Faulted) return E.left(error.fault)
    if (error instanceof OutOfMemory)
      return E.left(
        fault(
          what,
          'room for it on the GPU',
          `${megabytes(error.wanted)} asked for with ${megabytes(error.inUse)} in use`,
          'take a smaller model or fewer sequences at once',
        ),
      )
    const message = error instanceof Error ? error.message : String(error)
    if (message.startsWith('internal:')) throw error
    const lost = await reports?.whyLost()
    if (lost !== undefined) return E.left(lostFault(what, lost))
    return E.left(fault(what, 'it to succeed', message))
  }
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`

interface Choices {
  readonly tile: ProductTile | undefined
  readonly store: TileStore | undefined
  readonly matrix: MatrixUnit | undefined
}

const deviceOf = (
  machine: Machine,
  open: OpenWebgpu,
  { tile, store, matrix }: Choices,
  closeAll: () => Promise<void>,
): Device => {
  const { memory } = machine
  const { limits, queue } = machine.device
  const reports = reportsOf(open)
  const wgsl: WgslLimits = {
    groupsPerAxis: limits['maxComputeWorkgroupsPerDimension'] ?? 65535,
    ...(matrix === undefined ? {} : { matrix }),
  }
  const tuner = store === undefined ? undefined : new Tuner(machine, wgsl, store)
  const programOptions = {
    limits: wgsl,
    mostBuffers: limits['maxStorageBuffersPerShaderStage'] ?? 8,
    block: Math.min(memory.block, largestBlock),
    tileOf: (product: Contraction) =>
      tile !== undefined && (!isMatrixTile(tile) || mayTake(tile, product, wgsl))
        ? tile
        : (tuner?.tileOf(product) ?? likelyTile(product, wgsl)),
  }

  const mine = (what: string, value: Resident | undefined): GpuValue => {
    const own = value instanceof GpuValue && value.memory === memory ? value : undefined
    if (own === undefined)
      throw new Faulted(fault(what, `a value of ${device}`, `one of ${value?.device ?? 'nothing'}`))
    if (own.cell === null) throw new Faulted(fault(what, 'a live value', `${showAval(own.aval)}, which was freed`))
    return own
  }

  const upload = async (data: HostArray, aval: Aval): Promise<Resident> => {
    const what = `upload ${showAval(aval)}`
    if (data.length !== sizeOf(aval.shape))
      throw new Faulted(fault(what, `${sizeOf(aval.shape)} elements`, `${data.length}`))
    const size = bytesFor(aval)
    checkSize(what, size, memory)
    const range = await memory.allocate(size)
    const bytes = new ArrayBuffer(size)
    writeHost(bytes, 0, data, aval.dtype)
    if (size > 0) queue.writeBuffer(range.buffer, range.offset, bytes)
    return new GpuValue(device, memory, aval, { range, holders: 1 })
  }

  const read = async (value: Resident): Promise<HostArray> => {
    const { cell, aval } = mine('read', value)
    const size = bytesFor(aval)
    if (size === 0) return readHost(new ArrayBuffer(0), 0, aval)
    const staging = machine.device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget })
    try {
      const encoder = machine.device.createCommandEncoder()
      encoder.copyBufferToBuffer(cell!.range.buffer, cell!.range.offset, staging, 0, size)
      queue.submit([encoder.finish()])
      await staging.mapAsync(mapModeRead)
      return readHost(staging.getMappedRange(), 0, aval)
    } finally {
      staging.destroy()
    }
  }

  const compile = async (plan: Plan): Promise<Executable> => {
    plan.buffers.forEach((b) => checkSize('compile', bytesFor(b.aval), memory, ` for ${showAval(b.aval)}`))
    await tuner?.learn(productsOf(plan.kernels))
    const loaded = await LoadedProgram.load(machine, plan, buildProgram(plan, programOptions))
    const run = async (inputs: readonly Resident[]): Promise<readonly Resident[]> => {
      if (loaded.isDisposed) throw new Faulted(fault('run', 'a program that was not disposed', 'one that was'))
      if (inputs.length !== plan.inputs.length)
        throw new Faulted(fault('run', `${plan.inputs.length} inputs`, `${inputs.length}`))
      const values = plan.inputs.map(({ name, buffer }, i) => {
        const { aval } = plan.buffers[buffer]!
        const value = mine(`run, input ${name}`, inputs[i])
        if (!sameAval(aval, value.aval))
          throw new Faulted(fault(`run, input ${name}`, showAval(aval), showAval(value.aval)))
        return value
      })
      return loaded.run(values)
    }
    return {
      plan,
      run: (inputs) => () => attempt('run', reports, () => run(inputs)),
      ...(machine.timed ? { timings: () => loaded.timings } : {}),
      dispose: () => loaded.dispose(),
    }
  }

  return {
    name: device,
    backend: { name: device, detail: open.detail, isSoftware: open.software },
    isDeferred: true,
    // One of the stage's storage buffers is the output.
    maxInputs: (limits['maxStorageBuffersPerShaderStage'] ?? 8) - 1,
    compile: (plan) => () => attempt('compile', reports, () => compile(plan)),
    upload: (data, aval) => () => attempt(`upload ${showAval(aval)}`, reports, () => upload(data, aval)),
    read: (value) => () => attempt(`read ${showAval(value.aval)}`, reports, () => read(value)),
    free: (values) => {
      for (const value of values) {
        if (!(value instanceof GpuValue) || value.memory !== memory || value.cell === null) continue
        release(memory, value.cell)
        value.cell = null
      }
    },
    memory: () => ({ inUse: memory.inUse, peak: memory.peak, work: memory.arenaBytes }),
    close: closeAll,
  }
}

/** Bytes of whole words. */
const bytesFor = ({ shape, dtype }: Aval): number => Math.ceil((sizeOf(shape) * bytesOf(dtype)) / 4) * 4

const checkSize = (what: string, bytes: number, memory: GpuMemory, of = ''): void => {
  if (bytes > memory.block)
    throw new Faulted(
      fault(what, `at most ${memory.block} bytes in one buffer`, `${bytes}${of}`, 'fewer sequences at once may help'),
    )
}
