import { showAval } from '../core'
import type { Plan } from './plan'

/**
 * A plan as stable text: its inputs, then one line a step, with the byte of the arena at which it writes and what it frees. Golden tests read it.
 */
export const printPlan = (plan: Plan): string => {
  const name = (b: number): string => `b${b}`
  const lines = [
    ...plan.inputs.map(
      (i) =>
        `input ${name(i.buffer)} ${i.name} : ${showAval(plan.buffers[i.buffer]!.aval)}${i.donated ? ' donated' : ''}`,
    ),
    ...plan.constants.map((c) => `constant ${name(c.buffer)} : ${showAval(plan.buffers[c.buffer]!.aval)}`),
    ...plan.steps.map((s) => {
      const frees = s.frees.length > 0 ? ` free ${s.frees.map(name).join(' ')}` : ''
      const at = s.path.length > 0 ? ` @${s.path.join('/')}` : ''
      return `${name(s.output)} = k${s.kernel} ${plan.kernels[s.kernel]!.name}(${s.inputs.map(name).join(' ')}) : ${showAval(plan.buffers[s.output]!.aval)} at ${plan.arena.offsetOf[s.output]}${frees}${at}`
    }),
    `return ${plan.outputs.map((o) => `${o.name}=${name(o.buffer)}`).join(' ')}`,
    `cost ${plan.cost.flops} flops, ${plan.cost.bytes} bytes moved, ${plan.cost.peakBytes} bytes at peak, ${plan.cost.arenaBytes} in the arena; ${plan.steps.length} steps of ${plan.kernels.length} kernels`,
  ]
  return lines.join('\n')
}
