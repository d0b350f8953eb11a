import type { Atom, Index, Scalar } from '../../core'
import type { GpujsMode } from './gpujs'
import type { HelperSet } from './gpujs-functions'

/**
 * Indices as exact integer text. What is exact differs (gpu.js 2.24.1; every form is held to by spec/kernels/emit):
 * - `/` and `%` are float operations, exact below 2^24 where the division is correctly rounded (not in GLSL);
 * - a variable holds a float in webasm and webgl2, whatever it is set to; `v | 0` is an integer again;
 * - `+ - *` of integers, `<< >> & |` and `this.thread.x` are 32-bit integers. In webgl2 those on bits are loops over them that are
 *   wrong below zero: functions of glsl-functions.ts stand in their place.
 */
export interface IndexPrinter {
  /** An expression of type Integer (a plain number for a constant). */
  readonly text: (x: Index) => string
}

export interface IndexContext {
  readonly mode: GpujsMode
  /** The variable of an axis, as an integer expression. */
  readonly axis: (name: string) => string
  /** Keeps a number in a variable where its value is first known; gives its name. */
  readonly keep: (key: string, atom: Atom, text: string) => string
  /** A data-dependent value, as text that may be used twice. */
  readonly number: (s: Scalar) => string
  readonly uses: (set: HelperSet) => void
}

const exactFloat = 2 ** 24

export const indexPrinter = (at: IndexContext): IndexPrinter => {
  const hasBits = at.mode !== 'webgl2'
  const text = (x: Index): string => {
    if (x.max >= 2 ** 31 || x.min < -(2 ** 31)) throw new Error(`internal: index beyond 32 bits: ${x.key}`)
    const plus = x.terms.filter((t) => t.coef > 0).map((t) => scaled(atom(t.atom, t.key), t.coef))
    const minus = x.terms.filter((t) => t.coef < 0).map((t) => scaled(atom(t.atom, t.key), -t.coef))
    if (x.constant > 0 || plus.length === 0) plus.push(String(Math.max(0, x.constant)))
    if (x.constant < 0) minus.push(String(-x.constant))
    // Constants stand first only when alone: a sum starts with an integer variable, which makes all of it integer.
    const sum = plus.join(' + ') + minus.map((m) => ` - ${m}`).join('')
    return plus.length + minus.length === 1 ? sum : `(${sum})`
  }
  const scaled = (atomText: string, by: number): string => (by === 1 ? atomText : `${atomText} * ${by}`)

  const atom = (a: Atom, key: string): string => {
    switch (a.tag) {
      case 'axis':
        return at.axis(a.name)
      case 'div':
        return divided(a, key, a.x, a.by)
      case 'mod':
        return remainder(a, key, a.x, a.by)
      case 'data': {
        const value = at.number(a.value)
        return asInteger(at.keep(key, a, `Math.min(Math.max(${value}, 0), ${Math.min(a.size - 1, exactFloat)})`))
      }
    }
  }
  const asInteger = (name: string): string => (at.mode === 'webgl2' ? `whole(${name})` : `(${name} | 0)`)

  const divided = (a: Atom, key: string, x: Index, by: number): string => {
    if (hasBits && isPowerOfTwo(by)) return keepSmall(a, key, `(${text(x)} >> ${Math.log2(by)})`, x.max / by)
    return keepSmall(a, key, quotient(x, by), Math.max(x.max, -x.min) / by)
  }
  const remainder = (a: Atom, key: string, x: Index, by: number): string => {
    if (hasBits && isPowerOfTwo(by)) return keepSmall(a, key, `(${text(x)} & ${by - 1})`, by)
    if (x.min < 0) {
      // The remainder of a floor division: shift to the right side of zero first.
      const shift = Math.ceil(-x.min / by) * by
      return remainder(a, key, { ...x, constant: x.constant + shift, min: x.min + shift, max: x.max + shift }, by)
    }
    if (at.mode === 'cpu') return keepSmall(a, key, `(${text(x)} % ${by})`, by)
    if (inline(x)) return keepSmall(a, key, `(${text(x)} - ${quotient(x, by)} * ${by})`, by)
    if (hasBits) at.uses('division')
    return keepSmall(a, key, `imod(${text(x)}, ${by})`, by)
  }
  const quotient = (x: Index, by: number): string => {
    if (x.min < 0) {
      const shift = Math.ceil(-x.min / by)
      const moved = { ...x, constant: x.constant + shift * by, min: x.min + shift * by, max: x.max + shift * by }
      return `(${quotient(moved, by)} - ${shift})`
    }
    if (at.mode === 'cpu' || inline(x)) return `((${text(x)} / ${by}) | 0)`
    if (hasBits) at.uses('division')
    return `idiv(${text(x)}, ${by})`
  }
  /** The float quotient truncates to the exact one: webasm divides as IEEE 754 says, and both numbers are exact. */
  const inline = (x: Index): boolean => at.mode === 'webasm' && x.max < exactFloat

  const keepSmall = (a: Atom, key: string, value: string, bound: number): string =>
    at.mode === 'cpu' || bound < exactFloat ? asInteger(at.keep(key, a, value)) : value

  return { text }
}

const isPowerOfTwo = (n: number): boolean => (n & (n - 1)) === 0 && n > 0
