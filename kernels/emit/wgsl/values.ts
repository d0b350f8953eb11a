import type { Atom, Index, Scalar, ScalarType, ThreefryBits, UnaryFn } from '../../../core'
import type { Scope } from '../scope'
import { type Levels } from '../scope'
import { f32Text } from './functions'

export const wgslType: Readonly<Record<ScalarType, string>> = { real: 'f32', int: 'i32', bool: 'bool' }

export interface ValueContext {
  readonly scope: Scope
  readonly levels: Levels
  /** The i32 variable of an axis. */
  readonly axis: (name: string) => string
  /** A value in memory at an i32 place, as the type of the scalar. `print`: the text of another place made of the same axes. */
  readonly load: (slot: number, place: Index, text: string, print: (x: Index) => string) => string
  /** The finished reduction. */
  readonly acc: string
  /** A function of functions.ts is called. */
  readonly uses: (name: string) => void
}

/** Prints scalars and indices as WGSL, every value in a variable of its own as far out in the loops as it is known. */
export class WgslValues {
  constructor(private readonly at: ValueContext) {}

  /** A variable or a literal. */
  value(s: Scalar): string {
    if (s.tag === 'const') return this.constant(s.value, s.type)
    if (s.tag === 'acc') return this.at.acc
    const known = this.at.scope.find(s.key)
    if (known !== undefined) return known
    const text = this.compute(s)
    return this.at.scope.keep(this.at.levels.scalar(s), s.key, text)
  }

  /** An exact i32. */
  index(x: Index): string {
    if (x.max >= 2 ** 31 || x.min < -(2 ** 31)) throw new Error(`internal: index beyond 32 bits: ${x.key}`)
    const parts = x.terms.map(({ coef, atom, key }) => {
      const text = this.atom(atom, key)
      return coef === 1 ? text : `${text} * ${intText(coef)}`
    })
    if (x.constant !== 0 || parts.length === 0) parts.push(intText(x.constant))
    return parts.length === 1 ? parts[0]! : `(${parts.join(' + ')})`
  }

  private atom(atom: Atom, key: string): string {
    if (atom.tag === 'axis') return this.at.axis(atom.name)
    const known = this.at.scope.find(`@${key}`)
    if (known !== undefined) return known
    return this.at.scope.keep(this.at.levels.atom(atom), `@${key}`, this.atomText(atom))
  }

  private atomText(atom: Exclude<Atom, { tag: 'axis' }>): string {
    if (atom.tag === 'data') return `clamp(${this.as('int', atom.value)}, 0, ${atom.size - 1})`
    const { x, by } = atom
    // Floor division: below zero the numerator is moved to the right side of it first.
    const shift = x.min < 0 ? Math.ceil(-x.min / by) : 0
    const text =
      shift === 0
        ? this.index(x)
        : this.index({ ...x, constant: x.constant + shift * by, min: x.min + shift * by, max: x.max + shift * by })
    if (atom.tag === 'mod') return `(${text}) % ${by}`
    return shift === 0 ? `(${text}) / ${by}` : `(${text}) / ${by} - ${shift}`
  }

  private constant(value: number, type: ScalarType): string {
    if (type === 'bool') return value === 0 ? 'false' : 'true'
    if (type === 'int') return intText(value)
    if (Number.isNaN(value)) this.at.uses('nan')
    else if (!Number.isFinite(Math.fround(value))) this.at.uses('infinity')
    return f32Text(value)
  }

  private call(name: string, x: Scalar): string {
    return this.called(name, this.value(x))
  }

  private called(name: string, ...args: readonly string[]): string {
    this.at.uses(name)
    return `${name}(${args.join(', ')})`
  }

  private compute(s: Exclude<Scalar, { tag: 'const' | 'acc' }>): string {
    switch (s.tag) {
      case 'load':
        return this.at.load(s.slot, s.index, this.index(s.index), (x) => this.index(x))
      case 'index':
        return this.index(s.index)
      case 'unary':
        return this.unary(s.fn, s.x)
      case 'binary':
        return this.binary(s)
      case 'select':
        return this.chosen(s)
      case 'threefry':
        return this.drawn(s.bits, s.args)
    }
  }

