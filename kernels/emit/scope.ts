import type { Atom, Axis, Index, Scalar } from '../../core'
import { childrenOf } from './rebuild'

/**
 * Where a value is first known: 0 before all loops, d inside the d-th loop. Values stand as far out as they can, so that
 * nothing is computed again in a loop that it does not depend on.
 */
export class Levels {
  private readonly depth = new Map<string, number>()
  private readonly scalars = new Map<string, number>()

  constructor(loops: readonly Axis[]) {
    loops.forEach((axis, i) => this.depth.set(axis.name, i + 1))
  }

  index(x: Index): number {
    return x.terms.reduce((level, t) => Math.max(level, this.atom(t.atom)), 0)
  }

  atom(a: Atom): number {
    switch (a.tag) {
      case 'axis':
        return this.depth.get(a.name) ?? 0
      case 'div':
      case 'mod':
        return this.index(a.x)
      case 'data':
        return this.scalar(a.value)
    }
  }

  scalar(s: Scalar): number {
    const known = this.scalars.get(s.key)
    if (known !== undefined) return known
    const own = s.tag === 'load' || s.tag === 'index' ? this.index(s.index) : 0
    const level = childrenOf(s).reduce((max, part) => Math.max(max, this.scalar(part)), own)
    this.scalars.set(s.key, level)
    return level
  }
}

/** Statements by loop depth, with the variables already set. Variables of outer depths are seen inside. */
export class Scope {
  private readonly names = new Map<string, string>()
  readonly lines: string[][]
  private count = 0

  constructor(
    depth: number,
    private readonly outer?: Scope,
    private readonly prefix = 'v',
    private readonly word: 'const' | 'let' = 'const',
  ) {
    this.lines = Array.from({ length: depth + 1 }, () => [])
  }

  find(key: string): string | undefined {
    return this.names.get(key) ?? this.outer?.find(key)
  }

  /** Sets a new variable at a depth, unless `key` already has one. */
  keep(level: number, key: string, text: string): string {
    const known = this.find(key)
    if (known !== undefined) return known
    // What no loop changes is set once, before the first of several loop nests.
    if (level === 0 && this.outer !== undefined) return this.outer.keep(0, key, text)
    const name = `${this.prefix}${this.count++}`
    this.lines[level]!.push(`${this.word} ${name} = ${text};`)
    this.names.set(key, name)
    return name
  }

  add(level: number, ...lines: readonly string[]): void {
    if (level === 0 && this.outer !== undefined) this.outer.add(0, ...lines)
    else this.lines[level]!.push(...lines)
  }

  /** A variable name that nothing else has. */
  fresh(level: number): string {
    return level === 0 && this.outer !== undefined ? this.outer.fresh(0) : `${this.prefix}${this.count++}`
  }

  name(key: string, name: string, level: number): void {
    if (level === 0 && this.outer !== undefined) this.outer.name(key, name, 0)
    else this.names.set(key, name)
  }
}

/** A scope after loops: its variables come there, and those before the loops are known as well. */
export class After extends Scope {
  constructor(
    private readonly earlier: Scope,
    word: 'const' | 'let' = 'const',
  ) {
    super(0, undefined, 'w', word)
  }
  override find(key: string): string | undefined {
    return super.find(key) ?? this.earlier.find(key)
  }
}
