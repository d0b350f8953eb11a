import { sizeOf, type Aval } from './aval'
import { roundBf16, roundF16 } from './half'
import { asList, type Expr } from './op'
import { exchanged, isCollective, type CollectiveName } from './ops/collective'
import { isMarker } from './ops/marker'
import { topological, useCounts } from './walk'

/** Values of inputs, by name: row-major. */
export type InputValues = ReadonlyMap<string, ArrayLike<number>>

/** Thrown when a value for an input is missing or of another size: a fault of the caller. */
export class InputError extends Error {
  readonly _tag = 'InputError'
}

/**
 * The meaning of expressions: float64 all the way (f16 and bf16 results are rounded as those dtypes are), one op after
 * another. The definition that every device is compared with; slow. Only what the value needs is evaluated: an input that
 * nothing but a derivative would read needs no value.
 */
export const evaluate = (roots: readonly Expr[], inputs: InputValues = new Map()): readonly Float64Array[] =>
  evaluateRanks(roots, [inputs])[0]!

/**
 * The same on ranks with inputs of their own, op by op in step with each other, so that collectives have a meaning: values of the roots by rank.
 * throws  InputError if a collective is over another number of ranks
 */
export const evaluateRanks = (
  roots: readonly Expr[],
  inputs: readonly InputValues[],
): readonly (readonly Float64Array[])[] => {
  const order = topological(roots, undefined, valueInputs)
  const uses = new Map(useCounts(order, valueInputs))
  for (const root of roots) uses.set(root, (uses.get(root) ?? 0) + 1)
  const values = new Map<Expr, readonly Float64Array[]>()
  for (const e of order) {
    const args = valueInputs(e).map((x) => values.get(x)!)
    values.set(
      e,
      isCollective(e)
        ? overRanks(e, args[0]!).map((x) => rounded(x, e.aval))
        : inputs.map((own, rank) =>
            e.op.name === 'input'
              ? bound(e, own)
              : rounded(e.op.eval(asList<Float64Array, number>(args.map((x) => x[rank]!)), siteOf(e)), e.aval),
          ),
    )
    for (const x of valueInputs(e)) release(x, uses, values)
  }
  return inputs.map((_, rank) => roots.map((root) => values.get(root)![rank]!))
}

/** A collective of every rank's x. */
const overRanks = ({ op, params }: Expr, xs: readonly Float64Array[]): readonly Float64Array[] => {
  const n = params['ranks'] as number
  if (xs.length !== n) throw new InputError(`${op.name}: expected ${n} ranks, got ${xs.length}`)
  return exchanged(op.name as CollectiveName, xs)
}

const valueInputs = (e: Expr): readonly Expr[] => (isMarker(e) ? e.inputs.slice(0, 1) : e.inputs)

/** The value of one expression. */
export const evaluateOne = (root: Expr, inputs?: InputValues): Float64Array => evaluate([root], inputs)[0]!

const siteOf = (e: Expr) => ({ avals: e.inputs.map((x) => x.aval), params: e.params, aval: e.aval })

const release = (x: Expr, uses: Map<Expr, number>, values: Map<Expr, readonly Float64Array[]>): void => {
  const left = uses.get(x)! - 1
  uses.set(x, left)
  if (left === 0) values.delete(x)
}

const bound = (e: Expr, inputs: InputValues): Float64Array => {
  const name = e.params.name as string
  const value = inputs.get(name)
  const size = sizeOf(e.aval.shape)
  if (value?.length !== size)
    throw new InputError(
      `input "${name}": expected ${size} numbers, got ${value === undefined ? 'none' : String(value.length)}; given: ${[...inputs.keys()].join(', ')}`,
    )
  return rounded(Float64Array.from(value), e.aval)
}

const rounded = (x: Float64Array, { dtype }: Aval): Float64Array =>
  dtype === 'f16' ? x.map(roundF16) : dtype === 'bf16' ? x.map(roundBf16) : x

/** Whether two arrays of an aval are equal within `tolerance`, relative to the larger of 1 and the expected value. */
export const isClose = (got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): boolean => {
  if (got.length !== want.length) return false
  for (let i = 0; i < got.length; i++) {
    const [g, w] = [got[i]!, want[i]!]
    if (g === w || (Number.isNaN(g) && Number.isNaN(w))) continue
    if (!(Math.abs(g - w) <= tolerance * Math.max(1, Math.abs(w)))) return false
  }
  return true
}
