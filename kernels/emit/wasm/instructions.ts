/**
 * WebAssembly instructions as functions of their operands: `f32x4.add(get(x), get(y))` is the code that leaves the sum.
 * source  WebAssembly core specification 2.0, §5.4; relaxed SIMD proposal (0x100 and up).
 */
export type Code = readonly (number | Code | VectorConstant)[]
/** Sixteen bytes that the module keeps as a global: V8 builds a constant in three instructions, and loads it in one. */
export interface VectorConstant {
  readonly bytes: readonly number[]
}
export type ValueType = 'i32' | 'f32' | 'f64' | 'v128'

/** The bytes of some code; `global` gives the number of the global that holds a constant. */
export const flatten = (code: Code, global: (constant: VectorConstant) => number, into: number[] = []): number[] => {
  for (const part of code) {
    if (typeof part === 'number') into.push(part)
    else if ('bytes' in part) into.push(0x23, ...unsigned(global(part)))
    else flatten(part, global, into)
  }
  return into
}

/** Unsigned LEB128. */
export const unsigned = (n: number): number[] => {
  const bytes: number[] = []
  let rest = n >>> 0
  do {
    const low = rest & 0x7f
    rest >>>= 7
    bytes.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return bytes
}

/** Signed LEB128. */
const signed = (n: number): number[] => {
  const bytes: number[] = []
  let rest = n | 0
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}

const floatBytes = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)]
const intBytes = (value: number): number[] => [...new Uint8Array(Int32Array.of(value).buffer)]

type Operator = (...operands: readonly Code[]) => Code
const plain =
  (opcode: number): Operator =>
  (...operands) => [...operands, opcode]
const simd = (opcode: number): Operator => {
  const bytes = [0xfd, ...unsigned(opcode)]
  return (...operands) => [...operands, ...bytes]
}
const lanewise =
  (opcode: number) =>
  (lane: number, ...operands: readonly Code[]): Code => [...operands, 0xfd, ...unsigned(opcode), lane]

/** A memory access: operands, then `offset` bytes added to the address. No alignment is promised. */
const access =
  (...opcode: readonly number[]) =>
  (offset: number, ...operands: readonly Code[]): Code => [...operands, ...opcode, 0, ...unsigned(offset)]
const laneAccess =
  (opcode: number) =>
  (lane: number, offset: number, address: Code, vector: Code): Code => [
    address,
    vector,
    0xfd,
    ...unsigned(opcode),
    0,
    ...unsigned(offset),
    lane,
  ]

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number, value: Code): Code => [value, 0x21, ...unsigned(local)]
export const select = (cond: Code, x: Code, y: Code): Code => [x, y, cond, 0x1b]
export const call = (index: number, ...operands: readonly Code[]): Code => [...operands, 0x10, ...unsigned(index)]
export const block = (...body: readonly Code[]): Code => [0x02, 0x40, ...body, 0x0b]
export const loop = (...body: readonly Code[]): Code => [0x03, 0x40, ...body, 0x0b]
export const when = (cond: Code, body: Code, otherwise?: Code): Code =>
  otherwise === undefined ? [cond, 0x04, 0x40, body, 0x0b] : [cond, 0x04, 0x40, body, 0x05, otherwise, 0x0b]
export const branchIf = (depth: number, cond: Code): Code => [cond, 0x0d, depth]
export const exit = (depth: number): Code => [0x0c, depth]

/** while (cond) { body } */
export const whileLoop = (cond: Code, body: Code): Code => block(loop(branchIf(1, i32.eqz(cond)), body, exit(0)))

export const i32 = {
  of: (value: number): Code => [0x41, ...signed(value)],
  eqz: plain(0x45),
  eq: plain(0x46),
  ne: plain(0x47),
  lt: plain(0x48),
  gt: plain(0x4a),
  le: plain(0x4c),
  ge: plain(0x4e),
  add: plain(0x6a),
  sub: plain(0x6b),
  mul: plain(0x6c),
  div: plain(0x6d),
  rem: plain(0x6f),
  and: plain(0x71),
  or: plain(0x72),
  load: access(0x28),
  load8: access(0x2d),
  load16: access(0x2f),
  store: access(0x36),
}
export const f32 = {
  of: (value: number): Code => [0x43, ...floatBytes(value)],
  load: access(0x2a),
  store: access(0x38),
  add: plain(0x92),
  demote: plain(0xb6),
  promote: plain(0xbb),
}

