import type { ExprTree } from '../../core'
import type { GradientTransformation } from './base'

/** Links in order: the first sees the gradients, the last gives what is added to the parameters. State is kept by link. */
export const chain = (links: {
  readonly [name: string]: GradientTransformation
}): GradientTransformation<{ readonly [name: string]: ExprTree }> => ({
  init: (params) => Object.fromEntries(Object.entries(links).map(([name, link]) => [name, link.init(params)])),
  update: (updates, state, params) => {
    let current = updates
    const next: Record<string, ExprTree> = {}
    for (const [name, link] of Object.entries(links)) {
      const result = link.update(current, state[name]!, params)
      current = result.updates
      next[name] = result.state
    }
    return { updates: current, state: next }
  },
})
