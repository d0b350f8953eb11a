import { sizeOf } from '../../../core'
import type { Work } from '../../donations'
import { contractionOf, type Contraction } from '../../emit/contraction'
import { epilogueOf, sumsOf } from '../../emit/places'
import { splitReduction } from '../../emit/split-reduction'
import { formats } from '../../emit/wgsl/memory'
import { canStore } from '../../emit/wgsl/product'
import type { Kernel } from '../../kernel'
import type { BufferId, Plan, PlanBuffer } from '../../plan'

/** Part of a step: all of its kernel, or the sums and what follows them. */
export interface Part extends Work {
  readonly step: number
  /** `kernel`, where it is a product by tiles. */
  readonly product: Contraction | undefined
}

/** Parts of a plan in order, and its buffers with those that only parts know. */
export const partsOf = (plan: Plan): { readonly parts: readonly Part[]; readonly buffers: readonly PlanBuffer[] } => {
  const buffers = [...plan.buffers]
  const temporary = (aval: PlanBuffer['aval']): BufferId => buffers.push({ aval, source: 'step' }) - 1
  const forms = plan.kernels.map(formOf)
  const parts = plan.steps.flatMap(({ kernel, inputs, output }, step): readonly Part[] => {
    const form = forms[kernel]
    if (form === undefined) return []
    const { first, product, then } = form
    if (then === undefined) return [{ step, kernel: first, product, inputs, output, mayOverwrite: true }]
    const sums = temporary(first.output)
    return [
      { step, kernel: first, product, inputs, output: sums, mayOverwrite: false },
      { step, kernel: then, product: undefined, inputs: [...inputs, sums], output, mayOverwrite: true },
    ]
  })
  return { parts, buffers }
}

/** How a kernel is computed: by one shader, or by one that leaves sums and another that reads them from its last input. */
interface Form {
  readonly first: Kernel
  /** `first`, where it is a product by tiles. */
  readonly product: Contraction | undefined
  readonly then: Kernel | undefined
}

/** undefined for a kernel without elements. */
const formOf = (kernel: Kernel): Form | undefined => {
  if (sizeOf(kernel.output.shape) === 0) return undefined
  const product = contractionOf(kernel)
  if (product === undefined) return { product, ...(splitReduction(kernel) ?? { first: kernel, then: undefined }) }
  if (canStore(product, formats[kernel.output.dtype].perWord)) return { first: kernel, product, then: undefined }
  return { first: sumsOf(kernel), product: { ...product, epilogue: undefined }, then: epilogueOf(kernel) }
}
