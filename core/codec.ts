import * as E from 'fp-ts/Either'
import * as t from 'io-ts'

/** Codecs shared by configs, headers and arguments: ranges as refinements, records that refuse what they do not know. */
const refined = (name: string, accepts: (n: number) => boolean): t.Type<number> =>
  new t.Type<number>(
    name,
    (u): u is number => typeof u === 'number' && accepts(u),
    (u, context) => (typeof u === 'number' && accepts(u) ? t.success(u) : t.failure(u, context)),
    t.identity,
  )

export const PositiveInt = refined('a whole number > 0', (n) => Number.isSafeInteger(n) && n > 0)
export const NonNegativeInt = refined('a whole number ≥ 0', (n) => Number.isSafeInteger(n) && n >= 0)
export const Uint32 = refined('a whole number in [0, 2^32)', (n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)
export const FiniteNumber = refined('a finite number', Number.isFinite)
export const NonNegativeNumber = refined('a number ≥ 0', (n) => Number.isFinite(n) && n >= 0)
export const PositiveNumber = refined('a number > 0', (n) => Number.isFinite(n) && n > 0)
/** In [0, 1); NaN is refused. */
export const Rate = refined('a number in [0, 1)', (n) => n >= 0 && n < 1)

/** In [0, 1]; NaN is refused. */
export const Share = refined('a number in [0, 1]', (n) => n >= 0 && n <= 1)

/** One thing wrong with a value: where in it, what was expected, what was found. */
export interface CodecFault {
  readonly key: string
  readonly expected: string
  readonly got: string
}

/**
 * A record with exactly these keys: `required` must be there, `optional` may. An unknown key is a fault that lists the known
 * ones, unlike io-ts's own `type` and `strict`, which let it pass or drop it.
 */
export const closed = <R extends t.Props, O extends t.Props>(name: string, required: R, optional: O): Fields<R, O> =>
  record(name, required, optional, 'refused')

/** A record with these keys, as `closed`; others may be there and are dropped: rows that someone else has written. */
export const atLeast = <R extends t.Props, O extends t.Props>(name: string, required: R, optional: O): Fields<R, O> =>
  record(name, required, optional, 'dropped')

type Fields<R extends t.Props, O extends t.Props> = t.Type<t.TypeOf<t.TypeC<R>> & t.TypeOf<t.PartialC<O>>, unknown>

const record = <R extends t.Props, O extends t.Props>(
  name: string,
  required: R,
  optional: O,
  unknownKeys: 'refused' | 'dropped',
): Fields<R, O> => {
  type A = t.TypeOf<t.TypeC<R>> & t.TypeOf<t.PartialC<O>>
  const known: t.Props = { ...required, ...optional }
  const validate: t.Validate<unknown, A> = (u, context) => {
    if (typeof u !== 'object' || u === null || Array.isArray(u)) return t.failure(u, context, `a record ${name}`)
    const record = u as Readonly<Record<string, unknown>>
    const errors: t.ValidationError[] = []
    const out: Record<string, unknown> = {}
    for (const key of unknownKeys === 'refused' ? Object.keys(record) : [])
      if (!Object.hasOwn(known, key))
        errors.push({
          value: undefined,
          context: t.appendContext(context, key, t.unknown),
          message: `no such key; known keys: ${Object.keys(known).sort().join(', ')}`,
        })
    for (const [key, codec] of Object.entries(known)) {
      const value = Object.hasOwn(record, key) ? record[key] : undefined // not what every object inherits
      if (!Object.hasOwn(required, key) && value === undefined) continue
      const result = codec.validate(value, t.appendContext(context, key, codec, value))
      if (E.isLeft(result)) errors.push(...result.left)
      else out[key] = result.right
    }
    return errors.length > 0 ? t.failures(errors) : t.success(out as A)
  }
  const encode = (a: A): unknown =>
    Object.fromEntries(
      Object.entries(a as Record<string, unknown>).map(([key, value]) => [key, known[key]!.encode(value)]),
    )
  return new t.Type<A>(
    name,
    (u): u is A => E.isRight(validate(u, [])),
    validate,
    // A record of these keys encodes to one: io-ts's type of an encoder cannot say so.
    encode as t.Encode<A, A>,
  )
}

/** One of some words. */
export const oneOf = <A extends string>(names: readonly A[]): t.Type<A, A> =>
  new t.Type<A, A, unknown>(
    names.join(' | '),
    (u): u is A => names.some((name) => name === u),
    (u, context) => {
      const found = names.find((name) => name === u)
      return found === undefined ? t.failure(u, context) : t.success(found)
    },
    t.identity,
  )

/** All that is wrong, at once, in the order found. */
export const codecFaults = (errors: t.Errors): readonly CodecFault[] => {
  const seen = new Map<string, CodecFault>()
  for (const { context, value, message } of errors) {
    const key = context
      .filter((c, i) => c.key !== '' && !(context[i - 1]?.type instanceof t.UnionType)) // which alternative is no place
      .map((c) => c.key)
      .join('.')
    const expected = message ?? context.at(-1)?.type.name ?? 'another value'
    const isUnknownKey = message?.startsWith('no such key') ?? false
    const fault = isUnknownKey
      ? { key, expected: message!.slice('no such key; '.length), got: `unknown key "${context.at(-1)!.key}"` }
      : { key, expected, got: showValue(value) }
    const before = seen.get(key)
    // Alternatives of one place (unions) are one fault.
    seen.set(
      key,
      before === undefined || before.expected === fault.expected
        ? fault
        : { ...before, expected: `${before.expected} or ${fault.expected}` },
    )
  }
  return [...seen.values()]
}

const showValue = (value: unknown): string => {
  const text = value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** `EncoderConfig: hidden: expected a whole number > 0, got "a"`, one line each. */
export const showCodecFaults = (name: string, faults: readonly CodecFault[]): string =>
  faults
    .map(({ key, expected, got }) => `${name}: ${key === '' ? '' : `${key}: `}expected ${expected}, got ${got}`)
    .join('\n')
