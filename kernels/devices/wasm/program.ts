import { bytesOf } from '../../../core'
import type { Work } from '../../donations'
import { housing, type Home } from '../../housing'
import type { Kernel } from '../../kernel'
import type { Plan, PlanBuffer } from '../../plan'
import { addGemm, gemmField } from '../../emit/wasm/gemm'
import { emitKernel } from '../../emit/wasm/kernel'
import { ModuleBuilder } from '../../emit/wasm/module'
import { allocatedBytes } from './heap'
import { Image } from './image'
import { partsOfPlan, type GemmRun, type Part } from './parts'
import { phasesOf, type Phase } from './phases'
import { contractionWords, cutFor, tasksOf, type Op, type Task } from './tasks'
import { callWords, type SgemmCall } from './blas-calls'

/** A plan as WebAssembly: code, the words that drive it, and where everything lies. */
export interface WasmProgram {
  readonly module: Uint8Array
  /** Exports that operations call, by number. */
  readonly functions: readonly string[]
  readonly image: ReturnType<Image['finish']>
  /** Byte offsets in the image. */
  readonly tables: {
    readonly phaseAt: number
    readonly taskAt: number
    readonly opAt: number
    readonly counters: number
  }
  readonly phases: number
  readonly homes: readonly (Home | undefined)[]
  readonly buffers: readonly PlanBuffer[]
  readonly arenaBytes: number
  /** By operation: the plan's step. */
  readonly stepOf: readonly number[]
}

export interface CodeOptions {
  readonly shared: boolean
  readonly fused: boolean
  /** Matrix products by the machine's BLAS where their layout allows it. */
  readonly blas: boolean
}

export const buildProgram = (plan: Plan, options: CodeOptions): WasmProgram => {
  const { parts, buffers } = partsOfPlan(plan)
  const phases = phasesOf(parts, buffers)
  const { homes, arenaBytes } = housing(plan, buffers, worksOf(phases), { allocatedBytes })
  const code = new CodeBook(options)
  const image = new Image()
  const argsOf = new Map<string, number>()
  const numberOf = new Map(parts.map((part, i) => [part, i]))
  /** The function and the argument block of an operation. */
  const callOf = ({ part, which, calls }: Op): readonly [number, number] => {
    if (calls !== undefined) return [code.blas(), sgemms(image, part, calls)]
    const key = `${numberOf.get(part)!}:${which}`
    const { run } = part
    const isGemm = run.kind === 'gemm' && which === 'main'
    const fn = isGemm ? code.gemm(run) : code.kernel(run.kind === 'gemm' ? run.epilogue! : run.kernel)
    let args = argsOf.get(key)
    if (args === undefined) {
      args = isGemm ? descriptor(image, part, run) : pointers(image, part, which === 'epilogue')
      argsOf.set(key, args)
    }
    return [fn, args]
  }
  const cut = cutFor(options.blas)
  const tasks = phases.map((phase) => tasksOf(phase, cut))
  const ops = tasks.flat(2)
  const calls = ops.map(callOf)
  const tables = layOut(image, tasks, ops, calls)
  return {
    module: code.bytes(),
    functions: code.functions,
    image: image.finish(),
    tables,
    phases: phases.length,
    homes,
    buffers,
    arenaBytes,
    stepOf: ops.map((op) => op.part.step),
  }
}

/** The functions of a program, each written once. */
class CodeBook {
  private readonly module: ModuleBuilder
  private readonly imports: { readonly sin: number; readonly cos: number }
  private readonly numbers = new Map<string, number>()
  readonly functions: string[] = []

  constructor(private readonly options: CodeOptions) {
    this.module = new ModuleBuilder(options.shared)
    const ofNumber = { params: ['f64'], results: ['f64'] } as const
    this.imports = { sin: this.module.import('sin', ofNumber), cos: this.module.import('cos', ofNumber) }
  }

  kernel(kernel: Kernel): number {
    return this.number(`kernel:${kernel.key}`, (name) => void emitKernel(this.module, name, kernel, this.imports))
  }

