import {
  leavesOf,
  ShapeError,
  mapTree,
  ops,
  sizeOf,
  threefry2x32,
  treeOf,
  type DType,
  type Expr,
  type Tree,
} from '../../../core'
import type { ParameterSpec } from '../../../models'
import { reals, type InputSpecs } from '../../kit'

/** Numbers uniform in (-1, 1) · scale. */
export const drawn = (seed: number, shape: readonly number[], scale = 1): Expr =>
  ops.constantArray({
    data: Array.from({ length: sizeOf(shape) }, (_, i) => scale * (threefry2x32(seed, 7, i, 0)[0] / 2 ** 31 - 1)),
    shape,
    dtype: 'f32',
  })

/** Every parameter of a head uniform in (-1, 1). */
export const drawHead = <P>(specs: Tree<ParameterSpec>, seed: number): P => {
  let site = 0
  return mapTree<ParameterSpec, Expr>(specs, ({ aval }) => drawn(seed + 1000 * (site += 1), aval.shape)) as P
}

export const array = (data: readonly number[], dtype: DType, ...shape: readonly number[]): Expr =>
  ops.constantArray({ data, shape, dtype })

/** A head's parameters as inputs of a function whose gradient is checked, by path. */
export const headInputs = (specs: Tree<ParameterSpec>): InputSpecs =>
  Object.fromEntries(
    leavesOf<ParameterSpec>(specs).map(([path, { aval }]) => [path, { shape: aval.shape, values: reals(-1, 1) }]),
  )

/** The parameters out of arguments that come in the order of `headInputs`. */
export const asHead = <P>(specs: Tree<ParameterSpec>, args: readonly Expr[]): P =>
  treeOf<Expr>(leavesOf<ParameterSpec>(specs).map(([path], i) => [path, args[i]!])) as P

/** Whether a ShapeError has this text: what a spec expects of a fault. */
export const says =
  (text: string) =>
  (error: unknown): boolean =>
    error instanceof ShapeError && error.message.split('\n')[0] === text
