import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import { evaluate, type Expr } from '../../core'
import {
  compile,
  interpretPlan,
  type CompileOptions,
  type Device,
  type HostArray,
  type Plan,
  type Resident,
} from '../../kernels'
import { assertClose } from '../kit/assert-close'
import { programs, reductionLengths, toleranceOfOne, type TensorProgram } from '../kit/arbitraries/program'
import { orThrow } from './devices/open'

/** The plan of some expressions, named o0, o1 and so on; a ShapeError is thrown. */
export const planOf = (
  values: readonly Expr[],
  { donated = [], ...options }: CompileOptions & { readonly donated?: readonly string[] } = {},
): Plan => {
  const plan = compile(() => ({ outputs: values.map((value, i) => ({ name: `o${i}`, value })), donated }), options)
  if (E.isLeft(plan)) throw plan.left
  return plan.right
}

/** Runs a plan once on host values by name, reads all that it returns and frees everything. */
export const runPlan = async (
  device: Device,
  plan: Plan,
  inputs: ReadonlyMap<string, HostArray>,
): Promise<readonly HostArray[]> => {
  const executable = await orThrow(device.compile(plan))
  const uploaded: Resident[] = []
  for (const { name, buffer } of plan.inputs)
    uploaded.push(await orThrow(device.upload(inputs.get(name)!, plan.buffers[buffer]!.aval)))
  const results = await orThrow(executable.run(uploaded))
  const values: HostArray[] = []
  for (const r of results) values.push(await orThrow(device.read(r)))
  device.free([...uploaded, ...results])
  executable.dispose()
  return values
}

type Outputs = readonly ArrayLike<number>[]
const labelled = (
  label: string,
  got: Outputs,
  want: Outputs,
  tolerances: readonly number[],
  signedZero = false,
): void =>
  want.forEach((w, i) =>
    assertClose(got[i]!, w, { tolerance: tolerances[i]!, signedZero, label: `output ${i}: ${label}` }),
  )

/** What makes a plan of a program; specimens put something wrong here. */
export type MakePlan = (values: readonly Expr[], options: CompileOptions) => Plan

/**
 * What a device computes from the fused and from the unfused plan is what `evaluate` says, and both agree with each other:
 * within 1e-5 for each element of the longest reduction, relative to the larger of 1 and the value. NaN equals NaN, infinities
 * equal themselves, zeros equal whatever their sign.
 */
export const agreesOn =
  (device: Device, plan: MakePlan = planOf) =>
  async ({ outputs, inputs }: TensorProgram): Promise<void> => {
    const tolerances = reductionLengths(outputs).map((n) => n * toleranceOfOne)
    const want = evaluate(outputs, inputs)
    const { maxInputs } = device
    const fused = await runPlan(device, plan(outputs, { maxInputs }), inputs)
    labelled(`fused on ${device.name}, and evaluate,`, fused, want, tolerances)
    const unfused = await runPlan(device, plan(outputs, { maxInputs, fused: false }), inputs)
    labelled(`unfused on ${device.name}, and evaluate,`, unfused, want, tolerances)
    labelled(`fused and unfused on ${device.name}`, fused, unfused, tolerances)
  }

/** The same in float64, without a device: the loop interpreter on both plans, to 1e-12 and to the sign of zero. */
export const agreesInFloat64 =
  (plan: MakePlan = planOf, options: CompileOptions = {}) =>
  ({ outputs, inputs }: TensorProgram): void => {
    const tolerances = outputs.map(() => 1e-12)
    const want = evaluate(outputs, inputs)
    const [fused, unfused] = [true, false].map((on): Outputs => {
      const got = interpretPlan(plan(outputs, { ...options, fused: on }), inputs)
      return outputs.map((_, i) => got.get(`o${i}`)!)
    }) as [Outputs, Outputs]
    labelled('fused, and evaluate,', fused, want, tolerances, true)
    labelled('unfused, and evaluate,', unfused, want, tolerances, true)
    labelled('fused and unfused', fused, unfused, tolerances, true)
  }

/** Runs the comparison on `count` programs; a failure shows the smallest program that was found to fail, and its seed. */
export const compareOn = async (
  device: Device,
  {
    count,
    seed,
    ...limits
  }: { readonly count: number; readonly seed: number; readonly minOps?: number; readonly maxOps?: number },
  plan?: MakePlan,
): Promise<void> => fc.assert(fc.asyncProperty(programs(limits), agreesOn(device, plan)), { numRuns: count, seed })
