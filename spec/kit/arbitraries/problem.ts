import fc from 'fast-check'
import { isFloat, type Aval, type DType, type Expr, type Shape } from '../../../core'
import { showProblem, type Argument, type Problem } from '../laws/problem'
import { sizeBetween } from './shape'
import { ids, reals, truths, type Values } from './values'

/** An input of a function, as its author describes it. */
export interface InputSpec {
  /**
   * Sizes and names: `['B', 3]` has a first axis of a drawn size, the same wherever `B` is named. A name that begins with
   * `...` stands for any number of axes (0 to 2).
   */
  readonly shape: readonly (number | string)[]
  /** f32 by default. */
  readonly dtype?: DType
  /** Its numbers: `reals(-3, 3)` by default for floats. Keep kinks out of the domain. */
  readonly values?: Values
  /** Not to be differentiated with respect to. Default false; integers and truth values never are. */
  readonly fixed?: boolean
}
export type InputSpecs = Readonly<Record<string, InputSpec>>

/** Least and greatest size of a named axis; 1 and 5 by default. */
export type Sizes = Readonly<Record<string, { readonly min?: number; readonly max?: number }>>

/** An input whose shape is settled. */
export interface Slot {
  readonly name: string
  readonly aval: Aval
  readonly values: Values
  readonly fixed?: boolean
}

/** What is to be drawn for: a function and its inputs at settled shapes. */
export interface Frame {
  readonly name: string
  readonly f: (...args: readonly Expr[]) => Expr
  readonly slots: readonly Slot[]
  readonly dims?: Readonly<Record<string, number>>
}

const pool = fc.array(fc.integer({ min: -24, max: 24 }), { minLength: 1, maxLength: 97, size: 'max' })

/**
 * Problems over frames. Numbers come from one pool that is read from another place for each input and point, so shapes and
 * numbers shrink independently of each other: to one number everywhere, if that is enough.
 */
export const problemsOver = (frames: fc.Arbitrary<Frame>): fc.Arbitrary<Problem> =>
  framed(frames).map(({ problem }) => problem)

/** The same with the frame that each problem was drawn for. */
export const framed = <F extends Frame>(
  frames: fc.Arbitrary<F>,
): fc.Arbitrary<{ readonly frame: F; readonly problem: Problem }> =>
  fc
    .record({
      frame: frames,
      numbers: pool,
      points: fc.integer({ min: 1, max: 3 }),
      shared: fc.nat({ max: 31 }),
      salt: fc.nat({ max: 9999 }),
    })
    .map(({ frame, numbers, points, shared, salt }) => {
      const at = (input: number, point: number, i: number): number =>
        numbers[(i + 29 * input + 17 * point) % numbers.length]!
      const args = frame.slots.map(({ name, aval, values, fixed = false }, input): Argument => ({
        name,
        aval,
        points: Array.from({ length: points }, (_, point) =>
          values(aval.shape, (i, other = input) => at(other, point, i), frame.dims ?? {}),
        ),
        fixed: fixed || !isFloat(aval.dtype),
        shared: ((shared >> input) & 1) === 1,
      }))
      const problem: Problem = { name: frame.name, f: frame.f, args, salt }
      const text = [`${frame.name}, salt ${salt}`, ...showProblem(problem)].join('\n')
      return { frame, problem: Object.assign(problem, { [fc.toStringMethod]: () => text }) }
    })

const isRest = (size: number | string): size is string => typeof size === 'string' && size.startsWith('...')

/** Problems of a function whose inputs are described by named axes. */
export const problemsOf = (
  name: string,
  f: (...args: readonly Expr[]) => Expr,
  inputs: InputSpecs,
  sizes: Sizes = {},
): fc.Arbitrary<Problem> => {
  const names = [...new Set(Object.values(inputs).flatMap(({ shape }) => shape.filter((s) => typeof s === 'string')))]
  const drawn = Object.fromEntries(
    names.map((axis) => {
      const size = sizeBetween(sizes[axis]?.min ?? 1, sizes[axis]?.max ?? 5)
      return [axis, isRest(axis) ? fc.array(size, { maxLength: 2, size: 'max' }) : size.map((n) => [n])]
    }),
  )
  return problemsOver(
    fc.record(drawn).map((dims: Readonly<Record<string, Shape>>): Frame => {
      const slots = Object.entries(inputs).map(([input, spec]): Slot => {
        const shape = spec.shape.flatMap((s) => (typeof s === 'number' ? [s] : dims[s]!))
        const dtype = spec.dtype ?? 'f32'
        const values = spec.values ?? (isFloat(dtype) ? reals() : dtype === 'bool' ? truths : ids(3))
        return { name: input, aval: { shape, dtype }, values, fixed: spec.fixed ?? false }
      })
      const single = Object.entries(dims).flatMap(([axis, shape]): readonly (readonly [string, number])[] =>
        isRest(axis) ? [] : [[axis, shape[0]!]],
      )
      return { name, f, slots, dims: Object.fromEntries(single) }
    }),
  )
}
