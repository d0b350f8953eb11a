import fc from 'fast-check'
import { input as inputNode, printProgram, sizeOf, topological, type DType, type Expr, type Shape } from '../../../core'
import { know, knowInput, type Known } from './program-known'
import { maxElements, type Scope } from './program-choices'
import { simplestStep, stepKinds, takeStep, type Gene, type StepKind } from './program-steps'

export { reductionLengths, toleranceOfOne } from './program-known'

/** A tensor program with values for its inputs. */
export interface TensorProgram {
  /** Every node is needed by one of them; some share nodes, and one may be an input. */
  readonly outputs: readonly Expr[]
  /** Row-major, by name: floats as multiples of 1/8, i32 as whole numbers, bool as 0 and 1. */
  readonly inputs: ReadonlyMap<string, Float64Array>
}

export interface ProgramLimits {
  /** Nodes that are not inputs. Default 1. */
  readonly minOps?: number
  /** Default 30. */
  readonly maxOps?: number
}

/**
 * Random tensor programs over all primitives: directed graphs of 1 to 30 ops, with shared and repeated subexpressions, several
 * outputs, all dtypes, shapes of 0 to 4 axes with sizes 1 to 6 (sometimes 0) and known inputs. For testing whatever computes
 * or rewrites programs: compare with `evaluate` of emend/core.
 *
 * Every program is well-posed for a device that computes in float32: nothing in it turns a rounding error into another result
 * (a comparison of numbers too near each other, a tie, a cast at a step). Error bounds are carried along with the values while
 * a program is made, and a step that would be ill-posed, or would let the bound grow past `toleranceOfOne` times the longest
 * reduction (`reductionLengths`), is replaced by a simpler one. So a right device is within that tolerance of `evaluate`,
 * relative to the larger of 1 and the value. f16, bf16, i32 and bool results are exact. NaN and infinities occur and are equal
 * only to themselves; the sign of a zero is no part of a result.
 *
 * Programs shrink to fewer steps, simpler steps, smaller sizes and zeros. A counterexample prints as the text of the program
 * and the values of its inputs.
 *
 *     fc.assert(fc.property(programs({ maxOps: 12 }), ({ outputs, inputs }) => sameAs(evaluate(outputs, inputs), ...)))
 */
export const programs = ({ minOps = 1, maxOps = 30 }: ProgramLimits = {}): fc.Arbitrary<TensorProgram> =>
  fc
    .record({
      dims: fc.array(axisSize, { minLength: 3, maxLength: 3 }),
      slots: fc.array(
        fc.record({ axes: fc.array(fc.nat({ max: 2 }), { maxLength: 4, size: 'max' }), dtype: inputDtype }),
        {
          minLength: 1,
          maxLength: 4,
          size: 'max',
        },
      ),
      numbers: fc.array(fc.integer({ min: -24, max: 24 }), { minLength: 1, maxLength: 31, size: 'max' }),
      genes: fc.array(gene, { minLength: minOps, maxLength: maxOps, size: 'max' }),
      also: fc.array(fc.nat({ max: 30 }), { maxLength: 2 }),
    })
    .map(build)

/** 2 first: the least size at which most mistakes show. 0 is rare, since it leaves little to compute. */
const axisSize = fc.oneof(
  { arbitrary: fc.constantFrom(2, 1, 3, 4, 5, 6), weight: 30 },
  { arbitrary: fc.constant(0), weight: 1 },
)
const inputDtype = fc.oneof(
  { arbitrary: fc.constant<DType>('f32'), weight: 6 },
  { arbitrary: fc.constantFrom<DType>('i32', 'f16', 'bf16', 'bool'), weight: 4 },
)
/** Mostly the nodes made last, so that programs are deep; any other often enough that they share. */
const reference = fc.oneof({ arbitrary: fc.nat({ max: 2 }), weight: 4 }, { arbitrary: fc.nat({ max: 40 }), weight: 1 })
/** What models are made of. */
const frequent: readonly StepKind[] = [
  'add',
  'mul',
  'mask',
  'tanh',
  'scale',
  'reduceSum',
  'matmul',
  'softmax',
  'gather',
  'threefry',
]
/** What a step that is ill-posed is replaced by. */
const instead: readonly StepKind[] = [
  'neg',
  'tanh',
  'scale',
  'reduceMax',
  'transpose',
  'repeat',
  'reshape',
  'not',
  'slice',
]
const gene: fc.Arbitrary<Gene> = fc.record({
  kind: fc.constantFrom(...stepKinds, ...frequent, ...frequent),
  at: fc.tuple(reference, reference, reference),
  code: fc.nat({ max: 2 ** 30 }),
})

