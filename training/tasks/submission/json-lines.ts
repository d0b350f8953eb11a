import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import type * as TE from 'fp-ts/TaskEither'
import { atLeast, codecFaults } from '../../../core'
import { answered } from '../answers'
import { dataFault, type DataFault } from '../../data/fault'
import { ClassOf, Index } from '../fields'
import { jsonRows } from '../rows'
import type { Answer, Example, Task } from '../task'
import { chosen, inOrder, what, type Prediction } from './in-order'

/** SuperGLUE's form: {"idx": n, "label": value} a line (recipe 8.2: super.gluebenchmark.com as jiant writes it). */
interface LabelForm {
  readonly show: (answer: Answer, example: Example) => string | number
  readonly read: (label: unknown, example: Example) => E.Either<t.Errors, Answer>
}

/** A label by name. */
export const classLines = (file: string, labels: readonly string[]): Task['submission'] =>
  lines(
    file,
    classForm(labels, (c) => labels[c]!),
  )

/** A choice by number. */
export const choiceLines = (file: string, choices: number): Task['submission'] =>
  lines(
    file,
    classForm(
      Array.from({ length: choices }, (_, c) => String(c)),
      (c) => c,
    ),
  )

/**
 * A truth value, as a string: BoolQ and WiC in small letters, WSC capitalised, as jiant writes them (the benchmark's sample agrees in memory
 * only, recipe 8.2). Read in either, and as JSON's own.
 */
export const truthLines = (file: string, [no, yes]: readonly [string, string]): Task['submission'] => {
  const truth = classForm(['false', 'true'], (c) => [no, yes][c]!)
  return lines(file, {
    ...truth,
    read: (label, example) =>
      truth.read(
        typeof label === 'boolean' || label === 'True' || label === 'False' ? String(label).toLowerCase() : label,
        example,
      ),
  })
}

/** The text of a choice. */
export const textLines = (file: string): Task['submission'] =>
  lines(file, {
    show: ({ value }, { choices }) => choices![value]!,
    read: (label, { choices }) => {
      const place = choices!.findIndex((text) => text === label)
      const expected = `one of the ${choices!.length} entities`
      return place >= 0 ? E.right(chosen(place, choices!.length)) : t.failure(label, [], expected)
    },
  })

const classForm = (labels: readonly string[], show: (c: number) => string | number): LabelForm => ({
  show: ({ value }) => show(value),
  read: (label) => E.map((c: number) => chosen(c, labels.length))(ClassOf(labels).decode(label)),
})

const Line = atLeast('prediction', { idx: Index, label: t.unknown }, {})

const lines = (file: string, form: LabelForm): Task['submission'] => ({
  file,
  write: (examples, answers) =>
    answered(examples, answers)
      .map(([example, answer]) => `${JSON.stringify({ idx: Number(example.id), label: form.show(answer, example) })}\n`)
      .join(''),
  read: (path, examples) =>
    readLines(path, examples, Line, ({ idx, label }, line) => [
      {
        line,
        id: idx,
        answer: (example) =>
          E.mapLeft((errors: t.Errors) => lineFault(path, line, 'label', errors))(form.read(label, example)),
      },
    ]),
})

/** Predictions of lines that a codec knows, in the order of the examples. */
export const readLines =
  <A>(
    path: string,
    examples: readonly Example[],
    codec: t.Type<A, unknown>,
    predictionsOf: (row: A, line: number) => readonly Prediction[],
  ): TE.TaskEither<DataFault, readonly Answer[]> =>
  async () => {
    const predictions: Prediction[] = []
    for await (const row of jsonRows(path, what)) {
      if (E.isLeft(row)) return row
      const { line, fields } = row.right
      const decoded = codec.decode(fields)
      if (E.isLeft(decoded)) return E.left(lineFault(path, line, '', decoded.left))
      predictions.push(...predictionsOf(decoded.right, line))
    }
    return predictions.length === 0
      ? E.left(dataFault(what, path, 'a line for each row', 'an empty file'))
      : inOrder(path, predictions, examples)
  }

const lineFault = (path: string, line: number, within: string, errors: t.Errors): DataFault => {
  const { key, expected, got } = codecFaults(errors)[0]!
  const field = within === '' ? key : within
  return dataFault(what, `${path}:${line}${field === '' ? '' : `, ${field}`}`, expected, got)
}
