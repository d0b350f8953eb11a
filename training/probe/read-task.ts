import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { streamDocuments } from '../data/read-text'
import { dataFault, type DataFault } from '../data/fault'

export interface Example {
  readonly text: string
  readonly label: string
}

/**
 * Rows of a file of tab-separated values (also .gz or .br): quotes are characters like any other. A column by name takes the first line for
 * a header; by number there is none.
 * left  an unreadable file, a column that is not there, a row without it.
 */
export const readExamples =
  (
    file: string,
    text: string | number,
    label: string | number,
    most = Infinity,
  ): TE.TaskEither<DataFault, readonly Example[]> =>
  async () => {
    const lines: string[] = []
    for await (const next of streamDocuments([file])) {
      if (E.isLeft(next)) return next
      lines.push(...next.right.text.split(/\r?\n/))
    }
    const hasHeader = typeof text === 'string' || typeof label === 'string'
    const header = hasHeader ? lines[0]!.replace(/^\uFEFF/, '').split('\t') : []
    const columnOf = (column: string | number): number => (typeof column === 'number' ? column : header.indexOf(column))
    const [textAt, labelAt] = [columnOf(text), columnOf(label)]
    for (const [column, at] of [
      [text, textAt],
      [label, labelAt],
    ] as const)
      if (at < 0)
        return E.left(dataFault('task file', file, `a column "${column}"`, header.map((c) => `"${c}"`).join(', ')))
    const examples: Example[] = []
    for (const [i, line] of lines.entries()) {
      if ((hasHeader && i === 0) || line.trim() === '') continue
      const cells = line.split('\t')
      const found = { text: cells[textAt], label: cells[labelAt] }
      if (found.text === undefined || found.label === undefined)
        return E.left(
          dataFault('task file', `${file}:${i + 1}`, `${Math.max(textAt, labelAt) + 1} columns`, `${cells.length}`),
        )
      examples.push({ text: found.text, label: found.label })
      if (examples.length >= most) break
    }
    return E.right(examples)
  }
