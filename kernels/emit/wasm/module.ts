import { flatten, unsigned, type Code, type ValueType, type VectorConstant } from './instructions'

const typeByte: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b }

export interface Signature {
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
}

/** A function in the making: locals are numbered as they are asked for, parameters first. */
export class FunctionBuilder {
  private readonly locals: ValueType[] = []
  constructor(private readonly params: readonly ValueType[]) {}

  local(type: ValueType): number {
    this.locals.push(type)
    return this.params.length + this.locals.length - 1
  }

  /** The bytes of its body, as the code section wants them. */
  encode(code: Code, global: (constant: VectorConstant) => number): readonly number[] {
    const declared = this.locals.flatMap((type) => [1, typeByte[type]])
    const body = [...unsigned(this.locals.length), ...declared, ...flatten(code, global), 0x0b]
    return [...unsigned(body.length), ...body]
  }
}

/** A module over one imported memory, of which every function is exported under the name it was added with. */
export class ModuleBuilder {
  private readonly types: string[] = []
  private readonly typeBytes: number[][] = []
  private readonly imports: { readonly name: string; readonly type: number }[] = []
  private readonly functions: { readonly name: string; readonly type: number; readonly body: readonly number[] }[] = []

  /** Constants by their bytes, in order of their numbers. */
  private readonly globals = new Map<string, number>()

  constructor(private readonly shared: boolean) {}

  /** Import a function from `env`; all imports come before the first `add`. The result is its index. */
  import(name: string, signature: Signature): number {
    this.imports.push({ name, type: this.typeOf(signature) })
    return this.imports.length - 1
  }

  /** The index of the function that the next `add` makes. */
  get next(): number {
    return this.imports.length + this.functions.length
  }

  add(name: string, signature: Signature, build: (f: FunctionBuilder) => Code): number {
    const f = new FunctionBuilder(signature.params)
    const body = f.encode(build(f), (constant) => this.globalOf(constant))
    this.functions.push({ name, type: this.typeOf(signature), body })
    return this.next - 1
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const memory = [
      ...text('env'),
      ...text('memory'),
      0x02,
      ...(this.shared ? [0x03, 0, ...unsigned(65536)] : [0x00, 0]),
    ]
    const imported = this.imports.map(({ name, type }) => [...text('env'), ...text(name), 0x00, ...unsigned(type)])
    const exported = this.functions.map(({ name }, i) => [...text(name), 0x00, ...unsigned(this.imports.length + i)])
    const sections = [
      section(1, this.typeBytes),
      section(2, [memory, ...imported]),
      section(
        3,
        this.functions.map(({ type }) => unsigned(type)),
      ),
      // Mutable: V8 would put the value of others back into the code.
      section(
        6,
        [...this.globals.keys()].map((key) => [typeByte.v128, 1, 0xfd, 0x0c, ...key.split(',').map(Number), 0x0b]),
      ),
      section(7, exported),
      section(
        10,
        this.functions.map(({ body }) => body),
      ),
    ]
    const size = sections.reduce((n, s) => n + s.length, 8)
    const out = new Uint8Array(size)
    out.set([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    let at = 8
    for (const s of sections) {
      out.set(s, at)
      at += s.length
    }
    return out
  }

  private globalOf({ bytes }: VectorConstant): number {
    const key = bytes.join()
    const known = this.globals.get(key)
    if (known !== undefined) return known
    this.globals.set(key, this.globals.size)
    return this.globals.size - 1
  }

  private typeOf({ params, results }: Signature): number {
    const key = `${params.join()}>${results.join()}`
    const known = this.types.indexOf(key)
    if (known >= 0) return known
    const list = (types: readonly ValueType[]): number[] => [
      ...unsigned(types.length),
      ...types.map((t) => typeByte[t]),
    ]
    this.typeBytes.push([0x60, ...list(params), ...list(results)])
    return this.types.push(key) - 1
  }
}

const text = (s: string): number[] => {
  const bytes = new TextEncoder().encode(s)
  return [...unsigned(bytes.length), ...bytes]
}

const section = (id: number, entries: readonly (readonly number[])[]): Uint8Array => {
  const count = unsigned(entries.length)
  const length = entries.reduce((n, e) => n + e.length, count.length)
  const head = [id, ...unsigned(length), ...count]
  const out = new Uint8Array(head.length - count.length + length)
  out.set(head)
  let at = head.length
  for (const entry of entries) {
    out.set(entry, at)
    at += entry.length
  }
  return out
}
