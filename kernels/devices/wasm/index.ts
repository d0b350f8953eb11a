import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { showAval, sizeOf, bytesOf } from '../../../core'
import { scratch } from '../../emit/wasm/gemm'
import { faultOf, type Device, type DeviceFault, type Executable, type Resident } from '../../device'
import type { Plan } from '../../plan'
import { findFeatures } from './features'
import { Heap, mostBytes, OutOfMemory } from './heap'
import { readHost, writeHost } from '../host'
import { LoadedProgram, type Machine } from './loaded'
import { Closed, openPool, ThreadFailure } from './pool'
import { buildProgram, type CodeOptions } from './program'
import { findBlas, namedBlas } from './blas'
import { release, WasmValue } from './value'
import { isNode } from '../host-kind'

export interface WasmOptions {
  /** Worker threads; by default one for each core. Results do not depend on it. */
  readonly threads?: number
  /** false: one thread, on the memory of the caller, as where SharedArrayBuffer is missing. */
  readonly shared?: boolean
  /** false: multiply and add rounded one after the other, as where relaxed SIMD is missing. */
  readonly fused?: boolean
  /** Who computes matrix products: the machine's BLAS, our own code, or (`auto`) the first of these that is there. */
  readonly matmul?: MatmulChoice
  /** Measure every step: `timings` of an executable then tells where its runs' time went, all threads together. */
  readonly timed?: boolean
}

export const matmulChoices = ['auto', 'wasm', 'blas'] as const
export type MatmulChoice = (typeof matmulChoices)[number]

