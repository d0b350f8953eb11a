import type { Expr } from '../../core'
import type { Policy } from './policy'
import type { ComputeDType } from './rules'

/** The compute dtype of each node by the scopes it was built in, and the names of the policy that fitted none. */
export const scopeLookup = (
  policy: Policy,
): { readonly computeOf: (e: Expr) => ComputeDType; readonly unused: () => readonly string[] } => {
  const rules = Object.entries(policy.scopes ?? {})
    .map(([name, compute]) => ({ name, compute, scopes: name.split('/') }))
    .sort((a, b) => b.scopes.length - a.scopes.length)
  const seen = new Set<string>()
  const known = new Map<string, ComputeDType>()
  const computeOf = ({ path }: Expr): ComputeDType => {
    if (rules.length === 0) return policy.compute
    const key = path.join('/')
    const found = known.get(key)
    if (found !== undefined) return found
    const fitting = rules.filter(({ scopes }) => contains(path, scopes))
    fitting.forEach(({ name }) => seen.add(name))
    const compute = fitting[0]?.compute ?? policy.compute
    known.set(key, compute)
    return compute
  }
  return { computeOf, unused: () => rules.flatMap(({ name }) => (seen.has(name) ? [] : [name])) }
}

const contains = (path: readonly string[], scopes: readonly string[]): boolean =>
  path.some((_, at) => scopes.every((name, i) => path[at + i] === name))
