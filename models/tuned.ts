import type { ExprTree, Tree } from '../core'
import type { PairConfig } from './config'
import type { MainParams } from './pair'
import { parameterSpecs, type ParameterSpec } from './parameters'

/** A main model adapted to tasks: one encoder and a head for each, by the task's name. The auxiliary and the language heads are left behind. */
export type TunedParams = MainParams & { readonly tasks: { readonly [task: string]: ExprTree } }

/** Parameters of a tuned model whose heads have these. Those of the encoder have the paths that they have in a pair. */
export const tunedSpecs = (
  config: PairConfig,
  heads: { readonly [task: string]: Tree<ParameterSpec> },
): Tree<ParameterSpec> => {
  const { embedding, main } = parameterSpecs(config) as { readonly [part: string]: Tree<ParameterSpec> }
  return { embedding: embedding!, main: main!, tasks: heads }
}
