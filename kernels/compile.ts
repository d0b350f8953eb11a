import type * as E from 'fp-ts/Either'
import { builtOr, evaluateOne, ShapeError, topological, type Expr } from '../core'
import { arenaOf } from './arena'
import { planCost } from './cost'
import { fuse, type FusionLimits } from './fuse'
import type { Kernel } from './kernel'
import { lowerKernel } from './lower'
import type { BufferId, KernelStep, Plan, PlanBuffer, PlanInput } from './plan'
import type { Program } from './program'
import { schedule } from './schedule'
import { simplify } from './simplify'

export interface CompileOptions extends Partial<FusionLimits> {
  /** false: one kernel per op, for comparing fused with unfused. */
  readonly fused?: boolean
}

const defaults: FusionLimits = { maxInputs: 7, maxWeight: 400 }

/** Build a program and plan it. A ShapeError raised while building comes back as a Left; any other error is a bug and is thrown. */
export const compile = (build: () => Program, options: CompileOptions = {}): E.Either<ShapeError, Plan> =>
  builtOr(() => planOf(build(), options))

/** Plans by program and options, the last `limit` that were made: a step that is built again is not planned again. */
export const planCache = (
  limit = 64,
): ((build: () => Program, options?: CompileOptions) => E.Either<ShapeError, Plan>) => {
  const plans = new Map<string, Plan>()
  return (build, options = {}) =>
    builtOr(() => {
      const program = build()
      const key = JSON.stringify([program.outputs.map((o) => [o.name, o.value.hash]), program.donated ?? [], options])
      const found = plans.get(key)
      if (found !== undefined) return found
      const plan = planOf(program, options)
      if (plans.size >= limit) plans.delete(plans.keys().next().value!)
      plans.set(key, plan)
      return plan
    })
}

const planOf = (program: Program, options: CompileOptions): Plan => {
  const limits = { ...defaults, ...options }
  const roots = simplify(
    program.outputs.map((o) => o.value),
    limits.maxInputs,
  )
  const order = schedule(topological(roots))
  const outputs = new Set(roots)
  const fusion =
    options.fused === false
      ? { ...fuse(order, outputs, limits), isStored: (e: Expr) => e.op.name !== 'literal' || outputs.has(e) }
      : fuse(order, outputs, limits)

  const buffers: PlanBuffer[] = []
  const bufferOf = new Map<Expr, BufferId>()
  const inputs: PlanInput[] = []
  const constants: { readonly buffer: BufferId; readonly data: readonly number[] }[] = []
  const kernels: Kernel[] = []
  const kernelIndex = new Map<string, number>()
  const steps: Omit<KernelStep, 'frees'>[] = []
  const addBuffer = (e: Expr, source: PlanBuffer['source']): BufferId => {
    buffers.push({ aval: e.aval, source })
    bufferOf.set(e, buffers.length - 1)
    return buffers.length - 1
  }

  for (const e of order) {
    if (e.op.name === 'input') {
      const name = e.params.name as string
      inputs.push({ name, buffer: addBuffer(e, 'input'), donated: program.donated?.includes(name) ?? false })
    } else if (e.op.name === 'constant')
      // As the dtype holds them: halves rounded, integers truncated, truth values 0 and 1.
      constants.push({ buffer: addBuffer(e, 'constant'), data: Array.from(evaluateOne(e)) })
    else if (fusion.isStored(e)) {
      const alias = e.op.name === 'reshape' ? bufferOf.get(e.inputs[0]!) : undefined
      if (alias !== undefined) {
        // The same bytes under another shape: no step, no copy.
        bufferOf.set(e, alias)
        continue
      }
      const { kernel, reads } = lowerKernel(e, fusion)
      let index = kernelIndex.get(kernel.key)
      if (index === undefined) {
        index = kernels.length
        kernels.push(kernel)
        kernelIndex.set(kernel.key, index)
      }
      const ids = reads.map((r) => bufferOf.get(r)!)
      steps.push({ kernel: index, inputs: ids, output: addBuffer(e, 'step'), path: e.path })
    }
  }
  checkNames(inputs)
  const named = program.outputs.map((o, i) => ({ name: o.name, buffer: bufferOf.get(roots[i]!)! }))
  const withFrees = freeAfterLastUse(steps, buffers, inputs, new Set(named.map((o) => o.buffer)))
  const arena = arenaOf(withFrees, buffers)
  return {
    program,
    inputs,
    constants,
    kernels,
    steps: withFrees,
    buffers,
    outputs: named,
    arena,
    cost: planCost(kernels, withFrees, buffers, arena),
  }
}

const freeAfterLastUse = (
  steps: readonly Omit<KernelStep, 'frees'>[],
  buffers: readonly PlanBuffer[],
  inputs: readonly PlanInput[],
  kept: ReadonlySet<BufferId>,
): readonly KernelStep[] => {
  const donated = new Set(inputs.flatMap((i) => (i.donated ? [i.buffer] : [])))
  const lastUse = new Map<BufferId, number>()
  steps.forEach((step, i) => {
    for (const b of [...step.inputs, step.output]) lastUse.set(b, i)
  })
  const mayFree = (b: BufferId): boolean => !kept.has(b) && (buffers[b]!.source === 'step' || donated.has(b))
  return steps.map((step, i) => ({
    ...step,
    frees: [...new Set([...step.inputs, step.output])].filter((b) => lastUse.get(b) === i && mayFree(b)),
  }))
}

/** One name, one input: two inputs that share a name but not a shape would be told apart by nothing. */
const checkNames = (inputs: readonly PlanInput[]): void => {
  const seen = new Set<string>()
  for (const { name } of inputs) {
    if (seen.has(name))
      throw new ShapeError({
        op: 'input',
        expected: 'one shape and dtype for one name',
        got: `two inputs named "${name}"`,
        path: [],
      })
    seen.add(name)
  }
}
