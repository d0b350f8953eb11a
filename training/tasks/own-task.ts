import { readFile } from 'node:fs/promises'
import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import type * as TE from 'fp-ts/TaskEither'
import { closed, codecFaults } from '../../core'
import { dataFault, type DataFault } from '../data/fault'
import { accuracy, macroF1 } from '../scores'
import type { Task } from './task'
import { taskOf, tasks } from './registry'
import { textTask } from './text-task'

const Names = t.refinement(t.readonlyArray(t.string, 'a list of names'), (list) => list.length > 0, 'a list of names')

/** A task of one's own, as a file tells it: classes of a text or of a pair of texts. */
export const OwnTask = closed(
  'task',
  {
    name: t.refinement(t.string, (name) => /^[a-z][a-z0-9-]*$/.test(name), 'a name of small letters, digits and -'),
    labels: t.refinement(Names, (list) => list.length > 1 && new Set(list).size === list.length, 'two labels or more, each once'), // prettier-ignore
    texts: t.refinement(Names, (list) => list.length <= 2, 'the name of one field or of two'), // that the model reads, in this order
    label: t.string, // the name of its field
  },
  {
    train: t.string, // file names in the folder of the task; default train.tsv or train.jsonl
    dev: t.string,
    test: t.string,
  },
)
export type OwnTask = t.TypeOf<typeof OwnTask>

/** As a task like the others; figures are accuracy and macro F1. */
export const ownTask = ({ name, labels, texts, label, train, dev, test }: OwnTask): Task => {
  const either = (given: string | undefined, split: string): readonly string[] =>
    given === undefined ? [`${split}.tsv`, `${split}.jsonl`] : [given]
  const classes = labels.map((_, i) => i)
  return textTask({
    name,
    title: name,
    suite: 'own',
    head: { kind: 'classification', labels },
    namings: [{ texts: texts as readonly [string] | readonly [string, string], label }],
    files: { train: either(train, 'train'), dev: either(dev, 'dev'), test: either(test, 'test') },
    counts: { train: 0, dev: 0, test: 0 },
    measure: (answered, right) => ({
      accuracy: accuracy(answered, right),
      macroF1: macroF1(answered, right, classes),
    }),
    counted: ['accuracy'],
  })
}

/** A task that was asked for: one of GLUE or SuperGLUE, or one of the user's, with what its file says. */
export interface AskedTask {
  readonly task: Task
  readonly own?: OwnTask
}

/** `sst-2`, or the path of a file that ends in .json. left  no such task; a file that is not one */
export const askedTask =
  (asked: string): TE.TaskEither<DataFault, AskedTask> =>
  async () => {
    const known = taskOf(asked)
    if (known !== undefined) return E.right({ task: known })
    if (!asked.endsWith('.json'))
      return E.left(dataFault('--task', '', `${Object.keys(tasks).join(' | ')} | FILE.json`, JSON.stringify(asked)))
    let value: unknown
    try {
      value = JSON.parse(await readFile(asked, 'utf8'))
    } catch (error) {
      return E.left(dataFault('--task', asked, 'a JSON file', error instanceof Error ? error.message : String(error)))
    }
    const decoded = OwnTask.decode(value)
    if (E.isLeft(decoded)) {
      const { key, expected, got } = codecFaults(decoded.left)[0]!
      return E.left(dataFault(key === '' ? 'task' : `task: ${key}`, asked, expected, got))
    }
    const { name } = decoded.right
    return taskOf(name) === undefined
      ? E.right({ task: ownTask(decoded.right), own: decoded.right })
      : E.left(dataFault('task: name', asked, 'a name that no task of GLUE or SuperGLUE has', JSON.stringify(name)))
  }
