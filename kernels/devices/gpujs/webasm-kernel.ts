import { emitExp, emitLog, type MathEmitter } from './webasm-math'

/**
 * gpu.js's WebAssembly kernel with vector loads. Its own vector code reads every array lane by lane, whatever the index: clamped
 * in four lanes, then four extractions, loads and insertions. Where neighbouring threads read neighbouring elements (index =
 * uniform part + this.thread.x) one 128-bit load does, and at a fixed stride four loads from one address. Exported classes of gpu.js 2.24.1, undocumented methods: pinned, and the numbers
 * are held to by spec/kernels/emit.
 */
interface Ast {
  readonly type: string
  readonly operator?: string
  readonly left?: Ast
  readonly right?: Ast
  readonly computed?: boolean
  readonly object?: Ast
  readonly property?: Ast
  readonly name?: string
  readonly value?: unknown
}
interface Emitter extends MathEmitter {
  i32Const(value: number): Emitter
  i32Shl(): Emitter
  localGet(index: number): Emitter
  localTee(index: number): Emitter
  f32Load(offset: number): Emitter
  f32x4Splat(): Emitter
  f32x4ReplaceLane(lane: number): Emitter
  v128Load(offset: number, align: number): Emitter
}
interface FunctionNode {
  readonly em: Emitter
  readonly vMaskDepth: number
  readonly vInfo: { readonly exprVarying: (ast: Ast) => boolean }
  readonly assembler: {
    readonly layout: Readonly<Record<string, Readonly<Record<string, { readonly offset: number }>>>>
  }
  emitIndex(ast: Ast): void
  vMathCall: (name: string, ast: Ast) => string
  emitMathCall: (name: string, ast: Ast) => string
  vGather: (table: string, name: string, x: Ast, y: Ast | null, z: Ast | null, at: Ast) => string
}
/** What gpu.js keeps of a compiled module. */
interface Entry {
  readonly module: object
  readonly mathImports: readonly string[]
  memory: object
  instance: object
  run: unknown
  runSimd: unknown
  f32: Float32Array
  i32: Int32Array
}
interface WebasmKernel {
  readonly _active: Entry | null
  _instantiate(key: string, args: unknown): void
  readonly functionBuilder: { readonly functionMap: Readonly<Record<string, FunctionNode>> } | null
  translateSource(): boolean
}
export type WebasmKernelClass = new (...args: readonly never[]) => WebasmKernel

interface Wasm {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer
  }
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

export const withVectors = (Base: WebasmKernelClass): WebasmKernelClass => {
  const scratch = sharedScratch()
  return class extends Base {
    override translateSource(): boolean {
      const translated = super.translateSource()
      const node = this.functionBuilder?.functionMap['kernel']
      if (node !== undefined) {
        loadVectors(node)
        inlineMath(node)
      }
      return translated
    }
    override _instantiate(key: string, args: unknown): void {
      super._instantiate(key, args)
      if (this._active !== null) scratch(this._active)
    }
  }
}

/** Pages that gpu.js declares as the maximum of every module that needs no more: 256 MiB. */
const scratchPages = 4096

/**
 * One memory for all kernels of a device. gpu.js gives each kernel one of its own, of the size of its arguments and its
 * result, for as long as the kernel lives; since arguments are copied in at every call, all can use the same.
 */
const sharedScratch = (): ((entry: Entry) => void) => {
  const wasm = (globalThis as unknown as { readonly WebAssembly: Wasm }).WebAssembly
  let memory: { readonly buffer: ArrayBuffer } | undefined
  return (entry) => {
    if (entry.memory === memory || entry.f32.byteLength > scratchPages * 65536) return
    memory ??= new wasm.Memory({ initial: scratchPages, maximum: scratchPages })
    const math = Math as unknown as Readonly<Record<string, unknown>>
    const imports = Object.fromEntries(entry.mathImports.map((name) => [`math_${name}`, math[name]]))
    const instance = new wasm.Instance(entry.module, { env: { memory, ...imports } })
    entry.memory = memory
    entry.instance = instance
    entry.run = instance.exports['run']
    entry.runSimd = instance.exports['run_simd'] ?? null
    entry.f32 = new Float32Array(memory.buffer)
    entry.i32 = new Int32Array(memory.buffer)
  }
}

const loadVectors = (node: FunctionNode): void => {
  const gather = node.vGather.bind(node)
  node.vGather = (table, name, x, y, z, at) => {
    const record = node.assembler.layout[table]?.[name]
    const stride = record === undefined || y || z ? undefined : strideOf(node, x)
    // Under a mask an inactive lane's index may be anything: gpu.js clamps it.
    if (record === undefined || stride === undefined || node.vMaskDepth > 0) return gather(table, name, x, y, z, at)
    const { em } = node
    // The scalar walk reads this.thread.x as the first lane's.
    node.emitIndex(x)
    em.i32Const(2).i32Shl()
    if (stride === 1) em.v128Load(record.offset, 2)
    else {
      const first = em.addLocal('i32')
      em.localTee(first).f32Load(record.offset).f32x4Splat()
      for (let lane = 1; lane < 4; lane++)
        em.localGet(first)
          .f32Load(record.offset + lane * stride * 4)
          .f32x4ReplaceLane(lane)
    }
    return 'vf32'
  }
}

/** exp and log without calls to JavaScript. `fround` is how gpu.js emits a lone argument. */
const inlineMath = (node: FunctionNode): void => {
  const own: Readonly<Record<string, (em: MathEmitter, wide: boolean) => void>> = { exp: emitExp, log: emitLog }
  const inlined =
    (original: (name: string, ast: Ast) => string, wide: boolean) =>
    (name: string, ast: Ast): string => {
      const emit = own[name]
      if (emit === undefined) return original(name, ast)
      const type = original('fround', ast)
      emit(node.em, wide)
      return type
    }
  node.vMathCall = inlined(node.vMathCall.bind(node), true)
  node.emitMathCall = inlined(node.emitMathCall.bind(node), false)
}

/** s where the index is uniform + s * this.thread.x with a literal s >= 1; else undefined. */
const strideOf = (node: FunctionNode, ast: Ast): number | undefined => {
  if (isThreadX(ast)) return 1
  const { left, right, operator } = ast
  if (ast.type !== 'BinaryExpression' || left === undefined || right === undefined) return undefined
  if (operator === '*' && isThreadX(left)) return typeof right.value === 'number' ? right.value : undefined
  const uniform = (part: Ast): boolean => !node.vInfo.exprVarying(part)
  if (operator === '+' && uniform(left)) return strideOf(node, right)
  return (operator === '+' || operator === '-') && uniform(right) ? strideOf(node, left) : undefined
}

const isThreadX = (ast: Ast): boolean =>
  ast.type === 'MemberExpression' &&
  ast.property?.name === 'x' &&
  ast.object?.type === 'MemberExpression' &&
  ast.object.property?.name === 'thread' &&
  ast.object.object?.type === 'ThisExpression'
