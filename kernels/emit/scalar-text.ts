import type { Index, Scalar, ThreefryBits, UnaryFn } from '../../core'
import { erfFormula, infinityText, literal, roundFormula, sineFormula, tanhFormula, type Formula } from './formulas'
import type { GpujsMode } from './gpujs'
import type { HelperSet } from './gpujs-functions'
import type { Levels, Scope } from './scope'

/** Values as kernel text. Truth values are conditions while they are computed, and 0 or 1 once they are stored. */
export interface ScalarPrinter {
  /** A number, as an expression for statements at the value's own depth. */
  readonly number: (s: Scalar) => string
  /** The same for a statement at `level`: what is known further out is kept there. */
  readonly numberAt: (s: Scalar, level: number) => string
  /** A number as a variable or a plain literal. */
  readonly name: (s: Scalar) => string
  /** Text of the greater of two numbers, NaN if one is. */
  readonly greater: (x: string, y: string) => string
}

export interface ScalarContext {
  readonly mode: GpujsMode
  readonly scope: Scope
  readonly levels: Levels
  readonly uses: ReadonlyMap<string, number>
  readonly index: (x: Index) => string
  readonly load: (slot: number, x: Index) => string
  readonly needs: (set: HelperSet) => void
}

/** Longer expressions are cut by a variable: compilers recurse over them. */
const longestText = 300

