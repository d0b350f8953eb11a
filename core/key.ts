import { sizeOf, type Shape } from './aval'
import { shapeError } from './error'
import { hash64 } from './hash'
import type { Expr } from './op'
import { ops } from './ops'
import { add, broadcastTo, cast, cos, log, lt, mul, neg, reshape, scalar, sqrt, sub } from './sugar'

/**
 * A key of the counter-based generator: the bits of an element are a pure function of (seed, site, stream, element), so they
 * are the same on every device, in every micro-batch and on every rank.
 *
 * `seed` and `stream` are 32-bit numbers as two 16-bit limbs (i32 expressions, so they may come with the batch); `stream` has a
 * leading shape (the global number of the example, say) and numbers the rows of what is drawn. `site` is fixed when the
 * program is built: splitting a key costs nothing at run time.
 */
export interface Key {
  readonly seed: Limbs
  readonly stream: Limbs
  readonly site: number
}
export interface Limbs {
  readonly lo: Expr
  readonly hi: Expr
}

const limbsOf = (n: number): Limbs => ({ lo: scalar(n & 0xffff, 'i32'), hi: scalar((n >>> 16) & 0xffff, 'i32') })

/** A key from a seed: a number in [0, 2^32), or limbs. */
export const keyOf = (seed: number | Limbs): Key => ({
  seed: typeof seed === 'number' ? limbsOf(seed >>> 0) : seed,
  stream: limbsOf(0),
  site: 0,
})

/** An independent key for a named or numbered part. Equal labels under one key give equal keys: never draw twice from one. */
export const foldIn = (key: Key, label: string | number): Key => ({
  ...key,
  site: hash64(`${key.site}/${label}`)[0],
})

/** `count` independent keys. */
export const splitKey = (key: Key, count = 2): readonly Key[] => Array.from({ length: count }, (_, i) => foldIn(key, i))

/** The key whose draws are numbered by `stream`: i32[...L] limbs; what is drawn has shape [...L, ...]. */
export const withStream = (key: Key, stream: Limbs): Key => ({ ...key, stream })

const draw = (
  key: Key,
  shape: Shape,
  bits: { readonly word: 0 | 1; readonly shift: number; readonly bits: number },
): Expr => {
  const lead = key.stream.lo.aval.shape
  if (lead.some((n, i) => shape[i] !== n))
    shapeError('random', `a shape that begins with the key's [${lead.join(',')}]`, `[${shape.join(',')}]`)
  const rest = shape.slice(lead.length)
  const element = ops.iota({ shape: [sizeOf(rest)], axis: 0 })
  const flat = [...lead, sizeOf(rest)]
  const wide = (e: Expr): Expr =>
    broadcastTo(reshape(e, [...e.aval.shape, ...(e.aval.shape.length === lead.length ? [1] : [])]), flat)
  const drawn = ops.threefry(
    { site: key.site, ...bits },
    broadcastTo(key.seed.lo, flat),
    broadcastTo(key.seed.hi, flat),
    wide(key.stream.lo),
    wide(key.stream.hi),
    broadcastTo(element, flat),
  )
  return reshape(drawn, shape)
}

/** Integers in [0, 2^bits), bits ≤ 24: i32. */
export const randomBits = (key: Key, shape: Shape, bits = 24): Expr =>
  draw(key, shape, { word: 0, shift: 32 - bits, bits })

/** Uniform on the midpoints (b + 1/2) / 2^23: never 0 nor 1, and exact in f32. */
export const uniform = (key: Key, shape: Shape): Expr =>
  mul(add(cast(randomBits(key, shape, 23), 'f32'), 0.5), 2 ** -23)

/** Standard Gumbel noise, -ln(-ln u): argmax(logits + gumbel) is a draw from softmax(logits) (Maddison et al. 2014, arXiv:1411.0030). */
export const gumbel = (key: Key, shape: Shape): Expr => neg(log(neg(log(uniform(key, shape)))))

/** Standard normal, by Box and Muller 1958: √(-2 ln u) cos 2πv. No magnitude is above √(48 ln 2) = 5.8. */
export const normal = (key: Key, shape: Shape): Expr =>
  mul(
    sqrt(mul(log(uniform(foldIn(key, 'length'), shape)), -2)),
    cos(mul(uniform(foldIn(key, 'angle'), shape), 2 * Math.PI)),
  )

/** True with probability p, to 2^-24. */
export const bernoulli = (key: Key, p: number, shape: Shape): Expr =>
  lt(randomBits(key, shape, 24), scalar(Math.round(p * 2 ** 24), 'i32'))

/** Uniform integers in [0, n) by multiplication of 24 bits; bias below n / 2^24. An expression n broadcasts to the shape. */
export const randomBelow = (key: Key, n: number | Expr, shape: Shape): Expr =>
  cast(mul(sub(uniform(key, shape), 2 ** -24), typeof n === 'number' ? n : cast(n, 'f32')), 'i32')
