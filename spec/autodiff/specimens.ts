import { evaluateOne, ShapeError, type Expr } from '../../core'

export const values = (e: Expr): readonly number[] => [...evaluateOne(e)]

/** The whole text of the ShapeError that `run` throws. */
export const shapeErrorOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof ShapeError) return error.message
    throw error
  }
  return 'nothing thrown'
}
