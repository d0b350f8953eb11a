/** A function that kernels call, in the form gpu.js takes. All arguments and results are of one type. */
export interface HelperFunction {
  readonly name: string
  readonly source: string
  readonly type: 'Integer' | 'Number'
  readonly arity: number
}

const define = (type: 'Integer' | 'Number', text: string): HelperFunction => {
  const [, name, args] = /^function (\w+)\(([^)]*)\)/.exec(text)!
  return { name: name!, source: text, type, arity: args!.split(',').length }
}
const int = (text: string): HelperFunction => define('Integer', text)

/**
 * Exact floor division of integers 0 <= i < 2^31 by n >= 1. `/` is a float division in gpu.js, whatever its operands: its
 * quotient is corrected by the remainder, which integer arithmetic gives exactly; a second time for quotients beyond 2^23.
 */
const division: readonly HelperFunction[] = [
  int('function quot(i, n) { return Math.floor(i / n); }'),
  int('function more(i, n, q) { return q + quot(i - q * n, n); }'),
  int('function fix(n, q, r) { return r < 0 ? q - 1 : (r >= n ? q + 1 : q); }'),
  int('function fixed(i, n, q) { return fix(n, q, i - q * n); }'),
  int('function idiv(i, n) { return fixed(i, n, more(i, n, quot(i, n))); }'),
  int('function rest(i, n, q) { return i - q * n; }'),
  int('function imod(i, n) { return rest(i, n, idiv(i, n)); }'),
]

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const
const parity = 0x1bd11bda

/** The key word that group g of four rounds adds to each half of the state (k2 is the parity word). */
const injected = (g: number): readonly [string, string] => {
  const keys = ['k0', 'k1', 'k2'] as const
  return [keys[(g + 1) % 3]!, keys[(g + 2) % 3]!]
}

/** Statements on integer variables x and y, for modes where arguments can be assigned to. */
export const threefryStatements = (x: string, y: string, k0: string, k1: string, k2: string): readonly string[] => {
  const key: Record<string, string> = { k0, k1, k2 }
  const lines: string[] = []
  for (let round = 0; round < 20; round++) {
    const by = rotations[round % 8]!
    lines.push(`${x} = (${x} + ${y}) | 0;`, `${y} = ((${y} << ${by}) | (${y} >>> ${32 - by})) ^ ${x};`)
    if (round % 4 !== 3) continue
    const group = (round - 3) / 4
    const [inX, inY] = injected(group)
    lines.push(`${x} = (${x} + ${key[inX]}) | 0;`, `${y} = (${y} + ${key[inY]} + ${group + 1}) | 0;`)
  }
  return lines
}

/** Threefry-2x32 with 20 rounds (Salmon et al. 2011, §4.3), word 0 or 1, as one function on integer arguments. */
const threefry = (word: 0 | 1): readonly HelperFunction[] => {
  const body = threefryStatements('x', 'y', 'k0', 'k1', 'k2').join(' ')
  return [
    int(`function run${word}(x, y, k0, k1, k2) { ${body} return ${word === 0 ? 'x' : 'y'}; }`),
    int(`function threefry${word}(k0, k1, c0, c1) {
      return run${word}((c0 + k0) | 0, (c1 + k1) | 0, k0, k1, (${parity} ^ k0) ^ k1);
    }`),
  ]
}

/** The functions that a program calls, by the name of what it asks for. */
export type HelperSet = 'division' | 'threefry0' | 'threefry1'

export const helperFunctions = (sets: ReadonlySet<HelperSet>): readonly HelperFunction[] => [
  ...(sets.has('division') ? division : []),
  ...(sets.has('threefry0') ? threefry(0) : []),
  ...(sets.has('threefry1') ? threefry(1) : []),
]
