import { ShapeError } from '../core'
import type { DeviceFault } from '../kernels'

/**
 * What the outside world got wrong: input (exit 2), a disk (exit 3) or a run (exit 4). Data and device faults have the same
 * fields, so one formatter serves all.
 */
export interface Fault {
  readonly _tag: 'BadInput' | 'IoError' | 'RunError' | 'DataFault'
  /** The thing that is wrong: a file, a flag, a key. */
  readonly what: string
  /** File and line, key, or step; '' when `what` says it all. */
  readonly where: string
  readonly expected: string
  readonly got: string
  readonly help?: string
}

const faultOf =
  (_tag: Fault['_tag']) =>
  (what: string, where: string, expected: string, got: string, help?: string): Fault => ({
    _tag,
    what,
    where,
    expected,
    got,
    ...(help === undefined ? {} : { help }),
  })

/** A file, flag or config that cannot be used: nothing has been written. */
export const badInput = faultOf('BadInput')
/** A disk that does not do what it is asked. */
export const ioError = faultOf('IoError')
/** A run that failed; the last checkpoint is kept. */
export const runError = faultOf('RunError')

/** `what: expected X, got Y`, then where, then one line of help. */
export const showFault = ({ what, where, expected, got, help }: Omit<Fault, '_tag'>): string =>
  [
    `${what}: expected ${expected}, got ${got}`,
    ...(where === '' ? [] : [`  at ${where}`]),
    ...(help === undefined ? [] : [`  help: ${help}`]),
  ].join('\n')

/** 2 bad input and nothing written, 3 I/O, 4 the run failed and the last checkpoint is kept. */
export const exitCodeOf = ({ _tag }: Fault): 2 | 3 | 4 => (_tag === 'IoError' ? 3 : _tag === 'RunError' ? 4 : 2)

/** A fault of a device while a run was under way. */
export const ofDevice = (fault: DeviceFault, where: string): Fault =>
  runError(`${fault.device}: ${fault.what}`, where, fault.expected, fault.got, fault.help)

/** A shape that does not fit, in a model made from a config: the config's fault. */
export const ofShape = (error: ShapeError, where: string): Fault => {
  const { op, expected, path, help } = error.fault
  return badInput(
    op,
    [where, ...path].filter((p) => p !== '').join(' > '),
    expected,
    error.message.split('got ').at(-1)!.split('\n')[0]!,
    help,
  )
}

export const ofRun = (fault: ShapeError | DeviceFault, where: string): Fault =>
  fault instanceof ShapeError ? ofShape(fault, where) : ofDevice(fault, where)