interface Draft {
  readonly dims: readonly number[]
  readonly slots: readonly { readonly axes: readonly number[]; readonly dtype: DType }[]
  readonly numbers: readonly number[]
  readonly genes: readonly Gene[]
  readonly also: readonly number[]
}

const build = ({ dims, slots, numbers, genes, also }: Draft): TensorProgram => {
  const known = new Map<Expr, Known>()
  const inputs = new Map<string, Float64Array>()
  const nodes: Expr[] = []
  const pick = (slot: number) => (i: number) => numbers[(i + 5 * slot) % numbers.length]!

  const newInput = (shape: Shape, dtype: DType, values: (pick: (i: number) => number) => readonly number[]): Expr => {
    const name = `x${inputs.size}`
    const e = inputNode(name, shape, dtype)
    const data = Float64Array.from(values(pick(inputs.size)))
    inputs.set(name, data)
    known.set(e, knowInput(e, data))
    nodes.push(e)
    return e
  }
  for (const { axes, dtype } of slots) {
    const shape = axes.map((a) => dims[a]!)
    const small = sizeOf(shape) > maxElements ? shape.slice(0, 3) : shape
    newInput(small, dtype, (value) => Array.from({ length: sizeOf(small) }, (_, i) => numberOf(value(i), dtype)))
  }

  const scope: Scope = { dims, nodes, valuesOf: (e) => known.get(e)!.values, input: newInput }
  let left = genes.length
  const admit = (e: Expr | null): boolean => {
    const found = e === null || known.has(e) ? null : know(e, known)
    if (found === null) return false
    // Of a function that is longer than what is left, its first nodes: so that it shrinks.
    const taken = found.slice(0, left)
    for (const k of taken) {
      known.set(k.expr, k)
      nodes.push(k.expr)
    }
    left -= taken.length
    return true
  }
  for (const g of genes) {
    if (left === 0) break
    const before = [inputs.size, nodes.length] as const
    if (admit(takeStep(g, scope))) continue
    // Inputs that were made for a step that is not taken.
    for (const name of [...inputs.keys()].slice(before[0])) inputs.delete(name)
    nodes.length = before[1]
    if (admit(takeStep({ ...g, kind: instead[g.code % instead.length]! }, scope))) continue
    admit(simplestStep(nodes[nodes.length - 1 - (g.at[0] % nodes.length)]!))
  }
  while (left > 0) admit(simplestStep(nodes.at(-1)!))
  const read = new Set(nodes.flatMap((e) => e.inputs))
  const ends = nodes.filter((e) => !read.has(e) && e.op.name !== 'input')
  const outputs = [...ends, ...also.map((k) => nodes[nodes.length - 1 - (k % nodes.length)]!)]
  return printing(outputs, inputs)
}

const numberOf = (k: number, dtype: DType): number => (dtype === 'i32' ? k : dtype === 'bool' ? Math.abs(k) % 2 : k / 8)

/** The program with the inputs that it reads, and its text for counterexamples. */
const printing = (outputs: readonly Expr[], values: ReadonlyMap<string, Float64Array>): TensorProgram => {
  const read = topological(outputs).flatMap((e) => (e.op.name === 'input' ? [e.params.name as string] : []))
  const inputs = new Map(read.map((name) => [name, values.get(name)!]))
  const program: TensorProgram = { outputs, inputs }
  const text = (): string => `\n${showTensorProgram(program)}\n`
  return Object.assign(program, { [fc.toStringMethod]: text })
}

/** The program's text and its inputs' values. */
export const showTensorProgram = ({ outputs, inputs }: TensorProgram): string =>
  [printProgram(outputs), ...[...inputs].map(([name, data]) => `${name} = [${Array.from(data).join(', ')}]`)].join('\n')

/** The ops of a program: its nodes that are not inputs. */
export const opsOf = ({ outputs }: TensorProgram): readonly Expr[] =>
  topological(outputs).filter((e) => e.op.name !== 'input')
