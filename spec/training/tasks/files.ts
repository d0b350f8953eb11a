import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as E from 'fp-ts/Either'
import { showDataFault } from '../../../training/data/fault'
import { splits, taskOf, type Split, type Task, type TaskRows } from '../../../training/tasks'
import { temporary } from '../cli/run-cli'

const folder = temporary()

/** A file in a folder that is gone at the end. */
export const put = (name: string, text: string | Uint8Array): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

export const tsv = (...rows: readonly (readonly string[])[]): string =>
  rows.map((cells) => `${cells.join('\t')}\n`).join('')

export const jsonl = (...rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

export const known = (name: string): Task => {
  const task = taskOf(name)
  if (task === undefined) throw new Error(`no task ${name}`)
  return task
}

export const read = async (name: string, file: string, split: Split = 'dev'): Promise<TaskRows> => {
  const rows = await known(name).read(file, split)()
  if (E.isLeft(rows)) throw new Error(showDataFault(rows.left))
  return rows.right
}

/** What is wrong with a file, its folder left out. */
export const faultIn = async (name: string, file: string, split: Split = 'dev'): Promise<string> => {
  const rows = await known(name).read(file, split)()
  return E.isRight(rows) ? 'none' : showDataFault(rows.left).replaceAll(`${folder}/`, '')
}

/**
 * The folder of glue/, superglue/ and lingnli/: EMEND_DATA, or ../shared/data. Their licences do not let them be shipped or fetched here,
 * so where they are not is told, but no failure.
 */
export const realData = (): string | null => {
  const data = resolve(process.env['EMEND_DATA'] ?? '../shared/data')
  if (existsSync(join(data, 'glue'))) return data
  console.log(`\nNOT TRIED on real files: no glue/ in ${data} (EMEND_DATA)`)
  return null
}

/** Splits whose real files are whole there. */
export const realSplits = [
  ...['cola', 'sst-2', 'mrpc', 'sts-b', 'rte', 'wnli'].flatMap((name) => splits.map((split) => [name, split] as const)),
  ...['copa', 'multirc', 'superglue-rte', 'wsc'].flatMap((name) => splits.map((split) => [name, split] as const)),
  ...(['qnli', 'boolq'] as const).flatMap((name) => (['dev', 'test'] as const).map((split) => [name, split] as const)),
  ['mnli', 'dev'] as const,
  ['ax-b', 'test'] as const,
]