  gemm({ contraction: { a, b } }: GemmRun): number {
    return this.number(`gemm:${a.dtype}:${b.dtype}`, () => addGemm(this.module, a.dtype, b.dtype, this.options.fused))
  }

  /** Not WebAssembly: the thread calls the library itself. */
  blas(): number {
    return this.number('blas', () => undefined)
  }

  bytes(): Uint8Array {
    return this.module.bytes()
  }

  private number(name: string, write: (name: string) => void): number {
    const known = this.numbers.get(name)
    if (known !== undefined) return known
    write(name)
    this.numbers.set(name, this.functions.push(name) - 1)
    return this.functions.length - 1
  }
}

/** The operands of calls of BLAS: addresses of C, A and B, the number of calls, then twelve words for each. */
const sgemms = (image: Image, part: Part, calls: readonly SgemmCall[]): number => {
  const { contraction } = part.run as GemmRun
  const at = image.here
  image.buffer(part.output)
  image.buffer(part.inputs[contraction.a.slot]!)
  image.buffer(part.inputs[contraction.b.slot]!)
  image.word(calls.length)
  for (const word of calls.flatMap(callWords)) image.word(word)
  return at
}

/** Addresses of output and inputs. */
const pointers = (image: Image, part: Part, isEpilogue: boolean): number => {
  const at = image.here
  image.buffer(part.output)
  for (const b of part.inputs) image.buffer(b)
  if (isEpilogue) image.buffer(part.output)
  return at
}

const descriptor = (image: Image, part: Part, { contraction }: GemmRun): number => {
  const { a, b, c } = contraction
  const words = contractionWords(contraction)
  const tables = {
    cBatch: image.table(c.batch),
    cRow: image.table(c.m),
    cColumn: image.table(c.n),
    aBatch: image.table(a.batch),
    aRow: image.table(a.free),
    aK: image.table(a.k),
    bBatch: image.table(b.batch),
    bColumn: image.table(b.free),
    bK: image.table(b.k),
    aPanels: image.bytes(words.aPanels),
    bPanels: image.bytes(words.bPanels),
    cPanels: image.bytes(words.cPanels),
  }
  const at = image.here
  const write: Readonly<Record<string, () => void>> = {
    c: () => image.buffer(part.output),
    a: () => image.buffer(part.inputs[a.slot]!, a.base * bytesOf(a.dtype)),
    b: () => image.buffer(part.inputs[b.slot]!, b.base * bytesOf(b.dtype)),
    ...Object.fromEntries(Object.entries(tables).map(([name, offset]) => [name, () => image.address(offset)])),
    m: () => image.word(words.m),
    n: () => image.word(words.n),
    k: () => image.word(words.k),
    aKContiguous: () => image.word(words.aKContiguous),
    bKContiguous: () => image.word(words.bKContiguous),
  }
  for (const name of Object.keys(gemmField)) if (name !== 'size') write[name]!()
  return at
}

/** Phase, task and operation tables: see worker.ts. */
const layOut = (
  image: Image,
  phases: readonly (readonly Task[])[],
  ops: readonly Op[],
  calls: readonly (readonly [number, number])[],
): WasmProgram['tables'] => {
  const phaseAt = image.here
  let tasks = 0
  image.word(0)
  for (const phase of phases) image.word((tasks += phase.length))
  const taskAt = image.here
  let count = 0
  image.word(0)
  for (const task of phases.flat()) image.word((count += task.length))
  const opAt = image.here
  ops.forEach(({ numbers }, i) => {
    const [fn, args] = calls[i]!
    image.word(fn)
    image.address(args)
    for (const n of numbers) image.word(n)
  })
  const counters = image.here
  for (let i = 0; i < 2 * phases.length; i++) image.word(0)
  return { phaseAt, taskAt, opAt, counters }
}

/** A product leaves its sums where its output goes, before anything else is read: only maps may write over what they read. */
const worksOf = (phases: readonly Phase[]): readonly (readonly Work[])[] =>
  phases.map((phase) =>
    phase.flatMap((g) =>
      g.parts.map((p) => ({ ...p, mayOverwrite: p.run.kind === 'range' && p.run.kernel.reduce === undefined })),
    ),
  )
