import { withPath } from './error'
import { withInputs, type Expr } from './op'
import { topological } from './walk'

/** The same expressions with other nodes in the place of some, by identity; what needs none of them stays as it is. */
export const substitute = (roots: readonly Expr[], replacements: ReadonlyMap<Expr, Expr>): readonly Expr[] => {
  const done = new Map<Expr, Expr>(replacements)
  for (const e of topological(roots, (x) => replacements.has(x)))
    if (!done.has(e))
      done.set(
        e,
        withPath(e.path, () =>
          withInputs(
            e,
            e.inputs.map((x) => done.get(x)!),
          ),
        ),
      )
  return roots.map((root) => done.get(root)!)
}
