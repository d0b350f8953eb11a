import * as E from 'fp-ts/Either'
import { dataFault, type DataFault } from '../../data/fault'
import type { Answer, Example } from '../task'

/** What a file of predictions is, in faults. */
export const what = 'predictions'

/** A prediction: where it stands, whose it is, and what it says. */
export interface Prediction {
  readonly line: number
  readonly id: string
  readonly answer: (example: Example) => E.Either<DataFault, Answer>
}

/** An answer of one out of several, as a file has it: without how sure it was. */
export const chosen = (value: number, of: number): Answer => ({
  value,
  scores: Array.from({ length: of }, (_, c) => Number(c === value)),
})

/** Predictions in the order of the examples: one for each, and none besides. */
export const inOrder = (
  file: string,
  predictions: readonly Prediction[],
  examples: readonly Example[],
): E.Either<DataFault, readonly Answer[]> => {
  const known = new Map(examples.map((example) => [example.id, example]))
  const answers = new Map<string, Answer>()
  const lines = new Map<string, number>()
  for (const { line, id, answer } of predictions) {
    const example = known.get(id)
    const where = `${file}:${line}`
    if (example === undefined) return E.left(dataFault(what, where, 'rows that the gold file has', `one for ${id}`))
    if (lines.has(id))
      return E.left(dataFault(what, where, 'one for each row', `${id} again, as in line ${lines.get(id)!}`))
    const answered = answer(example)
    if (E.isLeft(answered)) return answered
    answers.set(id, answered.right)
    lines.set(id, line)
  }
  const missing = examples.filter(({ id }) => !answers.has(id))
  return missing.length === 0
    ? E.right(examples.map(({ id }) => answers.get(id)!))
    : E.left(
        dataFault(
          what,
          file,
          `one for each of ${examples.length} rows`,
          `none for ${missing.length}: ${shown(missing)}`,
        ),
      )
}

const shown = (examples: readonly Example[]): string =>
  [...examples.slice(0, 3).map(({ id }) => id), ...(examples.length > 3 ? ['...'] : [])].join(', ')
