import type { OpSpec } from '../op'
import * as collective from './collective'
import * as contract from './contract'
import * as elementwise from './elementwise'
import * as indexing from './indexing'
import * as marker from './marker'
import * as reduce from './reduce'
import * as source from './source'
import * as structural from './structural'

const isOp = (x: unknown): x is { readonly spec: OpSpec } => typeof x === 'function' && 'spec' in x

/** All primitives, in the order of their names. Collected from the files: adding an op touches one file. */
export const allOps: readonly OpSpec[] = [
  source,
  elementwise,
  structural,
  reduce,
  contract,
  indexing,
  marker,
  collective,
]
  .flatMap((module): readonly unknown[] => Object.values(module))
  .flatMap((x) => (isOp(x) ? [x.spec] : []))
  .sort((a, b) => (a.name < b.name ? -1 : 1))

/** The primitives by name. They never broadcast: `emend/core`'s functions of the same names do. */
export const ops = {
  ...source,
  ...elementwise,
  ...structural,
  ...reduce,
  ...contract,
  ...indexing,
  ...marker,
  ...collective,
} as const
