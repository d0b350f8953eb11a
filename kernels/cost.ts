import type { Scalar } from '../core'
import { byteSize, type Arena } from './arena'
import type { Kernel } from './kernel'
import type { KernelStep, PlanBuffer, PlanCost } from './plan'

/** Arithmetic operations in one evaluation of a scalar, each shared part once. Loads and index arithmetic count nothing. */
export const scalarWork = (root: Scalar): number => {
  let work = 0
  const seen = new Set<string>()
  const stack = [root]
  for (let s = stack.pop(); s !== undefined; s = stack.pop()) {
    if (seen.has(s.key)) continue
    seen.add(s.key)
    if (s.tag === 'unary') {
      work += 1
      stack.push(s.x)
    } else if (s.tag === 'binary') {
      work += 1
      stack.push(s.x, s.y)
    } else if (s.tag === 'select') {
      work += 1
      stack.push(s.cond, s.x, s.y)
    } else if (s.tag === 'threefry') {
      work += 100 // 20 rounds of add, rotate, xor
      stack.push(...s.args)
    }
  }
  return work
}

/** FLOPs, traffic and peak of a plan: what is alive at once counts inputs and constants too. */
export const planCost = (
  kernels: readonly Kernel[],
  steps: readonly KernelStep[],
  buffers: readonly PlanBuffer[],
  arena: Arena,
): PlanCost => {
  let flops = 0
  let bytes = 0
  const sizes = buffers.map(byteSize)
  let alive = 0
  buffers.forEach((b, i) => {
    if (b.source !== 'step') alive += sizes[i]!
  })
  let peakBytes = alive
  const passing = new Set(steps.flatMap((step) => step.frees))
  let work = 0
  let workBytes = 0
  for (const step of steps) {
    flops += kernels[step.kernel]!.flops
    bytes += sizes[step.output]! + step.inputs.reduce((sum, b) => sum + sizes[b]!, 0)
    alive += sizes[step.output]!
    peakBytes = Math.max(peakBytes, alive)
    if (passing.has(step.output)) work += sizes[step.output]!
    workBytes = Math.max(workBytes, work)
    for (const b of step.frees) {
      alive -= sizes[b]!
      if (buffers[b]!.source === 'step') work -= sizes[b]!
    }
  }
  return { flops, bytes, peakBytes, workBytes, arenaBytes: arena.bytes }
}
