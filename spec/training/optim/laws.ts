import { exprLeaves, mapExprs, ops, zerosLikeTree, type ExprTree } from '../../../core'
import type { GradientTransformation } from '../../../training/optim'
import { assertClose } from '../../kit'
import { layoutOf, numbersOf, rollOut, type Problem } from './roll-out'

/** What a transformation does not do that it should. */
export class OptimLawError extends Error {
  readonly _tag = 'OptimLawError'
}

const same = (got: readonly string[], want: readonly string[], what: string): void => {
  if (got.join('\n') !== want.join('\n'))
    throw new OptimLawError(`${what}: got ${got.join(', ')}; want ${want.join(', ')}`)
}

export type OptimLaw = (transform: GradientTransformation, problem: Problem) => void

/** Updates are a tree like the gradients, and the state after a step one like the state before it. */
export const keepsStructure: OptimLaw = (transform, { params, gradients }) => {
  let state = transform.init(params)
  const before = layoutOf(state)
  for (const gradient of gradients) {
    const result = transform.update(gradient, state, params)
    same(layoutOf(result.updates), layoutOf(params), 'updates')
    same(layoutOf(result.state), before, 'state')
    state = result.state
  }
}

/** All state is f32, whatever the step. */
export const keepsStateInF32: OptimLaw = (transform, problem) => {
  for (const tree of [transform.init(problem.params), ...rollOut(transform, problem).map((s) => s.state)])
    for (const { aval } of exprLeaves(tree))
      if (aval.dtype !== 'f32') throw new OptimLawError(`state in f32: got ${layoutOf(tree).join(', ')}`)
}

/** Gradients that are 0 throughout move nothing. */
export const restsAtZeroGradient: OptimLaw = (transform, { params, gradients }) => {
  const zeros = gradients.map((g) => zerosLikeTree(g))
  for (const { updates } of rollOut(transform, { params, gradients: zeros }))
    if (numbersOf(updates).some((x) => x !== 0))
      throw new OptimLawError(`zero gradient: got ${numbersOf(updates).join(', ')}`)
}

/** Equal inputs give equal outputs: nothing is kept but the state. */
export const isRepeatable: OptimLaw = (transform, problem) => {
  const [a, b] = [rollOut(transform, problem), rollOut(transform, problem)]
  a.forEach((step, i) => {
    assertClose(numbersOf(b[i]!.updates), numbersOf(step.updates), { label: `updates of step ${i}` })
    assertClose(numbersOf(b[i]!.state), numbersOf(step.state), { label: `state after step ${i}` })
  })
}

/** A leaf's update does not depend on the other leaves: so the work can be cut anywhere. */
export const actsLeafByLeaf: OptimLaw = (transform, problem) => {
  const alone = (tree: ExprTree, at: number): ExprTree => ({ it: exprLeaves(tree)[at]! })
  const whole = rollOut(transform, problem)
  exprLeaves(problem.params).forEach((_, at) => {
    const part = rollOut(transform, {
      params: alone(problem.params, at),
      gradients: problem.gradients.map((g) => alone(g, at)),
    })
    part.forEach((step, i) =>
      assertClose(numbersOf(step.updates), numbersOf(alone(whole[i]!.updates, at)), { label: `leaf ${at}, step ${i}` }),
    )
  })
}

/** Gradients of the other sign give updates of the other sign. */
export const isOdd: OptimLaw = (transform, { params, gradients }) => {
  const flipped = gradients.map((g) => mapExprs(g, (e) => ops.neg(e)))
  const [plus, minus] = [rollOut(transform, { params, gradients }), rollOut(transform, { params, gradients: flipped })]
  plus.forEach(({ updates }, i) =>
    assertClose(
      numbersOf(minus[i]!.updates),
      numbersOf(updates).map((x) => -x),
      { tolerance: 1e-13, label: `step ${i}` },
    ),
  )
}
