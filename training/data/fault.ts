/** Something the outside world got wrong about data: a file, a row, a tokenizer, a corpus too small. Always a `Left`. */
export interface DataFault {
  readonly _tag: 'DataFault'
  readonly what: string // the thing that is wrong: 'jsonl row', 'corpus file', 'BPE vocabulary'
  readonly where: string // file, line, key
  readonly expected: string
  readonly got: string
  readonly help?: string
}

export const dataFault = (what: string, where: string, expected: string, got: string, help?: string): DataFault => ({
  _tag: 'DataFault',
  what,
  where,
  expected,
  got,
  ...(help === undefined ? {} : { help }),
})

/** `what: expected X, got Y`, then where, then one line of help when the fix is known. The only formatter of DataFault. */
export const showDataFault = ({ what, where, expected, got, help }: DataFault): string =>
  [
    `${what}: expected ${expected}, got ${got}`,
    ...(where === '' ? [] : [`  at ${where}`]),
    ...(help === undefined ? [] : [`  help: ${help}`]),
  ].join('\n')
