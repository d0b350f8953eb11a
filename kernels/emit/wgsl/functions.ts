import { erfInner, erfOuter, sineTerms, tanhBottom, tanhTop, piParts } from '../coefficients'

/**
 * WGSL functions that kernels call. What a compiler may not be trusted with in floats (WGSL §15.7: it may contract, reassociate,
 * flush subnormals and assume that neither infinities nor NaN occur) is done on the bits.
 */

/** A number as an f32 literal; infinite ones and NaN are no constants in WGSL: see `infinite`. */
export const f32Text = (value: number): string => {
  const rounded = Math.fround(value)
  if (!Number.isFinite(rounded)) return Number.isNaN(rounded) ? 'nan()' : rounded > 0 ? 'infinity()' : '(-infinity())'
  const text = Object.is(rounded, -0) ? '-0' : String(rounded)
  const real = /[.e]/.test(text) ? `${text}f` : `${text}.0f`
  return rounded < 0 || Object.is(rounded, -0) ? `(${real})` : real
}

const horner = (x: string, coefficients: readonly number[]): string =>
  coefficients.slice(1).reduce((sum, c) => `fma(${sum}, ${x}, ${f32Text(c)})`, f32Text(coefficients[0]!))

interface WgslFunction {
  readonly text: string
  readonly needs?: readonly string[]
}

/** Cut by magnitude, with what x is kept where it is NaN, which WGSL's clamp may drop. */
const cut = (x: string, least: number, most: number): string =>
  `select(select(${x}, ${f32Text(most)}, ${x} > ${f32Text(most)}), ${f32Text(least)}, ${x} < ${f32Text(least)})`

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const

/** Threefry-2x32 with 20 rounds (Salmon et al. 2011, §4.3). */
const threefry = (): string => {
  const lines = ['  let k = array<u32, 3>(key.x, key.y, 0x1bd11bdau ^ key.x ^ key.y);', '  var x = counter + key;']
  for (let round = 0; round < 20; round++) {
    const by = rotations[round % 8]!
    lines.push(`  x.x += x.y;`, `  x.y = ((x.y << ${by}u) | (x.y >> ${32 - by}u)) ^ x.x;`)
    if (round % 4 !== 3) continue
    const group = (round + 1) / 4
    lines.push(`  x += vec2<u32>(k[${group % 3}], k[${(group + 1) % 3}] + ${group}u);`)
  }
  return `fn threefry(key : vec2<u32>, counter : vec2<u32>) -> vec2<u32> {\n${lines.join('\n')}\n  return x;\n}`
}

