import type { Expr, Tree } from '../core'
import type { PairConfig } from './config'
import type { PairParams } from './pair'
import type { HeadSpecs, ParameterSpec } from './parameters'

/** Expressions in the place of specifications. */
export type ParamsOf<S> = S extends ParameterSpec ? Expr : { readonly [K in keyof S]: ParamsOf<S[K]> }

/** Parameters that an objective has beside the pair's, at `head/NAME` in its tree and its checkpoints. */
export interface Head<S = unknown> extends HeadSpecs {
  /** They themselves, out of a tree that has them. throws  Error where the objective does not declare this head */
  readonly of: (params: PairParams) => ParamsOf<S>
}

const ofThePair: readonly string[] = ['mlm', 'clm', 'rtd']

/**
 * A head of an objective's own: its name, and its parameters by the sizes of the pair (`linearSpecs`, `normSpecs`, `normalSpec`, `zerosSpec`
 * make them).
 *
 *     const topicHead = defineHead('topic', (c) => linearSpecs(c, c.hidden, 8))
 *
 * throws  Error for a name that the pair's heads have or that is no single part of a path
 */
export const defineHead = <S extends Tree<ParameterSpec>>(name: string, specs: (c: PairConfig) => S): Head<S> => {
  if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name) || ofThePair.includes(name))
    throw new Error(`defineHead: expected a name of letters and digits, none of ${ofThePair.join(', ')}, got "${name}"`)
  return {
    name,
    specs,
    of: (params) => {
      const own = Object.entries<unknown>(params.head).find(([key]) => key === name)
      if (own === undefined)
        throw new Error(`head "${name}": expected it among the heads that the objective declares, got none such`)
      return own[1] as ParamsOf<S>
    },
  }
}
