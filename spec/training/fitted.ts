import * as E from 'fp-ts/Either'
import { showFault, type Fault } from '../../training/fault'

/** The right of an Either; a fault fails the test with its text. */
export const fitted = <A>(either: E.Either<Omit<Fault, '_tag'>, A>): A => {
  if (E.isLeft(either)) throw new Error(showFault(either.left))
  return either.right
}
