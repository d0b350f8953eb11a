import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import { dataFault, type DataFault } from '../data/fault'
import { targetsOf, valuesOf } from './answers'
import { ClassOf, fieldOf, Index, NumberIn } from './fields'
import {
  examplesOf,
  header,
  isJsonLines,
  jsonRows,
  tsvRows,
  type Columns,
  type FromRow,
  type OddLine,
  type Row,
} from './rows'
import { classTsv, valueTsv } from './submission/tsv'
import type { HeadForm, Scores, Split, Task } from './task'

/** Names under which a file has a task's texts, in the order in which a model reads them, and its label. */
export interface Naming {
  readonly texts: readonly [string] | readonly [string, string]
  readonly label: string
}

type TextHead = Extract<HeadForm, { readonly kind: 'classification' | 'regression' }>

/** A task on a text or a pair of texts, in a row each. */
export interface TextTask extends Omit<Task, 'read' | 'score' | 'submission' | 'head' | 'files' | 'folders'> {
  readonly head: TextHead
  readonly folders?: Task['folders']
  readonly files?: Task['files']
  /** The first that a file has is taken. */
  readonly namings: readonly Naming[]
  /** Columns of a tab-separated file without a header, by its first line. */
  readonly columns?: (first: readonly string[], split: Split) => Columns
  /** Labels that say that there is none: such a row is left out. */
  readonly noLabel?: readonly string[]
  /** A line with more or fewer cells than columns is left out, not a fault. */
  readonly leavesOutOddLines?: true
  readonly measure: (answered: readonly number[], right: readonly number[]) => Scores
  readonly submissionFile?: string
}

const names = (split: string): readonly string[] => [`${split}.tsv`, `${split}.jsonl`]

export const textTask = (form: TextTask): Task => {
  const {
    namings: _namings,
    columns: _columns,
    noLabel: _noLabel,
    leavesOutOddLines: _odd,
    measure,
    submissionFile,
    ...task
  } = form
  const { title, head } = task
  const file = submissionFile ?? `${title}.tsv`
  return {
    folders: [title],
    files: { train: names('train'), dev: names('dev'), test: names('test') },
    ...task,
    read: (path, split) => {
      const rows: AsyncGenerator<E.Either<DataFault, Row | OddLine>> = isJsonLines(path)
        ? jsonRows(path)
        : tsvRows(path, (first) => form.columns?.(first, split) ?? header(first))
      return examplesOf(path, split, rows, exampleOf(form, path, split))
    },
    score: (examples, answers) => measure(valuesOf(answers), targetsOf(examples)),
    submission: head.kind === 'classification' ? classTsv(file, head.labels) : valueTsv(file, head.range),
  }
}

/** What a file may call the number of a row; where it has none, rows are counted from 0. */
const indexNames = ['index', 'idx', 'id']

const exampleOf = (
  form: TextTask,
  file: string,
  split: Split,
): ((row: Row | OddLine) => E.Either<DataFault, FromRow>) => {
  const { head } = form
  const Label = head.kind === 'classification' ? ClassOf(head.labels) : NumberIn(...head.range)
  let naming: Naming | undefined
  let index: string | undefined
  let count = 0
  return (row) => {
    if (!('fields' in row))
      return form.leavesOutOddLines === undefined
        ? E.left(dataFault('task row', `${file}:${row.line}`, `${row.columns} cells`, String(row.cells)))
        : E.right({ examples: [], leftOut: [`not ${row.columns} cells`] })
    if (naming === undefined) {
      const found = namingOf(form, file, split, row)
      if (E.isLeft(found)) return found
      naming = found.right
      index = indexNames.find((name) => name in row.fields)
    }
    count += 1
    const texts: string[] = []
    for (const name of naming.texts) {
      const text = fieldOf(file, row, name, t.string)
      if (E.isLeft(text)) return text
      texts.push(text.right)
    }
    const id = index === undefined ? E.right(String(count - 1)) : fieldOf(file, row, index, Index)
    if (E.isLeft(id)) return id
    const label = row.fields[naming.label]
    const isMissing = label === undefined || label === null || (form.noLabel ?? []).some((none) => none === label)
    if (split !== 'test' && isMissing && form.noLabel !== undefined)
      return E.right({ examples: [], leftOut: ['no label'] })
    const isHidden = split === 'test' && (isMissing || label === -1) // -1 in copies that number the labels
    const target = isHidden ? E.right(undefined) : fieldOf(file, row, naming.label, Label)
    if (E.isLeft(target)) return target
    const [first, second] = texts
    const reading = { first: first!, ...(second === undefined ? {} : { second }) }
    return E.right({ examples: [{ id: id.right, readings: [reading], target: target.right }] })
  }
}

/** How the file names things: with a label, where there has to be one. */
const namingOf = (
  { namings }: TextTask,
  file: string,
  split: Split,
  { line, fields }: Row,
): E.Either<DataFault, Naming> => {
  const has = (all: readonly string[]): boolean => all.every((name) => name in fields)
  const found =
    namings.find(({ texts, label }) => has([...texts, label])) ??
    namings.find(({ texts }) => split === 'test' && has(texts))
  if (found !== undefined) return E.right(found)
  const wanted = namings.map(({ texts, label }) => (split === 'test' ? texts : [...texts, label]).join(', '))
  const got = Object.keys(fields).join(', ')
  return E.left(
    dataFault(
      what(file),
      file + (isJsonLines(file) ? `:${line}` : ''),
      wanted.join(', or '),
      got.length > 200 ? `${got.slice(0, 197)}...` : got,
    ),
  )
}

const what = (file: string): string => (isJsonLines(file) ? 'fields of a task file' : 'header of a task file')
