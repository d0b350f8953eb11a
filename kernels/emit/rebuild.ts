import {
  addIndex,
  axisIndex,
  binary,
  constIndex,
  dataIndex,
  divIndex,
  load,
  modIndex,
  ofIndex,
  scaleIndex,
  select,
  threefryBits,
  unary,
  type Atom,
  type Index,
  type Scalar,
} from '../../core'

/** What an axis becomes, by name. Axes that are not named stay. */
export type Renaming = ReadonlyMap<string, Index>

/** Rewrites the axes of scalars and indices; what is shared stays shared (one memo for all that it rewrites). */
export interface Rewriter {
  readonly index: (x: Index) => Index
  readonly scalar: (s: Scalar) => Scalar
}

export const rewriter = (axes: Renaming, acc?: Scalar): Rewriter => {
  const seen = new Map<string, Scalar>()
  const indices = new Map<string, Index>()

  const atom = (a: Atom): Index => {
    switch (a.tag) {
      case 'axis':
        return axes.get(a.name) ?? axisIndex(a.name, a.size)
      case 'div':
        return divIndex(index(a.x), a.by)
      case 'mod':
        return modIndex(index(a.x), a.by)
      case 'data':
        return dataIndex(scalar(a.value), a.size)
    }
  }
  const index = (x: Index): Index => {
    const known = indices.get(x.key)
    if (known !== undefined) return known
    let sum = constIndex(x.constant)
    for (const term of x.terms) sum = addIndex(sum, scaleIndex(atom(term.atom), term.coef))
    indices.set(x.key, sum)
    return sum
  }
  const scalar = (s: Scalar): Scalar => {
    const known = seen.get(s.key)
    if (known !== undefined) return known
    const made = remake(s)
    seen.set(s.key, made)
    return made
  }
  const remake = (s: Scalar): Scalar => {
    switch (s.tag) {
      case 'const':
        return s
      case 'acc':
        return acc ?? s
      case 'load':
        return load(s.slot, index(s.index), s.type)
      case 'index':
        return ofIndex(index(s.index))
      case 'unary':
        return unary(s.fn, scalar(s.x))
      case 'binary':
        return binary(s.fn, scalar(s.x), scalar(s.y))
      case 'select':
        return select(scalar(s.cond), scalar(s.x), scalar(s.y))
      case 'threefry':
        return threefryBits(s.bits, s.args.map(scalar))
    }
  }
  return { index, scalar }
}

/** The scalar with something else in place of the finished reduction. */
export const rewriteAcc = (s: Scalar, acc: Scalar): Scalar => rewriter(new Map(), acc).scalar(s)

/** The scalars and indices that a scalar is made of, itself included, each once and after its parts. */
export const partsOf = (
  roots: readonly Scalar[],
): { readonly scalars: readonly Scalar[]; readonly atoms: readonly Atom[] } => {
  const scalars = new Map<string, Scalar>()
  const atoms = new Map<string, Atom>()
  const visitIndex = (x: Index): void => {
    for (const { atom, key } of x.terms) {
      if (atoms.has(key)) continue
      if (atom.tag === 'div' || atom.tag === 'mod') visitIndex(atom.x)
      else if (atom.tag === 'data') visit(atom.value)
      atoms.set(key, atom)
    }
  }
  const visit = (s: Scalar): void => {
    if (scalars.has(s.key)) return
    for (const part of childrenOf(s)) visit(part)
    if (s.tag === 'load' || s.tag === 'index') visitIndex(s.index)
    scalars.set(s.key, s)
  }
  roots.forEach(visit)
  return { scalars: [...scalars.values()], atoms: [...atoms.values()] }
}

/** Direct operands, without what stands in indices. */
export const childrenOf = (s: Scalar): readonly Scalar[] => {
  switch (s.tag) {
    case 'const':
    case 'acc':
    case 'load':
    case 'index':
      return []
    case 'unary':
      return [s.x]
    case 'binary':
      return [s.x, s.y]
    case 'select':
      return [s.cond, s.x, s.y]
    case 'threefry':
      return s.args
  }
}
