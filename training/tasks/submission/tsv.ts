import * as E from 'fp-ts/Either'
import type * as t from 'io-ts'
import { codecFaults } from '../../../core'
import { dataFault, type DataFault } from '../../data/fault'
import { streamLines } from '../../data/read-text'
import { answered } from '../answers'
import { ClassOf, Index, NumberIn } from '../fields'
import type { Answer, Task } from '../task'
import { chosen, inOrder, what, type Prediction } from './in-order'

/**
 * GLUE's form: `index TAB prediction` as a header, then a line a row (recipe 8.1: gluebenchmark.com as jiant writes it).
 */
const firstLine = 'index\tprediction'

/** Predictions are labels. */
export const classTsv = (file: string, labels: readonly string[]): Task['submission'] =>
  tsv(
    file,
    ClassOf(labels),
    ({ value }) => labels[value]!,
    (c) => chosen(c, labels.length),
  )

/** Predictions are numbers, cut to the range of the labels (STS-B: 0 to 5). */
export const valueTsv = (file: string, [from, to]: readonly [number, number]): Task['submission'] =>
  tsv(
    file,
    NumberIn(from, to),
    ({ value }) => String(Math.min(to, Math.max(from, value))),
    (x) => ({ value: x, scores: [x] }),
  )

const tsv = (
  file: string,
  codec: t.Type<number, unknown>,
  show: (answer: Answer) => string,
  answerOf: (value: number) => Answer,
): Task['submission'] => ({
  file,
  write: (examples, answers) =>
    [firstLine, ...answered(examples, answers).map(([{ id }, answer]) => `${id}\t${show(answer)}`), ''].join('\n'),
  read: (path, examples) => async () => {
    const predictions: Prediction[] = []
    let lines = 0
    for await (const next of streamLines(path, what)) {
      if (E.isLeft(next)) return next
      const { line, text } = next.right
      if (text === '') continue
      lines += 1
      const cells = text.split('\t')
      if (lines === 1) {
        if (text !== firstLine)
          return E.left(dataFault(what, `${path}:${line}`, 'the header index, prediction', shown(cells.join(', '))))
        continue
      }
      if (cells.length !== 2) return E.left(dataFault(what, `${path}:${line}`, '2 cells', String(cells.length)))
      const id = cellOf(path, line, 'index', Index, cells[0])
      if (E.isLeft(id)) return id
      const value = cellOf(path, line, 'prediction', codec, cells[1])
      if (E.isLeft(value)) return value
      predictions.push({ line, id: id.right, answer: () => E.right(answerOf(value.right)) })
    }
    return lines === 0
      ? E.left(dataFault(what, path, 'a header and predictions', 'an empty file'))
      : inOrder(path, predictions, examples)
  },
})

const cellOf = <A>(
  path: string,
  line: number,
  column: string,
  codec: t.Type<A, unknown>,
  cell: unknown,
): E.Either<DataFault, A> => {
  const decoded = codec.decode(cell)
  if (E.isRight(decoded)) return decoded
  const { expected, got } = codecFaults(decoded.left)[0]!
  return E.left(dataFault(what, `${path}:${line}, ${column}`, expected, got))
}

const shown = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text)
