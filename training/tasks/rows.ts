import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { dataFault, type DataFault } from '../data/fault'
import { streamLines } from '../data/read-text'
import type { Example, LeftOut, Split, TaskRows } from './task'

/** A row of a file: its fields by name. */
export interface Row {
  readonly line: number
  readonly fields: Readonly<Record<string, unknown>>
}

/** A line that has not as many cells as there are columns. */
export interface OddLine {
  readonly line: number
  readonly cells: number
  readonly columns: number
}

/** How a tab-separated file begins. */
export interface Columns {
  readonly names: readonly string[]
  /** Whether the first line is their names. */
  readonly hasHeader: boolean
  /** Cells that a line may have beyond them; they are passed over. */
  readonly beyond: number
}

const what = 'task file'

export const isJsonLines = (file: string): boolean => /\.(jsonl|ndjson)(\.gz|\.br)?$/i.test(file)

/** Rows of tab-separated values: tabs alone part cells, quotes are characters like any other. Blank lines are none. */
export async function* tsvRows(
  file: string,
  columnsOf: (first: readonly string[]) => Columns,
): AsyncGenerator<E.Either<DataFault, Row | OddLine>> {
  let columns: Columns | undefined
  for await (const next of streamLines(file, what)) {
    if (E.isLeft(next)) {
      yield next
      return
    }
    const { line, text } = next.right
    if (text === '') continue
    const cells = text.split('\t')
    if (columns === undefined) {
      columns = columnsOf(cells)
      if (columns.hasHeader) continue
    }
    const { names, beyond } = columns
    yield E.right(
      cells.length < names.length || cells.length > names.length + beyond
        ? { line, cells: cells.length, columns: names.length }
        : { line, fields: Object.fromEntries(names.map((name, i) => [name, cells[i]])) },
    )
  }
}

/** The first line is the names of the columns. */
export const header = (first: readonly string[]): Columns => ({ names: first, hasHeader: true, beyond: 0 })

/** One JSON object a line; blank lines are none. `is` what the file is, in faults. */
export async function* jsonRows(file: string, is = what): AsyncGenerator<E.Either<DataFault, Row>> {
  for await (const next of streamLines(file, is)) {
    if (E.isLeft(next)) {
      yield next
      return
    }
    const { line, text } = next.right
    if (text.trim() !== '') yield jsonObject(file, is, line, text)
  }
}

const jsonObject = (file: string, is: string, line: number, text: string): E.Either<DataFault, Row> => {
  const expected = 'one JSON object on a line'
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? E.right({ line, fields: { ...value } })
      : E.left(dataFault(is, `${file}:${line}`, expected, Array.isArray(value) ? 'an array' : JSON.stringify(value)))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return E.left(dataFault(is, `${file}:${line}`, expected, error.message))
  }
}

/** What becomes of a row: its examples; why the row or a part of it is left out; what was mended in it. */
export interface FromRow {
  readonly examples: readonly Example[]
  readonly leftOut?: readonly string[]
  readonly mended?: readonly string[]
}

/** Examples of a file, row by row. An id may come again in training rows alone: answers are told apart by it. */
export const examplesOf =
  <R extends { readonly line: number }>(
    file: string,
    split: Split,
    rows: AsyncGenerator<E.Either<DataFault, R>>,
    fromRow: (row: R) => E.Either<DataFault, FromRow>,
  ): TE.TaskEither<DataFault, TaskRows> =>
  async () => {
    const examples: Example[] = []
    const [leftOut, mended] = [reasons(file), reasons(file)]
    const lineOf = new Map<string, number>()
    for await (const row of rows) {
      if (E.isLeft(row)) return row
      const { line } = row.right
      const made = fromRow(row.right)
      if (E.isLeft(made)) return made
      made.right.leftOut?.forEach((why) => leftOut.add(line, why))
      made.right.mended?.forEach((why) => mended.add(line, why))
      for (const example of made.right.examples) {
        const before = lineOf.get(example.id)
        if (before !== undefined && split !== 'train')
          return E.left(
            dataFault('task row', `${file}:${line}`, 'each row once', `${example.id} again, as in line ${before}`),
          )
        lineOf.set(example.id, line)
        examples.push(example)
      }
    }
    return examples.length > 0 || leftOut.all().length > 0
      ? E.right({ examples, leftOut: leftOut.all(), mended: mended.all() })
      : E.left(dataFault(what, file, 'some rows', 'none'))
  }

/** Counts of rows by reason. */
const reasons = (file: string) => {
  const found = new Map<string, LeftOut>()
  return {
    all: (): readonly LeftOut[] => [...found.values()],
    add: (line: number, why: string): void => {
      const before = found.get(why) ?? { why, rows: 0, first: `${file}:${line}` }
      found.set(why, { ...before, rows: before.rows + 1 })
    },
  }
}