  /** As another type: positions and truth values may stand beside numbers. */
  private as(type: 'real' | 'int', s: Scalar): string {
    const text = this.value(s)
    return s.type === type ? text : `${wgslType[type]}(${text})`
  }

  /** As a truth value, whatever it is. */
  private truth(s: Scalar): string {
    return s.type === 'bool' ? this.value(s) : `(${this.value(s)} != 0)`
  }

  private chosen({ cond, x, y, type }: Scalar & { tag: 'select' }): string {
    const branch = (s: Scalar): string => (s.type === type || type === 'bool' ? this.value(s) : this.as(type, s))
    return `select(${branch(y)}, ${branch(x)}, ${this.truth(cond)})`
  }

  private unary(fn: UnaryFn, x: Scalar): string {
    const real = x.type === 'real'
    switch (fn) {
      case 'neg':
        return real ? this.call('negated', x) : `-${this.value(x)}`
      case 'abs':
        return real ? this.call('magnitude', x) : `abs(${this.value(x)})`
      case 'sign':
        return real ? this.call('signOf', x) : `sign(${this.value(x)})`
      case 'exp':
        return this.call('exponential', x)
      case 'log':
        return this.call('logarithm', x)
      case 'tanh':
        return this.call('hyperbolicTangent', x)
      case 'erf':
        return this.call('errorFunction', x)
      case 'sin':
        return this.call('sine', x)
      case 'cos':
        return this.call('cosine', x)
      case 'sqrt':
      case 'floor':
        return `${fn}(${this.value(x)})`
      case 'roundF16':
        return this.call('toF16', x)
      case 'roundBf16':
        return this.call('toBf16', x)
      case 'trunc':
        return x.type === 'int' ? this.value(x) : `i32(${this.value(x)})`
      case 'toNumber':
        return real ? this.value(x) : `f32(${this.value(x)})`
      case 'not':
        return `!${this.truth(x)}`
      case 'isTrue':
        return this.truth(x)
    }
  }

  private binary(s: Scalar & { tag: 'binary' }): string {
    const { fn, x, y } = s
    const real = x.type === 'real' || y.type === 'real'
    const [a, b] =
      x.type === y.type && (x.type !== 'bool' || fn === 'eq')
        ? [this.value(x), this.value(y)]
        : real
          ? [this.as('real', x), this.as('real', y)]
          : [this.as('int', x), this.as('int', y)]
    switch (fn) {
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
        return `${a} ${operators[fn]} ${b}`
      case 'max':
        return real ? this.called('most', a, b) : `max(${a}, ${b})`
      case 'min':
        return real ? this.called('least', a, b) : `min(${a}, ${b})`
      case 'and':
      case 'or':
        return `${this.truth(x)} ${fn === 'and' ? '&&' : '||'} ${this.truth(y)}`
      case 'lt':
        // A compiler that assumes no infinity makes this true for all.
        if (real && y.tag === 'const' && y.value === Infinity) return this.called('belowInfinity', a)
        return `${a} < ${b}`
      case 'le':
        return `${a} <= ${b}`
      case 'eq':
        return `${a} == ${b}`
    }
  }

  private drawn({ site, word, shift, bits }: ThreefryBits, args: readonly Scalar[]): string {
    this.at.uses('threefry')
    const [seedLo, seedHi, streamLo, streamHi, element] = args.map((a) => `u32(${this.value(a)})`)
    const key = `vec2<u32>((${seedHi} << 16u) | ${seedLo}, ${site >>> 0}u)`
    const counter = `vec2<u32>(${element}, (${streamHi} << 16u) | ${streamLo})`
    return `i32((threefry(${key}, ${counter})[${word}] >> ${shift}u) & ${2 ** bits - 1}u)`
  }
}

const operators = { add: '+', sub: '-', mul: '*', div: '/' } as const

export const intText = (n: number): string => (n < 0 ? `(${n})` : String(n))
