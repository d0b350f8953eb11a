import type { Atom, Index, Scalar } from '../../core'
import type { Kernel } from '../kernel'
import type { GpujsMode } from './gpujs'
import type { HelperSet } from './gpujs-functions'
import { infinityText } from './formulas'
import { indexPrinter } from './index-text'
import type { LoopShape, Nest } from './loop-shape'
import { partsOf } from './rebuild'
import { scalarPrinter, type ScalarPrinter } from './scalar-text'
import { After, Levels, Scope } from './scope'

export interface BodyText {
  readonly lines: readonly string[]
  readonly slots: ReadonlySet<number>
  readonly functions: ReadonlySet<HelperSet>
}

/** What printing leaves behind, beside lines. */
interface Found {
  readonly slots: Set<number>
  readonly functions: Set<HelperSet>
}

const threads = ['x', 'y', 'z']

export const printBody = (kernel: Kernel, mode: GpujsMode, shape: LoopShape, nests: readonly Nest[]): BodyText => {
  const found: Found = { slots: new Set(), functions: new Set() }
  const before = new Scope(0)
  const lines: string[] = []
  const axisOf = new Map(shape.axes.map((a, i) => [a.name, threads[shape.axes.length - 1 - i]!]))
  if (mode === 'cpu') for (const t of new Set(axisOf.values())) lines.push(`const ${t} = this.thread.${t};`)

  const printer = (
    scope: Scope,
    levels: Levels,
    loops: ReadonlyMap<string, string>,
    roots: readonly Scalar[],
  ): ScalarPrinter => {
    const axis = (name: string): string => {
      const thread = axisOf.get(name)
      if (thread !== undefined) return mode === 'cpu' ? thread : `this.thread.${thread}`
      const loop = loops.get(name)
      if (loop === undefined) throw new Error(`internal: ${kernel.name}: axis ${name} is not in scope`)
      // A counter is an integer already in webgl2.
      return mode === 'webasm' ? `(${loop} | 0)` : loop
    }
    const index = indexPrinter({
      mode,
      axis,
      keep: (key: string, atom: Atom, text: string) => scope.keep(levels.atom(atom), `@${key}`, text),
      number: (s) => scalars.name(s),
      uses: (set) => void found.functions.add(set),
    })
    const scalars = scalarPrinter({
      mode,
      scope,
      levels,
      uses: countUses(roots),
      index: (x: Index) => index.text(x),
      load: (slot, x) => {
        const input = kernel.inputs[slot]
        if (input === undefined || !(x.min >= 0 && x.max < input.size))
          throw new Error(
            `internal: ${kernel.name}: reads slot ${slot} of ${input?.size} elements at [${x.min}, ${x.max}] (${x.key})`,
          )
        found.slots.add(slot)
        return `a${slot}[${index.text(x)}]`
      },
      needs: (set) => void found.functions.add(set),
    })
    return scalars
  }

  if (kernel.reduce !== undefined) {
    const { fn } = kernel.reduce
    const loopLines: string[] = []
    const infinite = `(-${infinityText(mode)})`
    const empty = kernel.reduce.axes.some((a) => a.size === 0)
    let count: string | undefined
    if (shape.roots.count !== undefined && !empty) {
      const top = printer(before, new Levels([]), new Map(), [shape.roots.count])
      count = top.name(shape.roots.count)
    }
    nests.forEach((nest, n) => {
      if (!empty) loopLines.push(...printNest(mode, nest, n, fn, count, printer, before))
    })
    lines.push(...before.lines[0]!)
    if (fn === 'argmax') lines.push(`let best = ${infinite};`, 'let acc0 = 0;')
    else lines.push(`let acc0 = ${fn === 'sum' ? '0' : infinite};`)
    lines.push(...loopLines)
  }
  // What stands before the loops is known after them as well.
  const after = new Scope(0, undefined, 'w')
  const scope = kernel.reduce === undefined ? after : new After(before)
  const last = printer(scope, new Levels([]), new Map(), [shape.roots.body])
  const result = last.number(shape.roots.body)
  lines.push(...scope.lines[0]!, `return ${result};`)
  return { lines, ...found }
}

const inPairs = (values: readonly string[], join: (x: string, y: string) => string): string => {
  if (values.length === 1) return values[0]!
  const half = Math.ceil(values.length / 2)
  return join(inPairs(values.slice(0, half), join), inPairs(values.slice(half), join))
}

type MakePrinter = (
  scope: Scope,
  levels: Levels,
  loops: ReadonlyMap<string, string>,
  roots: readonly Scalar[],
) => ScalarPrinter

const printNest = (
  mode: GpujsMode,
  nest: Nest,
  n: number,
  fn: 'sum' | 'max' | 'argmax',
  count: string | undefined,
  printer: MakePrinter,
  before: Scope,
): readonly string[] => {
  const depth = nest.axes.length
  const scope = new Scope(depth, before, `n${n}_`)
  const names = new Map(nest.axes.map((a, i) => [a.name, `r${n}_${i}`]))
  const text = printer(scope, new Levels(nest.axes), names, nest.bodies)
  const innermost = fn === 'sum' ? Math.max(0, depth - 1) : 0
  const values = nest.bodies.map((body) => (fn === 'argmax' ? text.name(body) : text.numberAt(body, depth)))
  // In pairs: independent of each other, and closer to the exact sum.
  const value = inPairs(values, fn === 'sum' ? (x, y) => `(${x} + ${y})` : text.greater)
  const target = innermost === 0 ? 'acc0' : `acc${n}_${innermost}`
  const position = depth === 0 ? '0' : mode === 'webgl2' ? `ofWhole(r${n}_0)` : `r${n}_0`
  const statements =
    fn === 'sum'
      ? [`${target} = ${target} + ${value};`]
      : fn === 'max'
        ? [`${target} = ${text.greater(target, value)};`]
        : [`acc0 = (${value} > best ? ${position} : acc0);`, `best = (${value} > best ? ${value} : best);`] // NaN is never best
  if (depth === 0) return count === undefined ? statements : [`if (${count} > 0) {`, ...statements, '}']
  let inner: readonly string[] = [...scope.lines[depth]!, ...statements]
  for (let d = depth; d >= 1; d--) {
    const loop = names.get(nest.axes[d - 1]!.name)!
    const partial = fn === 'sum' && d >= 2
    const guard = d === 1 && count !== undefined ? [`if (${loop} >= ${count}) { break; }`] : []
    const own = d === depth ? [] : scope.lines[d]!
    inner = [
      ...(partial ? [`let acc${n}_${d - 1} = 0;`] : []),
      `for (let ${loop} = 0; ${loop} < ${nest.axes[d - 1]!.size}; ${loop}++) {`,
      ...[...guard, ...own, ...inner].map((line) => `  ${line}`),
      '}',
      ...(partial
        ? [`acc${d === 2 ? '0' : `${n}_${d - 2}`} = acc${d === 2 ? '0' : `${n}_${d - 2}`} + acc${n}_${d - 1};`]
        : []),
    ]
  }
  return inner
}

const countUses = (roots: readonly Scalar[]): ReadonlyMap<string, number> => {
  const uses = new Map<string, number>()
  const add = (s: Scalar): void => void uses.set(s.key, (uses.get(s.key) ?? 0) + 1)
  roots.forEach(add)
  for (const s of partsOf(roots).scalars) {
    if (s.tag === 'unary') add(s.x)
    else if (s.tag === 'binary') [s.x, s.y].forEach(add)
    else if (s.tag === 'select') [s.cond, s.x, s.y].forEach(add)
    else if (s.tag === 'threefry') s.args.forEach(add)
  }
  return uses
}
