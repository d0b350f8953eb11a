import * as E from 'fp-ts/Either'
import { showAval, type Aval } from './aval'

export interface ShapeFault {
  readonly op: string
  readonly expected: string
  readonly got: readonly Aval[] | string
  /** The scopes the expression was built in, outermost first. */
  readonly path: readonly string[]
  readonly help?: string
}

/** Thrown while an expression is built: a fault of the program, not of its data. `compile` turns it into a Left. */
export class ShapeError extends Error {
  readonly _tag = 'ShapeError'
  constructor(readonly fault: ShapeFault) {
    const { op, path, got, expected, help } = fault
    const seen = typeof got === 'string' ? got : got.map(showAval).join(' and ')
    super(
      [
        `${op}: expected ${expected}, got ${seen === '' ? 'nothing' : seen}`,
        ...(path.length > 0 ? [`  at ${path.join('/')}`] : []),
        ...(help === undefined ? [] : [`  help: ${help}`]),
      ].join('\n'),
    )
    this.name = 'ShapeError'
  }
}

let current: readonly string[] = []

/** The scopes that are open while an expression is being built. */
export const currentPath = (): readonly string[] => current

/**
 * Name the part of the model that `build` makes: every node made inside carries the path, and so does every message.
 * The path is a label only: it takes no part in hashing or in meaning, and two equal nodes with different paths are shared.
 */
export const scope = <A>(name: string, build: () => A): A => withPath([...current, name], build)

/** Build under an absolute path: derivative rules use it to give a cotangent the path of its primal. */
export const withPath = <A>(path: readonly string[], build: () => A): A => {
  const outer = current
  current = path
  try {
    return build()
  } finally {
    current = outer
  }
}

/** Throw a ShapeError with the current path. */
export const shapeError = (op: string, expected: string, got: readonly Aval[] | string, help?: string): never => {
  throw new ShapeError({ op, expected, got, path: current, ...(help === undefined ? {} : { help }) })
}

/** What `build` makes, or the ShapeError that it throws. Any other error is a bug and is thrown on. */
export const builtOr = <A>(build: () => A): E.Either<ShapeError, A> => {
  try {
    return E.right(build())
  } catch (error) {
    if (error instanceof ShapeError) return E.left(error)
    throw error
  }
}