export const scalarPrinter = (at: ScalarContext): ScalarPrinter => {
  const { mode, scope, levels } = at

  const keep = (s: Scalar, text: string): string => scope.keep(levels.scalar(s), s.key, text)
  const keepLines = (s: Scalar, formula: Formula): string => {
    scope.add(levels.scalar(s), ...formula.lines)
    return keep(s, formula.result)
  }
  const fresh = (s: Scalar) => (): string => scope.fresh(levels.scalar(s))

  const constant = (value: number): string => {
    if (Number.isFinite(Math.fround(value))) return literal(value)
    if (Number.isNaN(value)) return mode === 'webgl2' ? 'notANumber()' : '(0 / 0)'
    return value > 0 ? infinityText(mode) : `(-${infinityText(mode)})`
  }

  const numberAt = (s: Scalar, level: number): string => {
    const known = scope.find(s.key)
    if (known !== undefined) return known
    if (s.tag === 'const') return constant(s.value)
    if (s.tag === 'acc') return 'acc0'
    // Reads always get a variable: outside of conditions they are whole vectors in webasm.
    if (s.tag === 'load' || s.tag === 'index') return name(s)
    const text = compute(s)
    const made = scope.find(s.key)
    if (made !== undefined) return made
    const kept = (at.uses.get(s.key) ?? 0) > 1 || levels.scalar(s) < level || text.length > longestText
    return kept ? keep(s, text) : text
  }
  const number = (s: Scalar): string => numberAt(s, levels.scalar(s))

  const name = (s: Scalar): string => {
    const known = scope.find(s.key)
    if (known !== undefined) return known
    switch (s.tag) {
      case 'const':
        return constant(s.value)
      case 'acc':
        return 'acc0'
      case 'load':
        return keep(s, at.load(s.slot, s.index))
      case 'index':
        return s.index.terms.length === 0 ? literal(s.index.constant) : keep(s, at.index(s.index))
      default:
        return keep(s, compute(s))
    }
  }

  /** An expression of the value, not kept. Operands that stand further out are kept there. */
  const compute = (s: Scalar): string => {
    if (s.type === 'bool' && s.tag !== 'select') return `(${condition(s)} ? 1 : 0)`
    const level = levels.scalar(s)
    switch (s.tag) {
      case 'unary':
        return applied(s.fn, s, s.x)
      case 'binary': {
        const [x, y] = [numberAt(s.x, level), numberAt(s.y, level)]
        switch (s.fn) {
          case 'add':
            return `(${x} + ${y})`
          case 'sub':
            return `(${x} - ${y})`
          case 'mul':
            return `(${x} * ${y})`
          case 'div':
            return `(${x} / ${y})`
          case 'max':
            return greater(x, y)
          case 'min':
            return smaller(x, y)
          default:
            throw new Error(`internal: ${s.fn} is not a number`)
        }
      }
      case 'select':
        return `(${condition(s.cond, level)} ? ${numberAt(s.x, level)} : ${numberAt(s.y, level)})`
      case 'threefry':
        return drawn(s.bits, s.args)
      default:
        return name(s)
    }
  }

  const applied = (fn: UnaryFn, s: Scalar, x: Scalar): string => {
    const arg = (): string => numberAt(x, levels.scalar(s))
    switch (fn) {
      case 'neg':
        return mode === 'webgl2' && x.type === 'real' ? `negated(${arg()})` : `(-${arg()})`
      case 'log':
        return mode === 'webgl2' ? `logarithm(${arg()})` : `Math.log(${arg()})`
      case 'exp':
        return mode === 'webgl2' ? `exponential(${arg()})` : `Math.exp(${arg()})`
      case 'abs':
        return mode === 'webgl2' ? `magnitude(${arg()})` : `Math.abs(${arg()})`
      case 'sqrt':
      case 'floor':
      case 'trunc':
        return `Math.${fn}(${arg()})`
      case 'sin':
      case 'cos':
        return mode === 'webgl2' ? keepLines(s, sineFormula(fn, name(x), fresh(s))) : `Math.${fn}(${arg()})`
      case 'tanh':
        return mode === 'cpu' ? `Math.tanh(${arg()})` : keepLines(s, tanhFormula(name(x), fresh(s)))
      case 'erf':
        return keepLines(s, erfFormula(name(x), fresh(s)))
      case 'sign': {
        const v = name(x)
        return `(${v} > 0 ? 1 : (${v} < 0 ? (-1) : ${v}))`
      }
      case 'roundF16':
      case 'roundBf16': {
        const kind = fn === 'roundF16' ? 'f16' : 'bf16'
        if (mode === 'webgl2') return `${kind === 'f16' ? 'toF16' : 'toBf16'}(${arg()})`
        return keepLines(s, roundFormula(kind, name(x), mode, fresh(s)))
      }
      case 'toNumber':
        return arg()
      case 'not':
      case 'isTrue':
        return `(${condition(s)} ? 1 : 0)`
    }
  }

  const condition = (s: Scalar, level: number = levels.scalar(s)): string => {
    if (s.type !== 'bool') return `(${numberAt(s, level)} !== 0)`
    if (
      scope.find(s.key) !== undefined ||
      levels.scalar(s) < level ||
      ((at.uses.get(s.key) ?? 0) > 1 && !busy.has(s.key))
    ) {
      if (s.tag !== 'const') {
        busy.add(s.key)
        const kept = name(s)
        busy.delete(s.key)
        return `(${kept} > 0.5)`
      }
    }
    switch (s.tag) {
      case 'const':
        return s.value === 0 ? '(1 < 0)' : '(0 < 1)'
      case 'unary':
        return s.fn === 'not'
          ? `(!${condition(s.x, level)})`
          : s.x.type === 'bool'
            ? condition(s.x, level)
            : `(${numberAt(s.x, level)} !== 0)`
      case 'binary': {
        if (s.fn === 'and') return `(${condition(s.x, level)} && ${condition(s.y, level)})`
        if (s.fn === 'or') return `(${condition(s.x, level)} || ${condition(s.y, level)})`
        const sign = s.fn === 'eq' ? '===' : s.fn === 'lt' ? '<' : s.fn === 'le' ? '<=' : undefined
        if (sign === undefined) break
        // Positions are compared as integers: a float does not hold those above 2^24.
        if (s.fn === 'lt' && mode === 'webgl2' && s.y.tag === 'const' && s.y.value === Infinity)
          return `(belowInfinity(${numberAt(s.x, level)}) > 0.5)`
        if (isPosition(s.x) && isPosition(s.y) && (s.x.tag === 'index' || s.y.tag === 'index'))
          return `(${position(s.x)} ${sign} ${position(s.y)})`
        return `(${numberAt(s.x, level)} ${sign} ${numberAt(s.y, level)})`
      }
      default:
        break
    }
    return `(${number(s)} > 0.5)`
  }
  const busy = new Set<string>()

  const position = (s: Scalar): string =>
    s.tag === 'index' ? at.index(s.index) : s.tag === 'const' ? literal(s.value) : ''

  const greater = (x: string, y: string): string => chosen('most', 'max', x, y)
  const smaller = (x: string, y: string): string => chosen('least', 'min', x, y)
  const chosen = (own: string, math: string, x: string, y: string): string =>
    mode === 'webgl2' ? `${own}(${x}, ${y})` : `Math.${math}(${x}, ${y})`

  const drawn = ({ site, word, shift, bits }: ThreefryBits, args: readonly Scalar[]): string => {
    const [seedLo, seedHi, streamLo, streamHi, element] = args as readonly [Scalar, Scalar, Scalar, Scalar, Scalar]
    if (mode === 'webgl2') {
      const [lo, hi, low, high] = [seedLo, seedHi, streamLo, streamHi].map(name)
      const at32 = element.tag === 'index' ? at.index(element.index) : name(element)
      return `threefry${word}(${lo}, ${hi}, ${literal(site | 0)}, ${at32}, ${low}, ${high}, ${shift}, ${2 ** bits - 1})`
    }
    at.needs(word === 0 ? 'threefry0' : 'threefry1')
    const joined = (lo: Scalar, hi: Scalar): string => `((${name(hi)} << 16) | (${name(lo)} | 0))`
    const counter = element.tag === 'index' ? at.index(element.index) : `(${name(element)} | 0)`
    const call = `threefry${word}(${joined(seedLo, seedHi)}, ${literal(site | 0)}, ${counter}, ${joined(streamLo, streamHi)})`
    return `(${shift === 0 ? call : `(${call} >>> ${shift})`} & ${2 ** bits - 1})`
  }

  return { number, numberAt, name, greater }
}

const isPosition = (s: Scalar): boolean =>
  s.tag === 'index' || (s.tag === 'const' && Number.isInteger(s.value) && Math.abs(s.value) < 2 ** 31)
