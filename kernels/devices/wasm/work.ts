import { sizeOf, type Scalar } from '../../../core'
import type { Kernel } from '../../kernel'
import { partsOf } from '../../emit/rebuild'

/** Work of operations in additions, roughly as they take on one vector. */
const weights: Readonly<Record<string, number>> = {
  exp: 12,
  log: 14,
  tanh: 24,
  erf: 24,
  sqrt: 6,
  div: 4,
  sin: 40,
  cos: 40,
}

const workOfScalar = (root: Scalar): number =>
  partsOf([root]).scalars.reduce(
    (sum, s) =>
      sum +
      (s.tag === 'unary' || s.tag === 'binary'
        ? (weights[s.fn] ?? 1)
        : s.tag === 'threefry'
          ? 110
          : s.tag === 'const' || s.tag === 'acc'
            ? 0
            : 1),
    1,
  )

/** Work of a whole kernel, in additions: where tasks are cut follows it, and nothing else. */
export const workOf = (kernel: Kernel): number => {
  const inner =
    kernel.reduce === undefined ? 0 : sizeOf(kernel.reduce.axes.map((a) => a.size)) * workOfScalar(kernel.reduce.body)
  return sizeOf(kernel.output.shape) * (workOfScalar(kernel.body) + inner)
}
