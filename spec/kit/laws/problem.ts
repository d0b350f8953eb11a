import { showAval, threefry2x32, type Aval, type Expr } from '../../../core'
import { showNumber } from '../assert-close'

/** One input of a problem: its numbers, row-major, at a few points. */
export interface Argument {
  readonly name: string
  readonly aval: Aval
  /** At least one. The laws of differentiation look at the first, those of vmap at all. */
  readonly points: readonly (readonly number[])[]
  /** No derivative is taken with respect to it. Always so for integers and truth values. */
  readonly fixed: boolean
  /** vmap closes over its first point instead of batching it. */
  readonly shared: boolean
}

/** A function of arrays and where to look at it: what every law takes. */
export interface Problem {
  readonly name: string
  readonly f: (...args: readonly Expr[]) => Expr
  readonly args: readonly Argument[]
  /** Chooses directions and cotangents. */
  readonly salt: number
}

/** A law that does not hold: which, and what was found. */
export interface LawFault {
  readonly law: string
  /** What should be equal. */
  readonly statement: string
  readonly got: string
  readonly want: string
  readonly error?: string
  /** Where the difference is. */
  readonly where?: string
  /** Directions and cotangents, by name. */
  readonly with?: Readonly<Record<string, readonly number[]>>
}

export class LawError extends Error {
  readonly _tag = 'LawError'
  constructor(
    readonly fault: LawFault,
    readonly problem: Problem,
  ) {
    super(showFault(fault, problem))
    this.name = 'LawError'
  }
}

/** The fault and the problem in a few aligned lines. */
export const showFault = (fault: LawFault, problem: Problem): string =>
  [
    `${problem.name} breaks the law of ${fault.law}: ${fault.statement}`,
    ...aligned([
      ...rowsOf(problem),
      ...Object.entries(fault.with ?? {}).map(([name, data]): Row => [name, showNumbers(data)]),
      ...(fault.where === undefined ? [] : [['at', fault.where] as const]),
      ['got', fault.got],
      ['want', fault.want],
      ...(fault.error === undefined ? [] : [['error', fault.error] as const]),
    ]),
  ].join('\n')

type Row = readonly [name: string, text: string]

/** The inputs at the first point, one a line. */
export const showProblem = (problem: Problem): readonly string[] => aligned(rowsOf(problem))

const rowsOf = (problem: Problem): readonly Row[] =>
  problem.args.map(({ name, aval, points }) => [name, `${showAval(aval)} = ${showNumbers(points[0]!)}`])

/** Names and texts in two columns. */
export const aligned = (rows: readonly Row[]): readonly string[] => {
  const width = Math.max(7, ...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)
}

export const showNumbers = (data: readonly number[]): string =>
  data.length > 12
    ? `[${data.slice(0, 12).map(showNumber).join(', ')}, ... ${data.length} numbers]`
    : `[${data.map(showNumber).join(', ')}]`

/** `n` multiples of 1/8 in [-1, 1] without 0, chosen by the problem's salt: directions and cotangents. */
export const noise = (salt: number, stream: number, n: number): readonly number[] =>
  Array.from({ length: n }, (_, i) => {
    const k = threefry2x32(salt, stream, i, 0)[0] % 16
    return (k < 8 ? k - 8 : k - 7) / 8
  })