const vectorOf = (bytes: readonly number[]): Code =>
  bytes.every((b) => b === 0) || bytes.every((b) => b === 0xff) ? [0xfd, 0x0c, ...bytes] : [{ bytes }]
const splatBytes = (bytes: readonly number[]): Code => vectorOf([...bytes, ...bytes, ...bytes, ...bytes])

export const v128 = {
  load: access(0xfd, 0x00),
  load32Splat: access(0xfd, 0x09),
  load32Zero: access(0xfd, 0x5c),
  load64Zero: access(0xfd, 0x5d),
  store: access(0xfd, 0x0b),
  load32Lane: laneAccess(0x56),
  store8Lane: laneAccess(0x58),
  store16Lane: laneAccess(0x59),
  store32Lane: laneAccess(0x5a),
  store64Lane: laneAccess(0x5b),
  not: simd(0x4d),
  and: simd(0x4e),
  or: simd(0x50),
  xor: simd(0x51),
  anyTrue: simd(0x53),
  /** Lanes of x where the mask has ones, of y where it has zeros. */
  choose: (mask: Code, x: Code, y: Code): Code => [x, y, mask, 0xfd, 0x52],
  /** Bytes by number: 0-15 of x, 16-31 of y. */
  shuffle: (bytes: readonly number[], x: Code, y: Code): Code => [x, y, 0xfd, 0x0d, ...bytes],
}
/** Lanes of four bytes by number: 0-3 of x, 4-7 of y. */
export const shuffle32 = (lanes: readonly number[], x: Code, y: Code): Code =>
  v128.shuffle(
    lanes.flatMap((l) => [4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3]),
    x,
    y,
  )

export const i32x4 = {
  of: (value: number): Code => splatBytes(intBytes(value)),
  lanes: (a: number, b: number, c: number, d: number): Code => vectorOf([a, b, c, d].flatMap(intBytes)),
  splat: simd(0x11),
  extract: lanewise(0x1b),
  replace: lanewise(0x1c),
  eq: simd(0x37),
  ne: simd(0x38),
  lt: simd(0x39),
  gt: simd(0x3b),
  le: simd(0x3d),
  ge: simd(0x3f),
  abs: simd(0xa0),
  neg: simd(0xa1),
  shl: simd(0xab),
  shrS: simd(0xac),
  shrU: simd(0xad),
  add: simd(0xae),
  sub: simd(0xb1),
  mul: simd(0xb5),
  min: simd(0xb6),
  max: simd(0xb8),
  truncSat: simd(0xf8),
  extend16: simd(0xa9),
}
export const i16x8 = { extend8: simd(0x89), narrow32: simd(0x86) }
export const i8x16 = { narrow16: simd(0x66) }

export const f32x4 = {
  of: (value: number): Code => splatBytes(floatBytes(value)),
  splat: simd(0x13),
  extract: lanewise(0x1f),
  replace: lanewise(0x20),
  eq: simd(0x41),
  ne: simd(0x42),
  lt: simd(0x43),
  gt: simd(0x44),
  le: simd(0x45),
  ge: simd(0x46),
  floor: simd(0x68),
  nearest: simd(0x6a),
  abs: simd(0xe0),
  neg: simd(0xe1),
  sqrt: simd(0xe3),
  add: simd(0xe4),
  sub: simd(0xe5),
  mul: simd(0xe6),
  div: simd(0xe7),
  min: simd(0xe8),
  max: simd(0xe9),
  /** y < x ? y : x, as the comparison is: NaN in either gives x. */
  pmin: simd(0xea),
  /** x < y ? y : x */
  pmax: simd(0xeb),
  ofInts: simd(0xfa),
  /** x y + z, rounded once where the processor has it. */
  relaxedMadd: simd(0x105),
}
