import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import { codecFaults } from '../../core'
import { dataFault, type DataFault } from '../data/fault'
import type { Row } from './rows'

/** Codecs of what stands in a row. */

/** One of the labels, by its number. Where all are whole numbers, JSON may have them as such. */
export const ClassOf = (labels: readonly string[]): t.Type<number, string> => {
  const areNumbers = labels.every((label) => /^\d+$/.test(label))
  const classOf = (u: unknown): number =>
    labels.findIndex((label) => label === u || (areNumbers && Number(label) === u))
  return new t.Type<number, string, unknown>(
    labels.join(' | '),
    (u): u is number => typeof u === 'number' && labels[u] !== undefined,
    (u, context) => (classOf(u) >= 0 ? t.success(classOf(u)) : t.failure(u, context)),
    (c) => labels[c]!,
  )
}

/** Labels of a truth value, as JSON writes them. */
export const truths = ['false', 'true']

/** A truth value of JSON, as the number of its label. */
export const Truth = new t.Type<number, boolean, unknown>(
  truths.join(' | '),
  (u): u is number => u === 0 || u === 1,
  (u, context) => (typeof u === 'boolean' ? t.success(Number(u)) : t.failure(u, context)),
  (c) => c === 1,
)

/** A number in a range, as a number or as its text. */
export const NumberIn = (from: number, to: number): t.Type<number, number> => {
  const valueOf = (u: unknown): number =>
    typeof u === 'string' && u.trim() !== '' ? Number(u) : typeof u === 'number' ? u : NaN
  const isIn = (x: number): boolean => x >= from && x <= to
  return new t.Type<number, number, unknown>(
    `a number from ${from} to ${to}`,
    (u): u is number => typeof u === 'number' && isIn(u),
    (u, context) => (isIn(valueOf(u)) ? t.success(valueOf(u)) : t.failure(u, context)),
    t.identity,
  )
}

/** The number of a row, as a whole number or as its text. */
export const Index = new t.Type<string, string, unknown>(
  'a whole number ≥ 0',
  (u): u is string => typeof u === 'string' && /^\d+$/.test(u),
  (u, context) =>
    (typeof u === 'number' && Number.isSafeInteger(u) && u >= 0) || (typeof u === 'string' && /^\d+$/.test(u))
      ? t.success(String(Number(u)))
      : t.failure(u, context),
  t.identity,
)

/** A field of a row. left  what it should have been, with file, line and the field's name */
export const fieldOf = <A>(file: string, row: Row, name: string, codec: t.Type<A, unknown>): E.Either<DataFault, A> => {
  const decoded = codec.decode(row.fields[name])
  return E.isRight(decoded) ? decoded : E.left(rowFault(file, row.line, name, decoded.left))
}

/** The first thing that is wrong with a row. `within` what it was found. */
export const rowFault = (file: string, line: number, within: string, errors: t.Errors): DataFault => {
  const { key, expected, got } = codecFaults(errors)[0]!
  const field = [within, key].filter((part) => part !== '').join('.')
  return dataFault('task row', `${file}:${line}${field === '' ? '' : `, ${field}`}`, expected, got)
}
