import * as E from 'fp-ts/Either'
import type * as t from 'io-ts'
import type { CodecFault } from '../../core'
import { dataFault, type DataFault } from '../data/fault'
import { fieldOf, rowFault } from './fields'
import { examplesOf, jsonRows, type FromRow, type Row } from './rows'
import type { Example, Split, Task } from './task'

/** What a form says of a row that its codec let pass. */
export type OfRow<A> = E.Either<CodecFault, A>

/** Files of SuperGLUE, whose dev split is called val. */
export const jsonFiles: Task['files'] = { train: ['train.jsonl'], dev: ['val.jsonl'], test: ['test.jsonl'] }

/** Reads a file of JSON rows: each is decoded by `codec`, then becomes examples. */
export const jsonReader =
  <A>(codec: t.Type<A, unknown>, fromRow: (row: A, split: Split) => OfRow<FromRow>): Task['read'] =>
  (file, split) =>
    examplesOf(file, split, jsonRows(file), ({ line, fields }): E.Either<DataFault, FromRow> => {
      const row = codec.decode(fields)
      if (E.isLeft(row)) return E.left(rowFault(file, line, '', row.left))
      const made = fromRow(row.right, split)
      return E.isRight(made) ? made : E.left(faultAt(file, line, made.left))
    })

const faultAt = (file: string, line: number, { key, expected, got }: CodecFault): DataFault =>
  dataFault('task row', `${file}:${line}, ${key}`, expected, got)

/** As `jsonReader`, for rows that are one example with one label, which test rows may lack. */
export const labelledReader =
  <A>(
    codec: t.Type<A, unknown>,
    label: t.Type<number, unknown>,
    fromRow: (row: A) => OfRow<Omit<Example, 'target'> & { readonly mended?: readonly string[] }>,
  ): Task['read'] =>
  (file, split) =>
    examplesOf(file, split, jsonRows(file), (row): E.Either<DataFault, FromRow> => {
      const decoded = codec.decode(row.fields)
      if (E.isLeft(decoded)) return E.left(rowFault(file, row.line, '', decoded.left))
      const target = isHidden(row, split) ? E.right(undefined) : fieldOf(file, row, 'label', label)
      if (E.isLeft(target)) return target
      const made = fromRow(decoded.right)
      if (E.isLeft(made)) return E.left(faultAt(file, row.line, made.left))
      const { mended, ...example } = made.right
      return E.right({ examples: [{ ...example, target: target.right }], ...(mended === undefined ? {} : { mended }) })
    })

/** Test rows may have no label, or the -1 of copies that number the labels. */
const isHidden = ({ fields: { label } }: Row, split: Split): boolean =>
  split === 'test' && (label === undefined || label === null || label === -1)
