/**
 * Functions in GLSL ES 3.00 that kernels call in gpu.js's mode webgl2, which takes them as they are. gpu.js's own text for that mode
 * finds bits one by one in a loop (wrong below zero), divides integers as floats and calls the largest number Infinity; and a
 * compiler may flush subnormals and assume that neither infinities nor NaN occur (GLSL ES 3.00 §4.5.1).
 */
export interface NativeFunction {
  readonly name: string
  readonly source: string
  readonly argumentTypes: Readonly<Record<string, 'Integer' | 'Number'>>
  readonly returnType: 'Integer' | 'Number'
}

const typeOf = (glsl: string): 'Integer' | 'Number' => (glsl === 'int' ? 'Integer' : 'Number')

const define = (source: string): NativeFunction => {
  const [, returns, name, args] = /^(int|float) (\w+)\(([^)]*)\)/.exec(source)!
  const typed = [...args!.matchAll(/(int|float) (\w+)/g)].map(([, type, arg]) => [arg!, typeOf(type!)] as const)
  return { name: name!, source, argumentTypes: Object.fromEntries(typed), returnType: typeOf(returns!) }
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const

/** Bits of word 0 or 1 of Threefry-2x32 with 20 rounds (Salmon et al. 2011, §4.3). Halves of words come as numbers. */
const threefry = (word: 0 | 1): string => {
  const lines: string[] = []
  for (let round = 0; round < 20; round++) {
    const by = rotations[round % 8]!
    lines.push(`x.x += x.y; x.y = ((x.y << ${by}u) | (x.y >> ${32 - by}u)) ^ x.x;`)
    if (round % 4 !== 3) continue
    const group = (round + 1) / 4
    const [a, b] = [group % 3, (group + 1) % 3].map((i) => ['key.x', 'key.y', 'last'][i]!)
    lines.push(`x += uvec2(${a}, ${b} + ${group}u);`)
  }
  return `float threefry${word}(float seedLo, float seedHi, int site, int element, float streamLo, float streamHi, int shift, int mask) {
  uvec2 key = uvec2((uint(seedHi) << 16u) | uint(seedLo), uint(site));
  uint last = 0x1bd11bdau ^ key.x ^ key.y;
  uvec2 x = uvec2(uint(element), (uint(streamHi) << 16u) | uint(streamLo)) + key;
  ${lines.join('\n  ')}
  return float((x.${word === 0 ? 'x' : 'y'} >> uint(shift)) & uint(mask));
}`
}

export const glslFunctions: readonly NativeFunction[] = [
  // Integers: a variable of gpu.js holds a float, whatever it is set to.
  'int whole(float x) { return int(x); }',
  'float ofWhole(int i) { return float(i); }',
  'int idiv(int i, int n) { return i / n; }',
  'int imod(int i, int n) { return i % n; }',
  'float plusInfinity() { return uintBitsToFloat(0x7f800000u); }',
  'float notANumber() { return uintBitsToFloat(0x7fc00000u); }',
  'float negated(float x) { return uintBitsToFloat(floatBitsToUint(x) ^ 0x80000000u); }',
  'float magnitude(float x) { return uintBitsToFloat(floatBitsToUint(x) & 0x7fffffffu); }',
  // 1 for what is neither NaN nor +Infinity.
  `float belowInfinity(float x) {
  uint bits = floatBitsToUint(x);
  return (bits & 0x7fffffffu) < 0x7f800000u || bits == 0xff800000u ? 1.0 : 0.0;
}`,
  // NaN if one of them is.
  'float most(float x, float y) { return x > y ? x : (y >= x ? y : x + y); }',
  'float least(float x, float y) { return x < y ? x : (y <= x ? y : x + y); }',
  // What GPUs give for 0, and for NaN, differs.
  `float logarithm(float x) {
  return x > 0.0 ? log(x) : uintBitsToFloat(x == 0.0 ? 0xff800000u : 0x7fc00000u);
}`,
  'float exponential(float x) { return x > 0.0 || x <= 0.0 ? exp(x) : x; }',
  // Nearest even. Below 2^-14 the significand counts units of 2^-24, of which a float holds every one.
  `float toF16(float x) {
  uint bits = floatBitsToUint(x);
  uint a = bits & 0x7fffffffu;
  uint sign = bits & 0x80000000u;
  if (a > 0x7f800000u) { return x; }
  if (a >= 0x477ff000u) { return uintBitsToFloat(sign | 0x7f800000u); }
  if (a >= 0x38800000u) { return uintBitsToFloat(sign | ((a + 0xfffu + ((a >> 13u) & 1u)) & 0xffffe000u)); }
  if (a < 0x33000000u) { return uintBitsToFloat(sign); }
  uint dropped = 126u - (a >> 23u);
  uint significand = (a & 0x7fffffu) | 0x800000u;
  uint rounded = (significand + (1u << (dropped - 1u)) - 1u + ((significand >> dropped) & 1u)) >> dropped;
  return uintBitsToFloat(sign | floatBitsToUint(float(rounded) * 5.9604644775390625e-8));
}`,
  `float toBf16(float x) {
  uint bits = floatBitsToUint(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return x; }
  return uintBitsToFloat((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}`,
  threefry(0),
  threefry(1),
].map(define)
