import { acc, axisIndex, flatIndex, load, sizeOf, type Index, type Scalar } from '../../core'
import type { Kernel } from '../kernel'
import { partsOf, rewriteAcc } from './rebuild'

/** The part of a kernel that follows its reduction, as a kernel that reads the reduction's result from its last input. */
export const epilogueOf = (kernel: Kernel): Kernel => {
  const at = placeOf(kernel)
  const body = rewriteAcc(kernel.body, load(kernel.inputs.length, at, 'real'))
  return {
    name: kernel.name,
    key: `${kernel.key}:epilogue`,
    inputs: [...kernel.inputs, { dtype: 'f32', size: sizeOf(kernel.output.shape) }],
    output: kernel.output,
    axes: kernel.axes,
    body,
    flops: 0,
  }
}

/** The reduction of a kernel alone, left in f32: what `epilogueOf` it reads. */
export const sumsOf = (kernel: Kernel): Kernel => ({
  ...kernel,
  key: `${kernel.key}:sums`,
  output: { ...kernel.output, dtype: 'f32' },
  body: acc('real'),
})

/** Position in the output. */
export const placeOf = (kernel: Kernel): Index =>
  flatIndex(
    kernel.axes.map((a) => axisIndex(a.name, a.size)),
    kernel.output.shape,
  )

/** The indices at which a kernel reads a slot. */
export const readsOf = (kernel: Kernel): readonly { readonly slot: number; readonly index: Index }[] => {
  const roots: Scalar[] = [kernel.body]
  if (kernel.reduce !== undefined) roots.push(kernel.reduce.body)
  if (kernel.reduce?.count !== undefined) roots.push(kernel.reduce.count)
  return partsOf(roots).scalars.flatMap((s) => (s.tag === 'load' ? [{ slot: s.slot, index: s.index }] : []))
}
