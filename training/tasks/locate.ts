import { access } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { dataFault, type DataFault } from '../data/fault'
import type { Split, Task } from './task'

/** What the folder of a suite may be called. */
const suiteFolders: { readonly [S in Task['suite']]: readonly string[] } = {
  glue: ['glue', 'GLUE', 'glue_data'],
  superglue: ['superglue', 'SuperGLUE'],
  own: [],
}

const endings = ['', '.gz', '.br']

/**
 * The file of a split: in `folder`, in the task's folder there, or in that of its suite's folder there.
 * left  a split that the task does not have; no such file, with what was looked for
 */
export const locate =
  (task: Task, split: Split, folder: string): TE.TaskEither<DataFault, string> =>
  async () => {
    const { name, folders, suite } = task
    const names = task.files[split]
    if (names.length === 0) {
      const there = (Object.keys(task.files) as Split[]).filter((s) => task.files[s].length > 0)
      return E.left(
        dataFault(
          `task ${name}`,
          '',
          there.join(' or '),
          split,
          task.answeredBy === undefined ? undefined : `it is answered by a model of ${task.answeredBy}`,
        ),
      )
    }
    const places = [[], ...folders.map((f) => [f]), ...suiteFolders[suite].flatMap((s) => folders.map((f) => [s, f]))]
    for (const place of places)
      for (const file of names)
        for (const ending of endings) {
          const path = join(folder, ...place, `${file}${ending}`)
          if (await exists(path)) return E.right(path)
        }
    const inFolders = [...folders, ...suiteFolders[suite].slice(0, 1).flatMap((s) => folders.map((f) => `${s}/${f}`))]
    const expected = `${names.join(' or ')}, also .gz or .br, in it or in ${inFolders.join(' or ')}`
    return E.left(
      dataFault(`${split} rows of ${name}`, folder, expected, (await exists(folder)) ? 'none' : 'no such folder'),
    )
  }

const exists = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
