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
interface WebasmKernel {
  readonly functionBuilder: { readonly functionMap: Readonly<Record<string, FunctionNode>> } | null
  translateSource(): boolean
}
export type WebasmKernelClass = new (...args: readonly never[]) => WebasmKernel

export const withVectors = (Base: WebasmKernelClass): WebasmKernelClass =>
  class extends Base {
    override translateSource(): boolean {
      const translated = super.translateSource()
      const node = this.functionBuilder?.functionMap['kernel']
      if (node !== undefined) {
        loadVectors(node)
        inlineMath(node)
      }
      return translated
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
