import type { Atom, Axis, Index, Scalar } from '../../../core'
import { childrenOf } from '../rebuild'

/** What a value depends on: how deep in the loops it is first known, whether its lanes differ, whether it needs the reduction. */
export interface Facts {
  readonly level: number
  readonly varies: boolean
  readonly afterReduction: boolean
}
const constant: Facts = { level: 0, varies: false, afterReduction: false }
const join = (a: Facts, b: Facts): Facts => ({
  level: Math.max(a.level, b.level),
  varies: a.varies || b.varies,
  afterReduction: a.afterReduction || b.afterReduction,
})

export class Dependence {
  private readonly scalars = new Map<string, Facts>()
  constructor(
    /** By axis name: the depth of the loop that sets it. */
    private readonly depth: ReadonlyMap<string, number>,
    private readonly vector: Axis | undefined,
    /** Depth at which the reduction is complete. */
    private readonly reducedAt: number,
  ) {}

  index(x: Index): Facts {
    return x.terms.reduce((facts, t) => join(facts, this.atom(t.atom)), constant)
  }

  atom(a: Atom): Facts {
    switch (a.tag) {
      case 'axis': {
        const level = this.depth.get(a.name)
        if (level === undefined) throw new Error(`internal: axis ${a.name} is not in scope`)
        return { level, varies: a.name === this.vector?.name, afterReduction: false }
      }
      case 'div':
      case 'mod':
        return this.index(a.x)
      case 'data':
        return this.scalar(a.value)
    }
  }

  scalar(s: Scalar): Facts {
    const known = this.scalars.get(s.key)
    if (known !== undefined) return known
    let facts: Facts =
      s.tag === 'load' || s.tag === 'index'
        ? this.index(s.index)
        : s.tag === 'acc'
          ? {
              level: this.reducedAt,
              varies: this.vector !== undefined && this.depth.get(this.vector.name)! <= this.reducedAt,
              afterReduction: true,
            }
          : constant
    for (const part of childrenOf(s)) facts = join(facts, this.scalar(part))
    this.scalars.set(s.key, facts)
    return facts
  }
}
