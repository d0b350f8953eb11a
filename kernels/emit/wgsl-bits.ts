import type { HelperFunction } from './gpujs-functions'

/**
 * What a WGSL compiler may not be trusted with in floats (WGSL §15.7: it may contract, reassociate, flush subnormals and assume that neither
 * infinities nor NaN occur) is done on the bits. gpu.js knows these functions by a body that it can translate; the WebGPU kernel puts the
 * text in its place.
 */
export interface BitFunction extends HelperFunction {
  /** Body of `fn (x : f32) -> f32`. */
  readonly wgsl: string
}

const define = (name: string, wgsl: string): BitFunction => ({
  name,
  source: `function ${name}(x) { return x; }`,
  type: 'Number',
  arity: 1,
  wgsl,
})

export const bitFunctions: readonly BitFunction[] = [
  // Nearest even. Below 2^-14 the significand counts units of 2^-24, of which a float holds every one.
  define(
    'toF16Bits',
    `let bits = bitcast<u32>(x);
  let a = bits & 0x7fffffffu;
  let sign = bits & 0x80000000u;
  if (a > 0x7f800000u) { return x; }
  if (a >= 0x477ff000u) { return bitcast<f32>(sign | 0x7f800000u); }
  if (a >= 0x38800000u) {
    return bitcast<f32>(sign | ((a + 0xfffu + ((a >> 13u) & 1u)) & 0xffffe000u));
  }
  if (a < 0x33000000u) { return bitcast<f32>(sign); }
  let dropped = 126u - (a >> 23u);
  let whole = (a & 0x7fffffu) | 0x800000u;
  let rounded = (whole + (1u << (dropped - 1u)) - 1u + ((whole >> dropped) & 1u)) >> dropped;
  return bitcast<f32>(sign | bitcast<u32>(f32(rounded) * 5.9604644775390625e-8));`,
  ),
  define(
    'toBf16Bits',
    `let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return x; }
  return bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);`,
  ),
  define('negatedBits', 'return bitcast<f32>(bitcast<u32>(x) ^ 0x80000000u);'),
  define('absoluteBits', 'return bitcast<f32>(bitcast<u32>(x) & 0x7fffffffu);'),
  // 1 for what is neither NaN nor +Infinity.
  define(
    'belowInfinity',
    `let bits = bitcast<u32>(x);
  return select(0.0, 1.0, (bits & 0x7fffffffu) < 0x7f800000u || bits == 0xff800000u);`,
  ),
]

/** Translated WGSL with the bodies of these functions. */
export const withBitFunctions = (wgsl: string): string =>
  bitFunctions.reduce(
    (text, { name, wgsl: body }) =>
      text.replace(
        new RegExp(`fn (\\w*${name})\\(\\w+ : f32\\) -> f32 \\{\\n[^}]*\\}`),
        (_, mangled: string) => `fn ${mangled}(x : f32) -> f32 {\n  ${body}\n}`,
      ),
    wgsl,
  )
