import * as t from 'io-ts'
import * as E from 'fp-ts/Either'
import { atLeast } from '../../../core'
import { ClassOf, Index } from '../fields'
import { labelledReader } from '../json-task'
import type { Task } from '../task'

const Row = atLeast('row', { idx: Index, premise: t.string, hypothesis: t.string }, {})

/** Rows of a premise, a hypothesis and one of some labels. */
export const premiseHypothesis = (labels: readonly string[]): Task['read'] =>
  labelledReader(Row, ClassOf(labels), ({ idx, premise, hypothesis }) =>
    E.right({ id: idx, readings: [{ first: premise, second: hypothesis }] }),
  )
