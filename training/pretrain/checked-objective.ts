import * as E from 'fp-ts/Either'
import { isExpr, sameShape, showAval, ShapeError, type Expr, type Shape } from '../../core'
import { sharingNames, type HeadSpecs, type PairModel, type PairParams } from '../../models'
import { badInput, type Fault } from '../fault'
import {
  defineObjective,
  type LossFn,
  type LossParts,
  type Objective,
  type ObjectiveTraits,
  type Reading,
} from '../objectives'

/** Carries a fault of a user's objective out of the building of a program; `openRun` and the command line make it a Left. */
export class ObjectiveFault extends Error {
  constructor(readonly fault: Fault) {
    super(fault.got)
  }
}

/** Names that a line of the log has already. */
const reserved = new Set([
  'step',
  'loss',
  'gradNorm',
  'lossScale',
  'skipped',
  'skippedBefore',
  'exhausted',
  'lr',
  'tokens',
  'tokensPerSecond',
  'backend',
  'done',
  'metrics',
])

/**
 * A user's objective, held to its contract each time it is called: what it throws and what it returns wrong becomes one fault
 * that names the file. A ShapeError passes: it says more.
 */
export const checkedObjective = (
  where: string,
  objective: ((...args: readonly unknown[]) => unknown) & { readonly [K in keyof ObjectiveTraits]?: unknown },
): E.Either<Fault, Objective<PairParams>> => {
  const traits = checkedTraits(where, objective)
  return E.isLeft(traits) ? traits : E.right(defineObjective(traits.right, checkedLoss(where, objective)))
}

/** What a user's objective says of itself, as far as it says anything: heads of `defineHead`, and so on. */
const checkedTraits = (
  where: string,
  { heads, reading, frozen, sharing, contrastsRows }: { readonly [K in keyof ObjectiveTraits]?: unknown },
): E.Either<Fault, ObjectiveTraits> => {
  const wrong = (expected: string, got: unknown): E.Either<Fault, never> =>
    E.left(badInput('--objective', where, expected, describeValue(got)))
  if (heads !== undefined && !(Array.isArray(heads) && heads.every(isHead)))
    return wrong('a list of what defineHead gives as "heads"', heads)
  if (reading !== undefined && !isReading(reading))
    return wrong('functions "original" or "language" as "reading"', reading)
  if (frozen !== undefined && !(Array.isArray(frozen) && frozen.every((path) => typeof path === 'string')))
    return wrong('a list of starts of paths as "frozen"', frozen)
  const shared = sharingNames.find((name) => name === sharing)
  if (sharing !== undefined && shared === undefined) return wrong(`${sharingNames.join(' | ')} as "sharing"`, sharing)
  return E.right({
    ...(heads === undefined ? {} : { heads: heads }),
    ...(reading === undefined ? {} : { reading: checkedReading(where, reading) }),
    ...(frozen === undefined ? {} : { frozen: frozen }),
    ...(shared === undefined ? {} : { sharing: shared }),
    ...(contrastsRows === undefined ? {} : { contrastsRows: Boolean(contrastsRows) }),
  })
}

const isHead = (head: unknown): head is HeadSpecs =>
  isRecord(head) && typeof head['name'] === 'string' && typeof head['specs'] === 'function'

const isReading = (reading: unknown): reading is Reading =>
  isRecord(reading) &&
  Object.entries(reading).every(([name, f]) => ['original', 'language'].includes(name) && typeof f === 'function')

const refusal =
  (where: string) =>
  (expected: string, got: string, help?: string): never => {
    throw new ObjectiveFault(badInput('--objective', where, expected, got, help))
  }

/** Calls the user's code; what it throws is a fault, but for a ShapeError. */
const attempting =
  (where: string, what: string) =>
  (call: () => unknown): unknown => {
    try {
      return call()
    } catch (error) {
      if (error instanceof ShapeError || error instanceof ObjectiveFault) throw error
      return refusal(where)(`${what} that can be built`, describeThrown(error))
    }
  }

/** A reading held to its contract: expressions of the shapes that are asked for. */
const checkedReading = (where: string, { original, language, ...rest }: Reading): Reading => {
  const held = (name: keyof Reading, shape: Shape, call: () => unknown): Expr => {
    const value = attempting(where, `a reading "${name}"`)(call)
    return isExpr(value) && sameShape(value.aval.shape, shape)
      ? value
      : refusal(where)(`f32[${shape.join(',')}] of the reading "${name}"`, describeValue(value))
  }
  const detects = (f: NonNullable<Reading['original']>): Reading => ({
    original: (params, hidden, ids, config) => held('original', ids.aval.shape, () => f(params, hidden, ids, config)),
  })
  const says = (f: NonNullable<Reading['language']>): Reading => ({
    language: (params, rows, config) =>
      held('language', [rows.aval.shape[0]!, params.embedding.token.aval.shape[0]!], () => f(params, rows, config)),
  })
  return { ...rest, ...(original && detects(original)), ...(language && says(language)) }
}

const checkedLoss =
  (where: string, objective: (...args: readonly unknown[]) => unknown): ((config: PairModel) => LossFn<PairParams>) =>
  (config) => {
    const refuse = refusal(where)
    const attempt = attempting(where, 'a loss')
    const loss = attempt(() => objective(config))
    if (typeof loss !== 'function')
      return refuse('a function (params, batch, key) => { loss, metrics } of the config', describeValue(loss))
    return (params, batch, key): LossParts => {
      const parts = attempt(() => (loss as (...args: readonly unknown[]) => unknown)(params, batch, key))
      const { loss: value, metrics = {} } = isRecord(parts) ? parts : refuse('{ loss, metrics }', describeValue(parts))
      if (!isExpr(value)) return refuse('an expression as "loss"', describeValue(value))
      if (!isRecord(metrics)) return refuse('a record of scalars as "metrics"', describeValue(metrics))
      for (const [name, metric] of Object.entries(metrics)) {
        if (reserved.has(name)) refuse(`metrics with names of their own`, name, `taken: ${[...reserved].join(', ')}`)
        if (!isExpr(metric) || metric.aval.shape.length !== 0)
          refuse(`a scalar expression as metric "${name}"`, describeValue(metric), 'sum(x) or mean(x) makes one')
      }
      return { loss: value, metrics: metrics as Readonly<Record<string, Expr>> }
    }
  }

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !isExpr(value)

/** `3, a number`; `a record of loss, metrics`; `f32[2,3]`. */
export const describeValue = (value: unknown): string => {
  if (isExpr(value)) return showAval(value.aval)
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value instanceof Promise) return 'a promise, as an async function gives'
  if (isRecord(value)) return `a record of ${Object.keys(value).join(', ') || 'nothing'}`
  if (typeof value === 'number') return `${value}, a number`
  if (typeof value === 'string') return `${JSON.stringify(value)}, a text`
  return typeof value === 'function' ? 'a function' : String(value)
}

/** `TypeError: x is not a function (file:///.../mine.mjs:3:5)`. */
const describeThrown = (error: unknown): string => {
  if (!(error instanceof Error)) return `the throw of ${describeValue(error)}`
  const place = /\(?(file:\/\/\S+?:\d+:\d+)\)?/.exec(error.stack ?? '')?.[1]
  return `${error.name}: ${error.message}${place === undefined ? '' : ` (${place})`}`
}
