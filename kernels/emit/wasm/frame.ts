import type { Axis } from '../../../core'
import type { Kernel } from '../../kernel'
import type { LoopShape } from '../loop-shape'
import { get, i32, set, type Code } from './instructions'
import { elementBytes } from './memory'
import type { FunctionBuilder } from './module'
import type { KernelScope, Values } from './values'

/** What the loops of a kernel are made of. */
export interface KernelFrame {
  readonly f: FunctionBuilder
  readonly kernel: Kernel
  readonly shape: LoopShape
  readonly scope: KernelScope
  /** Values known before all loops. */
  readonly top: Values
  /** Address of the output. */
  readonly out: number
}

/** Sets the locals of axes from a position in them; destroys it. */
export const setCoordinates = (axes: readonly Axis[], locals: ReadonlyMap<string, number>, position: number): Code => {
  const code: Code[] = []
  for (let i = axes.length - 1; i >= 0; i--) {
    const local = locals.get(axes[i]!.name)!
    if (i === 0) code.push(set(local, get(position)))
    else {
      code.push(set(local, i32.rem(get(position), i32.of(axes[i]!.size))))
      code.push(set(position, i32.div(get(position), i32.of(axes[i]!.size))))
    }
  }
  return code
}

export const elementAddress = (target: number, c: number, kernel: Kernel): Code => {
  const bytes = elementBytes(kernel.output.dtype)
  return i32.add(get(target), bytes === 1 ? get(c) : i32.mul(get(c), i32.of(bytes)))
}