const device = 'wasm'
const fault = (what: string, expected: string, got: string, help?: string): DeviceFault =>
  faultOf(device, what, expected, got, help)
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`

/** BLAS was asked for and is not there. */
class NoBlas extends Error {}

/** More than any machine has cores: a slip of the hand. */
const mostThreads = 512

/** A number of threads that cannot be. */
class BadThreads extends Error {}

/** Every error of the machine as a fault of what was being done. */
const attempt = async <T>(what: string, body: () => Promise<T>): Promise<E.Either<DeviceFault, T>> => {
  try {
    return E.right(await body())
  } catch (error) {
    if (error instanceof OutOfMemory)
      return E.left(
        fault(
          what,
          `at most ${megabytes(mostBytes)} in one WebAssembly memory`,
          `${megabytes(error.wanted + error.inUse)}, of which ${megabytes(error.inUse)} are values and programs`,
          'take a smaller model or fewer sequences a step',
        ),
      )
    if (error instanceof NoBlas)
      return E.left(
        fault(
          what,
          'a BLAS with cblas_sgemm and the package koffi',
          error.message,
          namedBlas() === undefined
            ? 'on Debian: apt-get install libopenblas0-pthread; matmul "wasm" needs neither'
            : 'correct the environment variable EMEND_BLAS, or unset it; matmul "wasm" does not read it',
        ),
      )
    if (error instanceof Closed) return E.left(fault(what, 'an open device', 'one that was closed'))
    if (error instanceof BadThreads)
      return E.left(fault(what, `a whole number of threads, from 1 to ${mostThreads}`, error.message))
    if (error instanceof ThreadFailure) return E.left(fault(what, 'every thread to finish', error.message))
    if (error instanceof RangeError) return E.left(fault(what, 'room for it in this process', error.message))
    throw error
  }
}

const defaultThreads = async (): Promise<number> => {
  const browser = (globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } }).navigator
  if (!isNode()) return browser?.hardwareConcurrency ?? 1
  return (await import('node:os')).availableParallelism()
}

/** The processor's own device: loops and matrix products as WebAssembly SIMD, one memory, a worker for each core. */
export const wasmDevice =
  (options: WasmOptions = {}): TE.TaskEither<DeviceFault, Device> =>
  () =>
    attempt('open', async () => {
      const features = await findFeatures()
      const shared = options.shared ?? features.shared
      const fused = options.fused ?? features.fused
      const threads = shared ? (options.threads ?? (await defaultThreads())) : 1
      if (!(Number.isInteger(threads) && threads >= 1 && threads <= mostThreads)) throw new BadThreads(String(threads))
      const found = options.matmul === 'wasm' || !shared ? 'not asked for' : await findBlas()
      // A library that was named and is not one is an error even where another way would do.
      if (shared && options.matmul !== 'wasm' && typeof found === 'string' && namedBlas() !== undefined)
        throw new NoBlas(found)
      if (options.matmul === 'blas' && typeof found === 'string')
        throw new NoBlas(shared ? found : 'one thread on memory of its own')
      const blas = typeof found === 'string' ? null : found
      const heap = new Heap(shared)
      const scratches = Array.from({ length: threads }, () => heap.allocate(scratch.size))
      const abort = heap.allocate(4)
      const pool = await openPool(heap.memory, scratches, shared, blas)
      pool.onFailure = () => void Atomics.store(new Int32Array(heap.memory.buffer, abort, 1), 0, 1)
      const machine: Machine = { heap, pool, abort, timed: options.timed ?? false, arena: { at: 0, bytes: 0 } }
      const products =
        blas === null ? (fused ? ' with fused multiply-add' : '') : `, matrix products by ${blas.library}`
      return deviceOf(machine, { shared, fused, blas: blas !== null }, `WebAssembly SIMD${products}, ${count(threads)}`)
    })

const count = (threads: number): string => (threads === 1 ? 'one thread' : `${threads} threads`)

const deviceOf = (machine: Machine, options: CodeOptions, detail: string): Device => {
  const { heap, pool } = machine
  return {
    name: device,
    backend: { name: device, detail },
    maxInputs: 64,
    compile: (plan) => () => attempt('compile', () => compilePlan(machine, plan, options)),
    upload: (data, aval) => () =>
      data.length === sizeOf(aval.shape)
        ? attempt(`upload ${showAval(aval)}`, () => {
            const at = heap.allocate(sizeOf(aval.shape) * bytesOf(aval.dtype))
            writeHost(heap.memory.buffer, at, data, aval.dtype)
            return Promise.resolve(new WasmValue(heap, aval, { at, holders: 1 }))
          })
        : Promise.resolve(E.left(fault('upload', `${sizeOf(aval.shape)} numbers`, String(data.length)))),
    read: (value) => () =>
      Promise.resolve(
        isAlive(heap, value)
          ? E.right(readHost(heap.memory.buffer, value.cell!.at, value.aval))
          : E.left(fault('read', 'a value of this device', describeResident(heap, value))),
      ),
    free: (values) => {
      for (const v of values) {
        if (!isAlive(heap, v)) continue
        release(heap, v.cell!)
        v.cell = null
      }
    },
    memory: () => ({ inUse: heap.inUse, peak: heap.peak, work: machine.arena.bytes }),
    close: () => pool.close(),
  }
}

/** A value of the device that owns `heap` which was neither freed nor donated. */
const isAlive = (heap: Heap, value: Resident | undefined): value is WasmValue =>
  value instanceof WasmValue && value.heap === heap && value.cell !== null

const describeResident = (heap: Heap, value: Resident | undefined): string => {
  if (!(value instanceof WasmValue)) return value?.device ?? 'nothing'
  const kind = showAval(value.aval)
  return value.heap === heap ? `one of ${kind} that was freed or donated` : `one of ${kind} of another wasm device`
}

const compilePlan = async (machine: Machine, plan: Plan, options: CodeOptions): Promise<Executable> => {
  const program = buildProgram(plan, options)
  const loaded = await LoadedProgram.load(machine, plan, program)
  return {
    plan,
    ...(machine.timed ? { timings: () => [...loaded.times].map(([step, ms]) => ({ steps: [step], ms })) } : {}),
    dispose: () => loaded.dispose(),
    run: (inputs) => async () => {
      if (loaded.isDisposed) return E.left(fault('run', 'a program that was not disposed', 'one that was'))
      if (inputs.length !== plan.inputs.length)
        return E.left(fault('run', `${plan.inputs.length} inputs`, String(inputs.length)))
      const values: WasmValue[] = []
      for (const [i, { name, buffer }] of plan.inputs.entries()) {
        const value = inputs[i]
        if (!isAlive(machine.heap, value))
          return E.left(fault('run', `a value of this device for ${name}`, describeResident(machine.heap, value)))
        const { aval } = plan.buffers[buffer]!
        if (sizeOf(value.aval.shape) !== sizeOf(aval.shape) || value.aval.dtype !== aval.dtype)
          return E.left(fault('run', `${showAval(aval)} for ${name}`, showAval(value.aval)))
        values.push(value)
      }
      return attempt('run', () => loaded.run(values))
    },
  }
}
