import { expTerms, halfRoot, ln2High, ln2Low, logTerms } from '../../emit/coefficients'

/**
 * exp and log for gpu.js's WebAssembly code, in vector and in scalar instructions: the same steps, so the same bits in both.
 * gpu.js itself calls JavaScript's for every lane.
 * source  Cephes expf and logf (Moshier; the coefficients and the split of ln 2). Error below 2 ulp; code ours.
 */
export interface MathEmitter {
  addLocal(type: 'f32' | 'i32' | 'v128'): number
  localGet(index: number): MathEmitter
  localSet(index: number): MathEmitter
  i32Const(value: number): MathEmitter
  f32Const(value: number): MathEmitter
  v128ConstF32x4(a: number, b: number, c: number, d: number): MathEmitter
  v128ConstI32x4(a: number, b: number, c: number, d: number): MathEmitter
}
type Instruction = (em: MathEmitter) => void

/** A function over one lane width: the names of gpu.js's instructions begin with the type. */
interface Lanes {
  readonly type: 'f32' | 'v128'
  readonly int: 'i32' | 'v128'
  readonly f: (op: string) => Instruction
  readonly i: (op: string) => Instruction
  readonly toInt: Instruction
  readonly fromInt: Instruction
  /** The bits of integers as floats, and back. */
  readonly asFloat: Instruction
  readonly asInt: Instruction
  /** a, b, condition -> condition ? a : b */
  readonly choose: Instruction
  readonly float: (value: number) => Instruction
  readonly whole: (value: number) => Instruction
}

const plain =
  (name: string): Instruction =>
  (em) =>
    (em as unknown as Record<string, () => void>)[name]!()

const scalar: Lanes = {
  type: 'f32',
  int: 'i32',
  f: (op) => plain(`f32${op}`),
  i: (op) => plain(`i32${op}`),
  toInt: plain('i32TruncSatF32S'),
  fromInt: plain('f32ConvertI32S'),
  asFloat: plain('f32ReinterpretI32'),
  asInt: plain('i32ReinterpretF32'),
  choose: plain('select'),
  float: (value) => (em) => void em.f32Const(value),
  whole: (value) => (em) => void em.i32Const(value),
}
const vector: Lanes = {
  type: 'v128',
  int: 'v128',
  f: (op) => plain(`f32x4${op}`),
  i: (op) => plain(`i32x4${op}`),
  toInt: plain('i32x4TruncSatF32x4S'),
  fromInt: plain('f32x4ConvertI32x4S'),
  asFloat: () => undefined,
  asInt: () => undefined,
  choose: plain('v128Bitselect'),
  float: (value) => (em) => void em.v128ConstF32x4(value, value, value, value),
  whole: (value) => (em) => void em.v128ConstI32x4(value, value, value, value),
}

const shift = (l: Lanes, op: string, by: number): readonly Instruction[] => [(em) => void em.i32Const(by), l.i(op)]
const get =
  (local: number): Instruction =>
  (em) =>
    void em.localGet(local)
const set =
  (local: number): Instruction =>
  (em) =>
    void em.localSet(local)

/** Replaces the number on the stack by its exponential: 0 below -104, infinite above 89, NaN for NaN. */
export const emitExp = (em: MathEmitter, wide: boolean): void => {
  const l = wide ? vector : scalar
  const [n, r, y] = [em.addLocal(l.type), em.addLocal(l.type), em.addLocal(l.type)]
  const [k, h] = [em.addLocal(l.int), em.addLocal(l.int)]
  const powerOfTwo: readonly Instruction[] = [l.whole(127), l.i('Add'), ...shift(l, 'Shl', 23), l.asFloat]
  const steps: readonly Instruction[] = [
    ...[l.float(-104), l.f('Max'), l.float(89), l.f('Min'), set(r)],
    ...[get(r), l.float(Math.LOG2E), l.f('Mul'), l.f('Nearest'), set(n)],
    ...[
      get(r),
      get(n),
      l.float(ln2High),
      l.f('Mul'),
      l.f('Sub'),
      get(n),
      l.float(ln2Low),
      l.f('Mul'),
      l.f('Sub'),
      set(r),
    ],
    l.float(expTerms[0]!),
    ...expTerms.slice(1).flatMap((c) => [get(r), l.f('Mul'), l.float(c), l.f('Add')]),
    ...[get(r), l.f('Mul'), get(r), l.f('Mul'), get(r), l.f('Add'), l.float(1), l.f('Add'), set(y)],
    // 2^n in two factors: their exponents are in range where that of 2^n is not.
    ...[get(n), l.toInt, set(k), get(k), ...shift(l, 'ShrS', 1), set(h)],
    ...[get(y), get(h), ...powerOfTwo, l.f('Mul'), get(k), get(h), l.i('Sub'), ...powerOfTwo, l.f('Mul')],
  ]
  for (const step of steps) step(em)
}

/** Replaces the number on the stack by its logarithm: -Infinity for 0, NaN below it and for NaN. */
export const emitLog = (em: MathEmitter, wide: boolean): void => {
  const l = wide ? vector : scalar
  const [x, m, t, y, e] = Array.from({ length: 5 }, () => em.addLocal(l.type)) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const [bits, k] = [em.addLocal(l.int), em.addLocal(l.int)]
  const tiny: readonly Instruction[] = [get(x), l.float(2 ** -126), l.f('Lt')]
  const steps: readonly Instruction[] = [
    set(x),
    // Subnormal numbers have no exponent of their own.
    ...[get(x), l.float(2 ** 24), l.f('Mul'), get(x), ...tiny, l.choose, l.asInt, set(bits)],
    ...[get(bits), l.whole(halfRoot), l.i('Sub'), ...shift(l, 'ShrS', 23), set(k)],
    ...[get(bits), get(k), ...shift(l, 'Shl', 23), l.i('Sub'), l.asFloat, set(m)],
    ...[get(k), l.fromInt, l.float(-24), l.float(0), ...tiny, l.choose, l.f('Add'), set(e)],
    ...[get(m), l.float(1), l.f('Sub'), set(t)],
    l.float(logTerms[0]!),
    ...logTerms.slice(1).flatMap((c) => [get(t), l.f('Mul'), l.float(c), l.f('Add')]),
    ...[get(t), l.f('Mul'), get(t), l.f('Mul'), get(t), l.f('Mul')],
    ...[
      get(e),
      l.float(ln2Low),
      l.f('Mul'),
      l.f('Add'),
      get(t),
      get(t),
      l.f('Mul'),
      l.float(0.5),
      l.f('Mul'),
      l.f('Sub'),
    ],
    ...[get(t), l.f('Add'), get(e), l.float(ln2High), l.f('Mul'), l.f('Add'), set(y)],
    // x > 0 ? (x < Infinity ? y : x) : (x = 0 ? -Infinity : NaN)
    ...[get(y), get(x), get(x), l.float(Infinity), l.f('Lt'), l.choose],
    ...[l.float(-Infinity), l.float(NaN), get(x), l.float(0), l.f('Eq'), l.choose],
    ...[get(x), l.float(0), l.f('Gt'), l.choose],
  ]
  for (const step of steps) step(em)
}