export const wgslFunctions: Readonly<Record<string, WgslFunction>> = {
  infinity: {
    // Neither a constant nor an overflow: validators refuse the one, compilers may assume the other away.
    text: `var<private> infinityBits : u32 = 0x7f800000u;
fn infinity() -> f32 { return bitcast<f32>(infinityBits); }`,
  },
  nan: {
    text: `var<private> nanBits : u32 = 0x7fc00000u;
fn nan() -> f32 { return bitcast<f32>(nanBits); }`,
  },
  negated: { text: 'fn negated(x : f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ 0x80000000u); }' },
  magnitude: { text: 'fn magnitude(x : f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0x7fffffffu); }' },
  belowInfinity: {
    text: `fn belowInfinity(x : f32) -> bool {
  let bits = bitcast<u32>(x);
  return (bits & 0x7fffffffu) < 0x7f800000u || bits == 0xff800000u;
}`,
  },
  // NaN if one of them is.
  most: { text: 'fn most(x : f32, y : f32) -> f32 { return select(select(x + y, y, y >= x), x, x > y); }' },
  least: { text: 'fn least(x : f32, y : f32) -> f32 { return select(select(x + y, y, y <= x), x, x < y); }' },
  // Some GPUs give the logarithm of the least normal number for 0, and infinity for e^NaN.
  logarithm: {
    needs: ['infinity', 'nan'],
    text: 'fn logarithm(x : f32) -> f32 { return select(select(nan(), -infinity(), x == 0.0), log(x), x > 0.0); }',
  },
  exponential: { text: 'fn exponential(x : f32) -> f32 { return select(x, exp(x), x > 0.0 || x <= 0.0); }' },
  signOf: { text: 'fn signOf(x : f32) -> f32 { return select(select(x, -1.0, x < 0.0), 1.0, x > 0.0); }' },
  /** See tanhFormula in ../formulas.ts. */
  hyperbolicTangent: {
    text: `fn hyperbolicTangent(x : f32) -> f32 {
  let c = ${cut('x', -7.90531110763549805, 7.90531110763549805)};
  let s = c * c;
  return c * ${horner('s', tanhTop)} / ${horner('s', tanhBottom)};
}`,
  },
  /** See erfFormula in ../formulas.ts. */
  errorFunction: {
    text: `fn errorFunction(x : f32) -> f32 {
  let b = abs(x);
  let a = select(b, 4.25, b > 4.25);
  let q = ${horner('(a - 1.0)', erfOuter)};
  let inner = a * ${horner('(a * a)', erfInner)};
  let r = select(1.0 - 1.0 / (q * q * q * q), inner, a < 1.0);
  return select(r, -r, x < 0.0);
}`,
  },
  ...Object.fromEntries(
    (['sine', 'cosine'] as const).map((kind) => [
      kind,
      {
        /** See sineFormula in ../formulas.ts. */
        text: `fn ${kind}(x : f32) -> f32 {
  let k = floor(x * ${f32Text(1 / Math.PI)} + ${kind === 'sine' ? '0.5' : '1.0'});
  let m = k${kind === 'sine' ? '' : ' - 0.5'};
  let r = ((x - m * ${f32Text(piParts[0])}) - m * ${f32Text(piParts[1])}) - m * ${f32Text(piParts[2])};
  let s = r * r;
  let sign = select(1.0, -1.0, k - 2.0 * floor(k * 0.5) > 0.5);
  return sign * r * ${horner('s', sineTerms)};
}`,
      },
    ]),
  ),
  // Nearest even. Below 2^-14 the significand counts units of 2^-24.
  f16Bits: {
    text: `fn f16Bits(x : f32) -> u32 {
  let bits = bitcast<u32>(x);
  let a = bits & 0x7fffffffu;
  let sign = (bits >> 16u) & 0x8000u;
  if (a > 0x7f800000u) { return sign | 0x7e00u; }
  if (a >= 0x477ff000u) { return sign | 0x7c00u; }
  if (a >= 0x38800000u) { return sign | ((a + 0xfffu + ((a >> 13u) & 1u) - 0x38000000u) >> 13u); }
  if (a < 0x33000000u) { return sign; }
  let dropped = 126u - (a >> 23u);
  let whole = (a & 0x7fffffu) | 0x800000u;
  return sign | ((whole + (1u << (dropped - 1u)) - 1u + ((whole >> dropped) & 1u)) >> dropped);
}`,
  },
  f16Value: {
    text: `fn f16Value(h : u32) -> f32 {
  let sign = (h & 0x8000u) << 16u;
  let a = h & 0x7fffu;
  let normal = (a << 13u) + select(0x38000000u, 0x70000000u, a >= 0x7c00u);
  let small = bitcast<u32>(f32(a) * 5.9604644775390625e-8f);
  return bitcast<f32>(sign | select(normal, small, a < 0x400u));
}`,
  },
  bf16Bits: {
    text: `fn bf16Bits(x : f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return (bits >> 16u) | 0x40u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}`,
  },
  bf16Value: { text: 'fn bf16Value(h : u32) -> f32 { return bitcast<f32>(h << 16u); }' },
  toF16: { needs: ['f16Bits', 'f16Value'], text: 'fn toF16(x : f32) -> f32 { return f16Value(f16Bits(x)); }' },
  toBf16: { needs: ['bf16Bits', 'bf16Value'], text: 'fn toBf16(x : f32) -> f32 { return bf16Value(bf16Bits(x)); }' },
  ...Object.fromEntries(
    (['f16', 'bf16'] as const).map((name) => [
      `${name}Quad`,
      {
        needs: [`${name}Value`],
        text: `fn ${name}Quad(w : vec2<u32>) -> vec4<f32> {
  return vec4<f32>(${['x', 'y'].flatMap((c) => [`${name}Value(w.${c} & 0xffffu)`, `${name}Value(w.${c} >> 16u)`]).join(', ')});
}`,
      },
    ]),
  ),
  threefry: { text: threefry() },
}

/** The text of functions and of those that they call, each once. */
export const functionsText = (names: Iterable<string>): string => {
  const done = new Set<string>()
  const out: string[] = []
  const add = (name: string): void => {
    if (done.has(name)) return
    done.add(name)
    const { needs = [], text } = wgslFunctions[name]!
    needs.forEach(add)
    out.push(text)
  }
  for (const name of names) add(name)
  return out.join('\n')
}
