import { input, isCollective, substitute, topological, type CollectiveName, type Expr } from '../core'
import type { Program } from './program'

/** What ranks do together between two stages: a collective of the value `from`, known as `to` thereafter. */
export interface Exchange {
  readonly op: CollectiveName
  readonly ranks: number
  readonly from: string
  readonly to: string
}

/** A part of a program without collectives, and those that follow it. */
export interface Stage {
  readonly program: Program
  readonly exchanges: readonly Exchange[]
}

/**
 * A program cut at its collectives. A stage computes what needs the exchanges before it and none later; what a later one reads of it is carried under
 * names that begin with `carried/`, but for what is made of inputs and constants alone and not needed before: that is made where it is read. An input that is given up
 * is given up at the last stage that reads it. One stage, the program itself, where there is no collective.
 */
export const stagesOf = ({ outputs, donated = [] }: Program): readonly Stage[] => {
  const order = topological(outputs.map((o) => o.value))
  if (!order.some(isExchanged)) return [{ program: { outputs, donated }, exchanges: [] }]
  const depths = depthsOf(order)
  const depth = (e: Expr): number => depths.get(e)!
  const last = Math.max(...depths.values())
  const carried = carriedOf(order, outputs.map((o) => o.value), depths) // prettier-ignore
  const names = new Map([...carried].map((e, i) => [e, `carried/${i}`] as const))
  const holes = new Map([...names].map(([e, name]) => [e, input(name, e.aval.shape, e.aval.dtype)] as const))
  const stages = Array.from({ length: last + 1 }, (_, s): Stage => {
    const known = new Map([...holes].filter(([e]) => depth(e) < s || (depth(e) === s && isExchanged(e))))
    const ahead = order.filter((e) => isExchanged(e) && depth(e) === s + 1)
    const operands = new Map(ahead.map((e) => [e, `sent/${names.get(e)!.slice('carried/'.length)}`] as const))
    const wanted = [
      ...outputs.filter((o) => depth(o.value) === s),
      ...[...carried].filter((e) => depth(e) === s && !isExchanged(e)).map((e) => ({ name: names.get(e)!, value: e })),
      ...ahead.map((e) => ({ name: operands.get(e)!, value: e.inputs[0]! })),
    ]
    const values = substitute(wanted.map((o) => o.value), known) // prettier-ignore
    return {
      program: { outputs: wanted.map(({ name }, i) => ({ name, value: values[i]! })) },
      exchanges: ahead.map((e) => ({
        op: e.op.name as CollectiveName,
        ranks: e.params['ranks'] as number,
        from: operands.get(e)!,
        to: names.get(e)!,
      })),
    }
  })
  return withDonations(stages, donated)
}

/** One rank exchanges nothing. */
const isExchanged = (e: Expr): boolean => isCollective(e) && e.params['ranks'] !== 1

/** How many exchanges, one after another, a node needs. */
const depthsOf = (order: readonly Expr[]): ReadonlyMap<Expr, number> => {
  const depths = new Map<Expr, number>()
  for (const e of order)
    depths.set(e, e.inputs.reduce((d, x) => Math.max(d, depths.get(x)!), 0) + Number(isExchanged(e))) // prettier-ignore
  return depths
}

/** What is computed in one stage and read in a later one, in order; results of exchanges among it. */
const carriedOf = (
  order: readonly Expr[],
  roots: readonly Expr[],
  depths: ReadonlyMap<Expr, number>,
): ReadonlySet<Expr> => {
  const outputs = new Set(roots)
  /** What the first stage computes in any case: what exchanges need, and outputs. */
  const early = new Set(
    topological([...order.filter(isExchanged).flatMap((e) => e.inputs), ...roots.filter((e) => depths.get(e) === 0)]),
  )
  const light = new Set<Expr>()
  for (const e of order)
    if (
      depths.get(e) === 0 &&
      (isSource(e) || (!early.has(e) && !outputs.has(e) && e.inputs.every((x) => light.has(x))))
    )
      light.add(e)
  const carried = new Set<Expr>()
  for (const e of order)
    for (const x of e.inputs)
      if (isExchanged(x) || (depths.get(x)! < depths.get(e)! - Number(isExchanged(e)) && !light.has(x))) carried.add(x)
  for (const e of roots) if (isExchanged(e)) carried.add(e)
  return new Set(order.filter((e) => carried.has(e)))
}

const isSource = (e: Expr): boolean => e.inputs.length === 0

/** Each stage gives up what is given up and read there for the last time; the last one what none reads. */
const withDonations = (stages: readonly Stage[], donated: readonly string[]): readonly Stage[] => {
  const reads = stages.map(
    ({ program }) =>
      new Set(
        topological(program.outputs.map((o) => o.value)).flatMap((e) => (e.op.name === 'input' ? [e.params['name'] as string] : [])), // prettier-ignore
      ),
  )
  const own = [
    ...donated,
    ...new Set(reads.flatMap((names) => [...names].filter((name) => name.startsWith('carried/')))),
  ]
  const lastRead = (name: string): number => {
    const at = reads.map((names) => names.has(name)).lastIndexOf(true)
    return at < 0 ? stages.length - 1 : at
  }
  return stages.map(({ program, exchanges }, s) => ({
    program: { ...program, donated: own.filter((name) => lastRead(name) === s) },
    exchanges,
  }))
}
