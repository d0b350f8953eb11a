import type { DType } from '../../../core'
import { formats } from './memory'
import { functionsText } from './functions'
import type { MatrixUnit } from './matrix-unit'

/** A kernel as a compute shader: entry point `main`, one bind group of storage buffers. */
export interface WgslProgram {
  readonly source: string
  /** Workgroups along x, y and z. */
  readonly groups: readonly [number, number, number]
  /** What each binding holds, in order: a slot of the kernel, or its output. A slot that nothing reads has none. */
  readonly bindings: readonly (number | 'output')[]
}

/** How the slots of a kernel meet in memory. */
export interface Sharing {
  /** By slot: the first slot that reads the same buffer. */
  readonly same?: readonly number[]
  /** The slot whose memory the output takes: the kernel reads it only where it writes. */
  readonly inPlace?: number
}

/** What a device allows, as far as shaders depend on it. */
export interface WgslLimits {
  /** Workgroups along one axis. */
  readonly groupsPerAxis: number
  /** Multiplies matrices of f16, where there is one and it may. */
  readonly matrix?: MatrixUnit
}

/** Collects the parts of a shader while a kernel is printed. */
export class ShaderText {
  private readonly functions = new Set<string>()
  /** Types of the arrays by slot. */
  private readonly arrays = new Map<number, string>()
  private readonly declared: string[] = []
  private readonly directives: string[] = []

  constructor(
    private readonly inputs: readonly { readonly dtype: DType; readonly size: number }[],
    /** undefined: the shader writes slots. */
    private readonly output: DType | undefined,
    private readonly sharing: Sharing,
  ) {}

  readonly uses = (name: string): void => void this.functions.add(name)

  /** What stands before everything else. */
  direct(directive: string): void {
    this.directives.push(directive)
  }

  /** A function or variable of the module. */
  declare(text: string): void {
    this.declared.push(text)
  }

  /** Element `place` of a slot. */
  load(slot: number, place: string): string {
    const { load, uses, type } = formats[this.inputs[slot]!.dtype]
    if (uses.load !== undefined) this.uses(uses.load)
    return load(this.array(slot, type), place)
  }

  /** The bits of element `place` of a slot of halves. */
  loadBits(slot: number, place: string): string {
    const { bits, type } = formats[this.inputs[slot]!.dtype]
    if (bits === undefined) throw new Error(`internal: slot ${slot} has no narrow elements`)
    return bits(this.array(slot, type), place)
  }

  /** Four elements of a slot from `place`, a multiple of 4, on. Nothing else may read that slot. */
  loadQuad(slot: number, place: string): string {
    const { uses } = formats[this.inputs[slot]!.dtype]
    const { load, array } = this.quad(slot)
    if (uses.quad !== undefined) this.uses(uses.quad)
    return load(array, place)
  }

  /** The same, as they lie. */
  loadQuadBits(slot: number, place: string): string {
    const { bits, array } = this.quad(slot)
    return bits(array, place)
  }

  private array(slot: number, type: string): string {
    const first = this.sharing.same?.[slot] ?? slot
    if (first === this.sharing.inPlace) return 'out'
    this.arrays.set(first, type)
    return `in${first}`
  }

  private quad(slot: number): NonNullable<(typeof formats)[DType]['quad']> & { readonly array: string } {
    const first = this.sharing.same?.[slot] ?? slot
    const { quad } = formats[this.inputs[slot]!.dtype]
    if (quad === undefined || this.arrays.has(first)) throw new Error(`internal: slot ${slot} is not read by fours`)
    this.arrays.set(first, quad.type)
    return { ...quad, array: `in${first}` }
  }

  /** The statement that writes word `n` of the output, or of a slot. */
  store(n: string, elements: readonly string[], slot?: number): string {
    const dtype = slot === undefined ? this.output! : this.inputs[slot]!.dtype
    const { word, uses, type } = formats[dtype]
    if (slot !== undefined) this.arrays.set(slot, type)
    if (uses.store !== undefined) this.uses(uses.store)
    return `${slot === undefined ? 'out' : `in${slot}`}[${n}] = ${word(elements)};`
  }

  /** A variable of workgroup memory; the same name again is the same variable. */
  shared(name: string, type: string): void {
    const text = `var<workgroup> ${name} : ${type};`
    if (!this.declared.includes(text)) this.declared.unshift(text)
  }

  program(
    workgroup: readonly [number, number],
    groups: WgslProgram['groups'],
    parameters: readonly string[],
    lines: readonly string[],
  ): WgslProgram {
    const slots = [...this.arrays.keys()].sort((a, b) => a - b)
    // All are read_write: buffers of one allocation may be bound several times in one dispatch, all as storage.
    const binding = (n: number, name: string, type: string): string =>
      `@group(0) @binding(${n}) var<storage, read_write> ${name} : array<${type}>;`
    const bindings = [...(this.output === undefined ? [] : (['output'] as const)), ...slots]
    const source = [
      ...this.directives,
      ...bindings.map((b, i) =>
        b === 'output' ? binding(i, 'out', formats[this.output!].type) : binding(i, `in${b}`, this.arrays.get(b)!),
      ),
      functionsText(this.functions),
      ...this.declared,
      `@compute @workgroup_size(${workgroup.join(', ')})`,
      `fn main(${parameters.join(', ')}) {`,
      ...lines.map((line) => `  ${line}`),
      '}',
    ]
    return { source: source.filter((s) => s !== '').join('\n'), groups, bindings }
  }
}

/** n workgroups as x and y, and the number of the one at `wg`. */
export const foldGroups = (
  n: number,
  { groupsPerAxis }: WgslLimits,
): { readonly groups: WgslProgram['groups']; readonly number: string } => {
  const y = Math.ceil(n / groupsPerAxis)
  const x = Math.ceil(n / Math.max(1, y))
  return { groups: [x, y, 1], number: y === 1 ? 'i32(wg.x)' : `i32(wg.y * ${x}u + wg.x)` }
}
